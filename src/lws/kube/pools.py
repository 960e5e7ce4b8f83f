"""urllib3's connection pools for one API server: keepalive as client-go has it, and the proxy in between."""

from __future__ import annotations

import socket
import ssl
from ipaddress import ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

import urllib3
from urllib3.connection import HTTPConnection

from lws.kube.access import Access
from lws.kube.errors import ConfigurationError, one_line

KEEPALIVE: Final = {"TCP_KEEPIDLE": 30, "TCP_KEEPALIVE": 30, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 9}


def pool_manager(access: Access, size: int) -> urllib3.PoolManager:
    """``size``: idle connections kept. Raises ConfigurationError for a proxy that cannot be used."""
    options: dict[str, Any] = {
        "cert_reqs": ssl.CERT_REQUIRED if access.verify else ssl.CERT_NONE,
        "maxsize": size,
        "socket_options": _socket_options(),
    }
    if access.server_name:
        options["server_hostname"] = access.server_name
    proxy = proxy_of(access)
    if proxy is None:
        return urllib3.PoolManager(**options)
    try:
        return _proxy_manager(proxy, options)
    except Exception as error:  # of urllib3, or of what it needs for SOCKS
        raise ConfigurationError(
            f"proxy {_harmless(proxy)} cannot be used: {one_line(str(error))}"
        ) from error


def _proxy_manager(proxy: str, options: dict[str, Any]) -> urllib3.PoolManager:
    if proxy.lower().startswith("socks"):
        from urllib3.contrib.socks import SOCKSProxyManager  # noqa: PLC0415 - needs a package more

        return SOCKSProxyManager(proxy, **options)
    return urllib3.ProxyManager(proxy, proxy_headers=_proxy_login(proxy), **options)


def _proxy_login(proxy: str) -> dict[str, str] | None:
    """The user in the proxy's address, which urllib3 does not look at."""
    parts = urllib3.util.parse_url(proxy)
    return urllib3.util.make_headers(proxy_basic_auth=parts.auth) if parts.auth else None


def proxy_of(access: Access) -> str | None:
    """The kubeconfig's, else that of the environment unless NO_PROXY names the server."""
    if access.proxy:
        return access.proxy
    proxies = getproxies_environment()
    url = urlsplit(access.host)
    if bypassed(url.hostname or "", url.port, proxies.get("no", "")):
        return None
    return proxies.get(url.scheme) or proxies.get("all")


def bypassed(host: str, port: int | None, rules: str) -> bool:
    """Whether NO_PROXY names it: ``*``, a host, a domain, an address, a network, any of them with a port."""
    names = {host.lower()} | ({f"{host.lower()}:{port}"} if port else set())
    for rule in filter(None, (each.strip().lower() for each in rules.split(","))):
        bare = rule.lstrip(".")
        if rule == "*" or bare in names or any(name.endswith(f".{bare}") for name in names):
            return True
        if _within(host, rule):
            return True
    return False


def _within(host: str, rule: str) -> bool:
    try:
        return ip_address(host) in ip_network(rule, strict=False)
    except ValueError:
        return False


def _socket_options() -> list[tuple[int, int, int]]:
    """urllib3's own and keepalive; where the system lacks a name, without it."""
    options = [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    names = [name for name in KEEPALIVE if hasattr(socket, name)]
    return [*options, *((socket.IPPROTO_TCP, getattr(socket, name), KEEPALIVE[name]) for name in names)]


def _harmless(proxy: str) -> str:
    """Without the user's password."""
    return proxy.rpartition("@")[2]
