"""What this process has seen of the readiness of groups, for sets with minReadySeconds.

It forgets nothing that a status patch is too late for: a group that was not ready for a moment only is never
taken for one that was ready all the time.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from lws.objects import Key
from lws.planning.groups import Groups
from lws.planning.observed import ObservedSet
from lws.planning.stability import ReadyTimes, next_stable, ready_times, with_stability


class Followed(NamedTuple):
    """``observed``: with the times. ``groups``: told apart. ``again``: seconds until one more is stable."""

    observed: ObservedSet
    groups: Groups
    again: float | None


class Stability:
    """Of each set, what the last look had; a set's passes come one after another, so nothing is locked."""

    def __init__(self) -> None:
        self._known: dict[Key, ReadyTimes] = {}

    def follow(self, observed: ObservedSet, groups: Groups, *, at: float) -> Followed:
        """``at``: seconds since 1970."""
        lws = observed.lws
        times = ready_times(lws, groups, self._known.get(lws.key, {}), at=at)
        if not times:
            self.forget(lws.key)
            return Followed(observed, groups, None)
        self._known[lws.key] = times
        groups = with_stability(lws, groups, times, at=at)
        return Followed(replace(observed, ready_times=times), groups, next_stable(lws, groups, times, at=at))

    def forget(self, key: Key) -> None:
        """The set is gone, or asks for nothing."""
        self._known.pop(key, None)
