"""The Authorization header, kept fresh: service account tokens are rotated while the process runs.

Read again once a minute by a monotonic clock and whenever the server answers 401; an unreadable or empty
file (rotation is not atomic everywhere) leaves the old one in use. Where tokens come from is the caller's.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from lws.kube.errors import ConfigurationError, one_line
from lws.kube.impersonation import Headers

PERIOD = 60.0  # seconds between reads, as client-go does
REFUSED_PERIOD = 5.0  # seconds between reads because of 401: a plugin must not run once per refused request

_log = logging.getLogger(__name__)
_printable = re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*")


class Credentials:
    """An Authorization header that refreshes itself.

    ``read(refused)`` gives the header's value, or None for no header; ``refused`` says that the server has
    just refused the one in use. It may raise anything: the first time that is a ConfigurationError, later
    the old header stays. ``impersonation``: headers that say as whom requests are made.
    """

    def __init__(
        self,
        read: Callable[[bool], str | None],
        *,
        impersonation: Headers = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.impersonation = impersonation
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._header = self._checked(refused=False)
        self._read_at = clock()
        self._refused_at = float("-inf")

    def header(self) -> str | None:
        """The value to send now. Waits for nobody: while one thread reads, the others send the old one."""
        if self._clock() - self._read_at >= PERIOD and self._lock.acquire(blocking=False):
            try:
                self._refresh(refused=False)
            finally:
                self._lock.release()
        return self._header

    def renew(self, refused: str | None) -> bool:
        """After a 401 with the header ``refused``: whether there is another one to try now."""
        with self._lock:
            recent = self._clock() - self._refused_at < REFUSED_PERIOD
            if self._header == refused and not recent:
                self._refused_at = self._clock()
                self._refresh(refused=True)
            return self._header != refused

    def _refresh(self, *, refused: bool) -> None:
        self._read_at = self._clock()
        try:
            self._header = self._checked(refused=refused)
        except ConfigurationError as error:
            _log.warning("credentials not refreshed, the old ones stay in use: %s", error)

    def _checked(self, *, refused: bool) -> str | None:
        try:
            header = self._read(refused)
        except Exception as error:
            raise ConfigurationError(f"no credentials: {one_line(str(error))}") from error
        if header is not None and not _printable.fullmatch(header):
            raise ConfigurationError("no credentials: the token is not one line of printable characters")
        return header


def bearer_from_file(path: str) -> Callable[[bool], str]:
    """A ``read`` for Credentials: the token in this file, blanks and line ends around it removed."""

    def read(_refused: bool) -> str:
        token = Path(path).read_text(encoding="ascii").strip()
        if not token:
            raise ValueError(f"{path} is empty")
        return f"Bearer {token}"

    return read
