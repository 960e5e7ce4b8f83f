"""The way to one server: its address, its trust, the proxy in between; and the connection pools that take it.

Where the address comes from and as whom we speak live elsewhere.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies_environment

import urllib3
from urllib3.connection import HTTPConnection

from lws.kube.errors import ConfigurationError
from lws.kube.trust import Trust

# As client-go's: a probe after 30 s of silence, then one every 15 s; nine without an answer end a connection.
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPALIVE": 30, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 9}
_TLS_PORT, _PLAIN_PORT = 443, 80


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
            options["server_hostname"] = self.tls_server_name
        if not self.proxy:
            return urllib3.PoolManager(**options)
        if urlsplit(self.proxy).scheme.startswith("socks"):
            return _socks(self.proxy, options)
        return urllib3.ProxyManager(self.proxy, **options)


def proxy_from_environment(server: str) -> str:
    """HTTPS_PROXY or HTTP_PROXY, by the server's scheme, unless NO_PROXY names it; empty for none."""
    proxies = getproxies_environment()
    proxy = proxies.get(urlsplit(server).scheme, "")
    return "" if bypassed(server, proxies.get("no", "")) else proxy


def bypassed(server: str, no_proxy: str) -> bool:
    """Whether NO_PROXY names this server, as Go's programs read it (golang.org/x/net/http/httpproxy).

    Names, which stand for their subdomains as well, addresses, networks, each with a port perhaps; or ``*``.
    """
    url = urlsplit(server)
    entries = (x.strip().lower() for x in no_proxy.split(","))
    return any(x == "*" or _names(x, url) for x in entries if x)


def _names(entry: str, url: SplitResult) -> bool:
    host = url.hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    else:
        try:
            return address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            pass  # a port behind it perhaps, or a name, which no address has
    name, _, port = entry.rpartition(":")
    if name and port.isdecimal() and (address is None or name.strip("[]") == host):
        ours = url.port or (_TLS_PORT if url.scheme == "https" else _PLAIN_PORT)
        return int(port) == ours and (address is not None or _is_below(host, name))
    return address is None and _is_below(host, entry)


def _is_below(host: str, name: str) -> bool:
    name = name.removeprefix("*")
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith(f".{name}")


def _socket_options() -> list[tuple[int, int, int]]:
    """Requests go out at once, and a connection whose other end is gone is found out."""
    options = [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    known = {name: getattr(socket, name, None) for name in _KEEPALIVE}
    return options + [
        (socket.IPPROTO_TCP, number, _KEEPALIVE[name]) for name, number in known.items() if number is not None
    ]


def _socks(proxy: str, options: Mapping[str, Any]) -> urllib3.PoolManager:
    if find_spec("socks") is None:
        raise ConfigurationError(f"proxy {proxy}: this kind needs the package PySocks, which is not here")
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
            super().connect()

    return Trusting
