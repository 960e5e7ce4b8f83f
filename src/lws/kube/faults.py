"""From urllib3's exceptions to TransportError: one line that names the host, the cause and what to look at.

The only module that knows urllib3's exception types.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from lws.kube.errors import TransportError, one_line

LOST = "the connection broke before the whole answer had come"


def transport_error(error: HTTPError, what: str) -> TransportError:
    """``what`` is the request in words, host included: ``GET https://host:6443/api/v1/pods``."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            text = f"the server's certificate is not trusted ({cause.verify_message.rstrip('.')}); "
            text += "check the certificate authority, the server's name, and both clocks"
            return TransportError(f"{what}: {text}", refused=True, permanent=True)
    refused = isinstance(error, ConnectTimeoutError | ProxyError)
    return TransportError(f"{what}: {one_line(_text(error, causes))}", refused=refused)


def _text(error: HTTPError, causes: list[BaseException]) -> str:
    detail = _detail(causes)
    if isinstance(error, ProxyError):
        return f"the proxy in between fails ({detail}); check proxy-url and HTTPS_PROXY"
    if isinstance(error, ReadTimeoutError):
        return "no answer in time: the server is silent"
    if isinstance(error, NewConnectionError):
        return _unreachable(causes, detail)
    if isinstance(error, ConnectTimeoutError):
        return "no connection in time; check the address, firewalls and network policies"
    if isinstance(error, SSLError):
        return f"TLS failed ({detail}); is this the API server's secure port?"
    return f"{LOST} ({detail})"


def _unreachable(causes: list[BaseException], detail: str) -> str:
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "connection refused; is the API server running, and is this its address?"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "the host name does not resolve; check the address and DNS"
    return f"unreachable ({detail}); check the address and the network"


def _detail(causes: list[BaseException]) -> str:
    """The innermost cause in its own words: what the operating system or OpenSSL said."""
    innermost = causes[-1]
    if isinstance(innermost, ssl.SSLError) and innermost.reason:
        return innermost.reason.lower().replace("_", " ")
    if isinstance(innermost, OSError) and innermost.strerror:
        return innermost.strerror.lower()
    return str(innermost) or type(innermost).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it wraps, outermost first; urllib3 keeps causes in args or in __cause__."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        wrapped = next((arg for arg in current.args if isinstance(arg, BaseException)), None)
        current = wrapped or current.__cause__
