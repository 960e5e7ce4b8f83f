"""How long the name of a set may be, so that all the names made from it are valid (docs/decisions/133).

Of these names the longest label value decides: each pod of a StatefulSet gets ``controller-revision-hash``
with ``<StatefulSet>-<hash>``, the worker StatefulSet of group g is called ``<set>-<g>``, and a label value
has at most 63 characters. The hash has up to ten, a matter of template and namespace. All other names are
shorter (pods and host names: a worker index has at most ten digits; Services) or may
have 253 (revisions, claims).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from lws.webhooks.objectmeta import MOST_LABEL

_HASH: Final = 10
_LONGEST_SET: Final = MOST_LABEL - 1 - _HASH


class Named(NamedTuple):
    """A set as far as its name matters. ``length``: of the name, in characters; ``groups``: the most it has
    in a roll, surge included.
    """

    length: int
    groups: int
    size: int

    @property
    def limit(self) -> int:
        """The longest name that always works for so many groups; for the first group where there are none."""
        if self.size <= 1:
            return _LONGEST_SET
        return _LONGEST_SET - len(f"-{max(0, self.groups - 1)}")

    @property
    def fits(self) -> bool:
        return self.length <= self.limit


def most_groups(length: int) -> int:
    """How many groups with workers a set can have whose name is so long, surge included; 0: not even one."""
    digits = _LONGEST_SET - 1 - length
    return 10**digits if digits > 0 else 0


def counted(groups: int) -> str:
    return f"{groups} group{'' if groups == 1 else 's'}"
