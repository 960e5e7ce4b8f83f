"""Which leaders have gone, as far as the watch showed: of two of one name it tells which came later."""

from __future__ import annotations

import threading
from typing import Final

from cachetools import TTLCache

from lws.api.workloads import Pod
from lws.objects import resource_version
from lws.planning.observed import is_leader
from lws.runtime.clock import Clock, SystemClock
from lws.runtime.informers import OnGone

_LEADERS: Final = 10_000
_KEPT: Final = 300.0
"""Seconds; an older view of the cluster than that is met by a read."""


class Departures(OnGone[Pod]):
    """An event handler of pods. By UID: the version at which the leader was seen to go.

    Versions of one resource grow with every write (KEP-5504), so a leader with a higher one was made after
    that, whatever an old view of the cluster may show again.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(self._note)
        clock = clock or SystemClock()
        self._gone_at: TTLCache[str, int] = TTLCache(_LEADERS, _KEPT, timer=clock.monotonic)
        self._lock = threading.Lock()

    def _note(self, pod: Pod) -> None:
        if is_leader(pod):
            with self._lock:
                self._gone_at[pod.uid] = resource_version(pod)

    def precede(self, uid: str, leader: Pod) -> bool:
        """Whether the leader with this UID is known to have gone before ``leader`` was last written."""
        with self._lock:
            gone = self._gone_at.get(uid, 0)
        return 0 < gone < resource_version(leader)
