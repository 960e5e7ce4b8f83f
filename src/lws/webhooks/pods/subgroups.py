"""Which subgroup a pod belongs to (api.md, 5.3 and 5.4). Documents are not built here."""

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
    leader_is_extra = divide(size - 1, subgroup)[1] == 0 and divide(size, subgroup)[1] != 0
    return divide(worker - 1 if leader_is_extra else worker, subgroup)[0]
