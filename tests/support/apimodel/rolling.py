"""What the StatefulSet controller of Kubernetes 1.36 does to pods because of their templates. Pure.

Read by ``statefulsets``, which carries it out call by call on an API server, and by models of a roll that are
numbers only. Whatever else the controller does, adopting, scaling, counting, may not be decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple


class Seen(NamedTuple):
    """A pod: what it was made from, whether it counts as available, and whether it is on its way out."""

    revision: str
    available: bool
    going: bool


def revision_of_new(ordinal: int, *, first: int, current: str, update: str) -> str:
    """What a missing pod is made from. ``first``: the first ordinal that is updated."""
    return update if ordinal >= first else current


def replaced(
    wanted: range, pods: Mapping[int, Seen], *, first: int, update: str, most: int | None
) -> Iterator[int]:
    """Ordinals of the outdated pods that go now, the highest first.

    ``first``: the first ordinal that is updated. ``most``: how many may be down; None: the gate
    MaxUnavailableStatefulSet is off, and one goes after the other, whatever is down elsewhere.
    """
    due = [x for x in reversed(wanted) if x >= first]
    return _one_by_one(due, pods, update) if most is None else _together(wanted, due, pods, update, most)


def _one_by_one(due: list[int], pods: Mapping[int, Seen], update: str) -> Iterator[int]:
    for ordinal in due:
        pod = pods.get(ordinal)
        if pod is None:
            return
        if pod.revision != update and not pod.going:
            yield ordinal
            return
        if not pod.available:
            return


def _together(
    wanted: range, due: list[int], pods: Mapping[int, Seen], update: str, most: int
) -> Iterator[int]:
    down = sum(x not in pods or not pods[x].available for x in wanted)
    for ordinal in due:
        pod = pods.get(ordinal)
        if pod is None or pod.revision == update or pod.going:
            continue
        if pod.available:
            if down >= most:
                return
            down += 1
        yield ordinal


def is_complete(replicas: int, *, pods: int, ready: int, updated: int) -> bool:
    """Whether the roll is over, and the update revision becomes the current one."""
    return updated == pods == ready == replicas
