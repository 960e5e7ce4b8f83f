"""The way to one server: its address, its trust, the proxy in between; and the connection pools that take it.

Where the address comes from and as whom we speak live elsewhere.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection

from lws.kube.credentials import basic
from lws.kube.errors import ConfigurationError
from lws.kube.proxies import shown
from lws.kube.trust import Trust

# As client-go's: a probe after 30 s of silence, then one every 15 s; nine without an answer end a connection.
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPALIVE": 30, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 9}


class Route(NamedTuple):
    """``server``: a URL; ``trust``: None without TLS; ``proxy``: a URL, empty for none.

    ``tls_server_name``: what the server's certificate is asked for, when not by its host.
    """

    server: str
    trust: Trust | None
    proxy: str = ""
    tls_server_name: str = ""

    def pool(self, size: int) -> urllib3.HTTPConnectionPool:
        """Keeps ``size`` idle connections at most. Raises ConfigurationError."""
        pool: Any = self._manager(size).connection_from_url(self.server)
        if self.trust is not None:
            pool.ConnectionCls = _trusting(pool.ConnectionCls, self.trust)
        return pool  # type: ignore[no-any-return]

    @property
    def prefix(self) -> str:
        """What precedes every path: a plain HTTP proxy wants the whole URL, all others a path at most."""
        url = urlsplit(self.server)
        return self.server if self.proxy and url.scheme == "http" else url.path

    def _manager(self, size: int) -> urllib3.PoolManager:
        options: dict[str, Any] = {"maxsize": size, "socket_options": _socket_options()}
        if self.trust is not None:
            options["cert_reqs"] = self.trust.current.verify_mode
            if self.tls_server_name:
                options["server_hostname"] = _name(self.tls_server_name, self.trust)
        if not self.proxy:
            return urllib3.PoolManager(**options)
        if urlsplit(self.proxy).scheme.startswith("socks"):
            return _socks(self.proxy, options)
        return urllib3.ProxyManager(shown(self.proxy), proxy_headers=_login(self.proxy), **options)


def _login(proxy: str) -> dict[str, str]:
    """For the proxy alone, by the user and the password in its URL."""
    url = urlsplit(proxy)
    if "@" not in url.netloc:
        return {}
    return {"proxy-authorization": basic(unquote(url.username or ""), unquote(url.password or ""))}


def _name(name: str, trust: Trust) -> str:
    """One that TLS takes; later it would be no error of a connection. Raises ConfigurationError."""
    try:
        trust.current.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=name)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"tls-server-name {name!r} is not the name of a server") from error
    return name


def _socket_options() -> list[tuple[int, int, int]]:
    """Requests go out at once, and a connection whose other end is gone is found out."""
    options = [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    known = {name: getattr(socket, name, None) for name in _KEEPALIVE}
    return options + [
        (socket.IPPROTO_TCP, number, _KEEPALIVE[name]) for name, number in known.items() if number is not None
    ]


def _socks(proxy: str, options: Mapping[str, Any]) -> urllib3.PoolManager:
    if find_spec("socks") is None:
        raise ConfigurationError(
            f"proxy {shown(proxy)}: this kind needs the package PySocks, which is not here"
        )
    from urllib3.contrib.socks import SOCKSProxyManager  # noqa: PLC0415 - few have it

    return SOCKSProxyManager(proxy, **options)


def _trusting(connection: Any, trust: Trust) -> Any:
    """The class of a pool's connections: each with the context that held when it was opened.

    An idle one whose context has been replaced counts as dropped, so the pool opens it anew: no request is
    made in the name of a client certificate that is not ours any more, and nothing that runs is cut off.
    """

    class Trusting(connection):  # type: ignore[misc]
        @property
        def is_connected(self) -> bool:
            return self.ssl_context is trust.current and bool(super().is_connected)

        def connect(self) -> None:
            self.ssl_context = trust.context()
            config: Any = getattr(self, "proxy_config", None)
            if config is not None:  # a proxy that is spoken to by TLS is trusted alike, as kubectl does
                self.proxy_config = config._replace(ssl_context=self.ssl_context)
            super().connect()
            if not hasattr(self.sock, "shutdown"):  # TLS within TLS; what ends a watch needs it
                self.sock.shutdown = self.sock.socket.shutdown

    return Trusting
