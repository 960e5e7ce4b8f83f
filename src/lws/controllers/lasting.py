"""Since when something has been so of a group, as far as this process saw."""

from __future__ import annotations

from lws.controllers.byuid import ByUid
from lws.runtime.clock import Clock


class LastingClock:
    """By the leader's UID. After a restart of ours it begins anew: what waits comes later, never sooner."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = ByUid[float]()
        self.forget = self._since.forget

    def seconds(self, leader: str, *, so: bool) -> float:
        """How long it has been so; 0 where it is not, or is seen to be just now."""
        if not so:
            self.forget(leader)
            return 0.0
        now = self._clock.monotonic()
        return now - self._since.setdefault(leader, now)

    def until(self, leader: str, seconds: float) -> float | None:
        """When what is so will have been so for that long; None when it is not, or has."""
        since = self._since.get(leader)
        left = 0.0 if since is None else since + seconds - self._clock.monotonic()
        return left if left > 0 else None
