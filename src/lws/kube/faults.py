"""From urllib3's exceptions to TransportError: one line that names the host, the cause and what to look at.

The only module that knows urllib3's exception types.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator

from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from lws.kube.errors import TransportError, one_line

LOST = "the connection broke before the whole answer had come ({detail})"
# The first type that fits: urllib3 derives name errors from connection errors, and those from timeouts.
TEXTS: tuple[tuple[type[HTTPError], str], ...] = (
    (ProxyError, "the proxy in between fails ({detail}); check proxy-url and HTTPS_PROXY"),
    (ReadTimeoutError, "no answer in time: the server is silent"),
    (NameResolutionError, "the host name does not resolve; check the address and DNS"),
    (NewConnectionError, "unreachable ({detail}); check the address and the network"),
    (ConnectTimeoutError, "no connection in time; check the address, firewalls and network policies"),
    (SSLError, "TLS failed ({detail}); is this the API server's secure port?"),
)
CLIENT_REFUSED = re.compile(r".*_ALERT_(BAD_CERTIFICATE|(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)[A-Z_]*)")
"""OpenSSL's names of the alerts by which a server refuses who connects (RFC 8446, 6.2)."""


def transport_error(error: HTTPError, what: str) -> TransportError:
    """``what`` is the request in words, host included: ``GET https://host:6443/api/v1/pods``."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            text = f"the server's certificate is not trusted ({cause.verify_message.rstrip('.')}); "
            text += "check the certificate authority, the server's name, and both clocks"
            return TransportError(f"{what}: {text}", refused=True, permanent=True)
        if isinstance(cause, ssl.SSLError) and CLIENT_REFUSED.fullmatch(_reason(cause)):
            text = f"the server refuses our client certificate ({_detail(causes)}); check it and both clocks"
            return TransportError(f"{what}: {text}", refused=True, client_refused=True)
    refused = isinstance(error, ConnectTimeoutError | ProxyError)
    silent = isinstance(error, ReadTimeoutError)
    return TransportError(f"{what}: {one_line(_text(error, causes))}", refused=refused, silent=silent)


def _text(error: HTTPError, causes: list[BaseException]) -> str:
    if isinstance(error, NewConnectionError) and any(
        isinstance(cause, ConnectionRefusedError) for cause in causes
    ):
        return "connection refused; is the API server running, and is this its address?"
    template = next((text for kind, text in TEXTS if isinstance(error, kind)), LOST)
    return template.format(detail=_detail(causes))


def _detail(causes: list[BaseException]) -> str:
    """The innermost cause in its own words: what the operating system or OpenSSL said."""
    innermost = causes[-1]
    if isinstance(innermost, ssl.SSLError) and (reason := _reason(innermost)):
        return reason.lower().replace("_", " ")
    if isinstance(innermost, OSError) and innermost.strerror:
        return innermost.strerror.lower()
    return str(innermost) or type(innermost).__name__


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's name of it, or nothing: not every one comes from there."""
    return getattr(error, "reason", None) or ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it wraps, outermost first; urllib3 keeps causes in args or in __cause__."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        wrapped = next((arg for arg in current.args if isinstance(arg, BaseException)), None)
        current = wrapped or current.__cause__
