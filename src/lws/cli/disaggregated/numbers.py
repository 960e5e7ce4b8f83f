"""``kubectl lws plan --role``: a rollout from numbers alone, without a set and without a cluster.

A set of these roles is made up, with as many groups of a former revision, and planned like any other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct
from rich.console import Group as Lines
from rich.console import RenderableType

from lws.api.disaggregatedset import DisaggregatedSet, Role
from lws.api.intorpercent import is_percent, scaled
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.cli.disaggregated.rollouts import SliceRollout, draw, roll_out
from lws.cli.grammar import UsageError
from lws.cli.session import Output
from lws.planning.actions import Document
from lws.planning.disaggregated.children import lws_document
from lws.planning.disaggregated.demand import wanted_of

_MOST_GROUPS: Final = 1_000_000
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_OLD, _NEW = "old", "new"


class RoleNumbers(NamedTuple):
    """Groups before and after; ``old`` 0: the role is added, ``new`` 0: it is removed.

    ``surge`` and ``unavailable``: counts, or shares such as ``25%``.
    """

    name: str
    old: int
    new: int
    surge: int | str = 1
    unavailable: int | str = 0


class NumbersView(Struct, rename="camel"):
    roles: list[str]
    rollouts: list[SliceRollout]


def read_role(text: str) -> RoleNumbers:
    """``NAME=GROUPS[:GROUPS][,surge=N][,unavailable=N]``. Raises ValueError."""
    first, *rest = text.split(",")
    name, _, groups = first.partition("=")
    old, colon, new = groups.partition(":")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{text!r}: {name!r} is no name of a role; write NAME=GROUPS")
    before = _count(text, old)
    role = RoleNumbers(name, before, _count(text, new) if colon else before, **_pace(text, rest))
    _check(text, role)
    return role


def _count(text: str, digits: str) -> int:
    if not re.fullmatch("[0-9]{1,7}", digits) or int(digits) > _MOST_GROUPS:
        raise ValueError(f"{text!r}: {digits!r} is no number of groups up to {_MOST_GROUPS}")
    return int(digits)


def _pace(text: str, parts: Sequence[str]) -> dict[str, int | str]:
    found: dict[str, int | str] = {}
    for part in parts:
        name, _, value = part.partition("=")
        if name not in ("surge", "unavailable") or name in found:
            raise ValueError(f"{text!r}: {part!r} is neither surge=N nor unavailable=N, once")
        found[name] = value if is_percent(value) else _count(text, value)
    return found


def _check(text: str, role: RoleNumbers) -> None:
    """What admission asks of a role, too."""
    if not role.old and not role.new:
        raise ValueError(f"{text!r}: the role has no groups, neither before nor after")
    surge = scaled(role.surge, role.new, round_up=True, field="surge")
    unavailable = scaled(role.unavailable, role.new, round_up=False, field="unavailable")
    if role.new and not surge and not unavailable:
        raise ValueError(f"{text!r}: unavailable must not be 0 when surge is 0")


def describe(roles: Sequence[RoleNumbers]) -> NumbersView:
    """Raises UsageError where these are not the roles of one set."""
    names = [x.name for x in roles]
    if len(set(names)) < len(names):
        raise UsageError(f"--role: a role is named twice: {', '.join(names)}")
    if not 2 <= (left := sum(x.new > 0 for x in roles)) <= 10:
        raise UsageError(f"--role: a DisaggregatedSet has 2 to 10 roles, and these leave {left}")
    before = _set([_role(x, x.old) for x in roles if x.old])
    after = _set([_role(x, x.new) for x in roles if x.new])
    children = [_child(before, x) for x in before.spec.roles]
    return NumbersView(names, roll_out(wanted_of(after, _NEW, {}), children))


def _role(role: RoleNumbers, replicas: int) -> Document:
    rolling = {"maxSurge": role.surge, "maxUnavailable": role.unavailable}
    return {
        "name": role.name,
        "spec": {
            "replicas": replicas,
            "rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": rolling},
        },
    }


def _set(roles: Sequence[Document]) -> DisaggregatedSet:
    document = {"metadata": {"name": "set", "uid": "set"}, "spec": {"roles": roles}}
    return msgspec.json.decode(msgspec.json.encode(document), type=DisaggregatedSet)


def _child(ds: DisaggregatedSet, role: Role) -> LeaderWorkerSet:
    """All groups of a role before the rollout."""
    replicas = role.read_spec().replicas or 0
    document = lws_document(ds, role, index=0, revision=_OLD, replicas=replicas, target=replicas)
    return msgspec.json.decode(msgspec.json.encode(document), type=LeaderWorkerSet)


def drawn(view: NumbersView) -> RenderableType:
    return Lines(*(x for one in view.rollouts for x in draw(one, view.roles)))


def run(output: Output, options: Any) -> int:
    """Nobody is asked."""
    view = describe(options.role)
    output.show(view, drawn(view))
    return 0
