"""Signs of life of one reflector: how long its watch may be silent, and whether its thread still comes round.

Two different things. A *server* that is silent may only have nothing to tell, unless it sends bookmarks: then
silence means that the connection is dead. A *thread* always has a moment by which it must be back: the read
times out, the pause ends. One that is not is stuck, and only a new process helps.
"""

from __future__ import annotations

from lws.kube.watch import BOOKMARK_SILENCE
from lws.runtime.clock import Clock

STUCK_AFTER = 300.0  # seconds beyond the moment by which the thread must be back; lists take their time
MUTE_AFTER = 3  # watches in a row lost by silence, without a bookmark: so this server sends none


class Pulse:
    """Written by the reflector's thread; ``silence`` and ``overdue`` may be read by any. All in seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard = self._due = clock.monotonic()
        self._without = 0  # watches in a row that were lost by silence without a bookmark of its own
        self._marked = False  # one has come on this watch

    @property
    def silence(self) -> float:
        """How long ago the server last said anything, if only no."""
        return self._clock.monotonic() - self._heard

    @property
    def overdue(self) -> float:
        """For how long the thread has been stuck; 0 while it is not."""
        late = self._clock.monotonic() - self._due
        return late if late > STUCK_AFTER else 0.0

    def heard(self) -> None:
        """The server said something."""
        self._heard = self._clock.monotonic()

    def expect(self, seconds: float) -> None:
        """The thread waits now, and for so long at most."""
        self._due = self._clock.monotonic() + seconds

    def opening(self) -> float | None:
        """A watch is opened; for how long it may be silent before its first bookmark. None: while it lasts.

        It may be dead within its first minute, before any bookmark: bad networks are bad more than once.
        """
        self._marked = False
        return BOOKMARK_SILENCE if self._without < MUTE_AFTER else None

    def bookmark(self, *, initial: bool) -> None:
        """A bookmark came. ``initial``: it ends a streamed list, and need not have successors."""
        if not initial:
            self._marked, self._without = True, 0

    def fell_silent(self) -> None:
        """The watch was lost by its silence. If no bookmark came by itself, perhaps none ever do."""
        self._without = 0 if self._marked else self._without + 1
