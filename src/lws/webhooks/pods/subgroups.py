"""Which subgroup a pod belongs to, and which pods a subgroup has (api.md, 5.3 and 5.4).

Labels and lists of hosts both come from here, so that they cannot differ. Documents are not built here.
"""

from __future__ import annotations

from collections.abc import Mapping

from lws.api import constants as c
from lws.webhooks.errors import AdmissionError, shown
from lws.webhooks.pods.names import divide, parse_int


def subgroup_size(annotations: Mapping[str, str]) -> int:
    """The subgroup-size annotation as a number; anything but a nonzero 64-bit integer is a denial."""
    text = annotations[c.SUBGROUP_SIZE_ANNOTATION]
    size = parse_int(text)
    if not size:
        raise AdmissionError(
            f"annotation {c.SUBGROUP_SIZE_ANNOTATION} is {shown(text)}:"
            " must be the number of pods in a subgroup, a decimal integer other than 0"
        )
    return size


def subgroup_index(*, size: int, subgroup: int, worker: int) -> int:
    """Index of the subgroup of ``worker`` (0 is the leader) in a group of ``size`` pods cut by ``subgroup``.

    Where ``subgroup`` divides only ``size - 1``, the leader is one more member of subgroup 0. The policy type
    plays no part: with LeaderExcluded the same formula gives workers their index.
    """
    return divide(worker - _extra(size, subgroup), subgroup)[0]


def subgroup_members(*, size: int, subgroup: int, index: int) -> range:
    """The workers (0 is the leader) whose ``subgroup_index`` is ``index``; none where ``subgroup`` < 0."""
    if index < 0 or subgroup < 0:
        return range(0)
    extra = _extra(size, subgroup)
    first = index * subgroup + extra if index else 0
    return range(first, max(first, min(size, (index + 1) * subgroup + extra)))


def _extra(size: int, subgroup: int) -> int:
    """1 where the leader is one more than ``subgroup`` pods in subgroup 0, else 0."""
    return int(divide(size - 1, subgroup)[1] == 0 and divide(size, subgroup)[1] != 0)
