"""Who may talk to the page: whoever was shown its address, once, and no page of somebody else's.

The address holds a token that is good for one use. Its use makes a session: a cookie that no script can read
and that is sent to one path only, because cookies know no ports, and what another user of this machine serves
on another one must not get it. Both are secrets of this run.

A browser tells which page a request comes from. What has another Host (a name made to point here, DNS
rebinding) or another Origin (another page, CSRF) is refused, and so is a write without an Origin.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final

COOKIE: Final = "lws-dashboard"
NAMES: Final = ("127.0.0.1", "localhost")
HTTP_PORT: Final = 80
USED: Final = "this address was used before, and is good for one browser: run 'kubectl lws dashboard' again"
UNKNOWN: Final = "open the address that 'kubectl lws dashboard' prints: without its token nothing is shown"
ELSEWHERE: Final = "this is not the page's own address"
FOREIGN: Final = "another page may not use this one"


class Access:
    """Of one run. ``port``: where it is served; nobody is let in before that is known. Safe for threads."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self._token = secrets.token_urlsafe(32)
        self._session = secrets.token_urlsafe(32)
        self.room = f"/{secrets.token_urlsafe(16)}/"
        self._used = False
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """What a person opens."""
        return f"http://{NAMES[0]}:{self.port}/?token={self._token}"

    @property
    def cookie(self) -> str:
        """What the session's browser is given."""
        return f"{COOKIE}={self._session}; Path={self.room}; HttpOnly; SameSite=Strict"

    def redeem(self, token: str) -> str:
        """Use the token; empty, or why it is refused."""
        if not _same(token, self._token):
            return UNKNOWN
        with self._lock:
            used, self._used = self._used, True
        return USED if used else ""

    def stranger(self, request: Mapping[str, Any]) -> str:
        """Why this is no request of the page's or a person's; else empty. ``request``: as WSGI's."""
        hosts = {f"{name}:{self.port}" for name in NAMES}
        if self.port == HTTP_PORT:
            hosts |= set(NAMES)  # browsers leave the scheme's own port out
        if request.get("HTTP_HOST", "").lower() not in hosts:
            return ELSEWHERE
        origin = request.get("HTTP_ORIGIN")
        written = request["REQUEST_METHOD"] not in ("GET", "HEAD")
        if (origin is not None or written) and origin not in {f"http://{x}" for x in hosts}:
            return FOREIGN
        if request.get("HTTP_SEC_FETCH_SITE", "none") not in ("none", "same-origin"):
            return FOREIGN
        return ""

    def knows(self, request: Mapping[str, Any]) -> bool:
        """Whether it comes from the session's browser."""
        try:
            cookies = SimpleCookie(request.get("HTTP_COOKIE", ""))
        except CookieError:
            return False
        return COOKIE in cookies and _same(cookies[COOKIE].value, self._session)


def _same(given: str, wanted: str) -> bool:
    """In a time that tells nothing of where they differ."""
    return hmac.compare_digest(given.encode(), wanted.encode())
