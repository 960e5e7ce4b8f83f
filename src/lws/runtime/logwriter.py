"""Where log lines go, and what happens when they cannot: no line is worth a thread. No layout lives here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TextIO

_lock = threading.Lock()
_lost = 0


class LineWriter:
    """A stream that never raises. A full disk or a reader that left must not end whoever logs.

    Lines that cannot be written are counted. As soon as writing works again, ``tell`` makes a line of their
    number; it must not log, for whoever writes holds the locks of loggers.
    """

    def __init__(self, stream: TextIO | None, tell: Callable[[int], str]) -> None:
        self._stream, self._tell = stream, tell
        self._untold = 0

    def write(self, text: str) -> int:
        """Write and flush one line, so that it fails once."""
        try:
            self._put(text)
        except (OSError, ValueError):  # full or broken; closed
            self.lose()
        else:
            self._catch_up()
        return len(text)

    def flush(self) -> None:
        """Nothing is left to be."""

    def lose(self) -> None:
        """Count a line that is not written."""
        global _lost
        with _lock:
            _lost += 1
            self._untold += 1

    def _put(self, text: str) -> None:
        if self._stream is None:
            raise ValueError("standard error was closed before the program began")
        self._stream.write(text)
        self._stream.flush()

    def _catch_up(self) -> None:
        if not self._untold:
            return
        with _lock:
            untold, self._untold = self._untold, 0
        if untold:
            self.write(self._tell(untold) + "\n")


def lost_lines() -> int:
    """How many log lines could not be written since the process began."""
    return _lost
