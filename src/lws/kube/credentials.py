"""As whom we speak, kept fresh: tokens and client certificates are rotated while the process runs.

Read again once a minute by a monotonic clock and whenever the server refuses them; an unreadable or empty
file (rotation is not atomic everywhere) leaves the old ones in use. Where they come from is the caller's.
"""

from __future__ import annotations

import base64
import logging
import re
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from lws.kube.errors import ConfigurationError, one_line
from lws.kube.impersonation import Headers
from lws.kube.trust import Trust

PERIOD = 60.0  # seconds between reads, as client-go does
REFUSED_PERIOD = 5.0  # seconds between reads because of 401: a plugin must not run once per refused request

_log = logging.getLogger(__name__)
_printable = re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*")


class Login(NamedTuple):
    """What a request proves itself with: the Authorization header's value, and the connection's TLS context.

    Both None: nobody. Another client certificate makes another context (``lws.kube.trust``).
    """

    header: str | None = None
    context: ssl.SSLContext | None = None


class Credentials:
    """A login that refreshes itself.

    ``read(refused)`` gives the header's value, or None for no header; ``refused`` says that the server has
    just refused the login in use. It may raise anything: the first time that is a ConfigurationError, later
    the old header stays. ``trust``: where the context comes from, None without TLS; ``read`` may tell it of
    other files. ``impersonation``: headers that say as whom requests are made.
    """

    def __init__(
        self,
        read: Callable[[bool], str | None],
        *,
        trust: Trust | None = None,
        impersonation: Headers = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.impersonation = impersonation
        self._read = read
        self._trust = trust
        self._clock = clock
        self._lock = threading.Lock()
        self._header = self._checked(refused=False)
        self._read_at = clock()
        self._refused_at = float("-inf")

    def login(self) -> Login:
        """What holds now. Waits for nobody: while one thread reads, the others go on with the old one."""
        if self._clock() - self._read_at >= PERIOD and self._lock.acquire(blocking=False):
            try:
                self._refresh(refused=False)
            finally:
                self._lock.release()
        return self._login()

    def renew(self, refused: Login) -> bool:
        """After the server has refused this login: whether there is another one to try now."""
        with self._lock:
            recent = self._clock() - self._refused_at < REFUSED_PERIOD
            if self._login() == refused and not recent:
                self._refused_at = self._clock()
                self._refresh(refused=True)
            return self._login() != refused

    def _login(self) -> Login:
        return Login(self._header, self._trust.current if self._trust is not None else None)

    def _refresh(self, *, refused: bool) -> None:
        self._read_at = self._clock()
        try:
            self._header = self._checked(refused=refused)
            if self._trust is not None:
                self._trust.context()  # what idle connections were made with may have been replaced, too
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


def basic(name: str, password: str) -> str:
    """The header's value for a user with a password."""
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"
