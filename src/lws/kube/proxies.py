"""URLs of servers and proxies: which are ones, and by which proxy a server is reached.

Only the environment is read; connections live elsewhere. What is said of a URL never holds the password that
may be in it.
"""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import SplitResult, urlsplit

import urllib3

from lws.kube.errors import ConfigurationError

SERVERS, PROXIES = ("https", "http"), ("http", "https", "socks5", "socks5h")
_TLS_PORT, _PLAIN_PORT = 443, 80


def server_url(server: str, where: str) -> str:
    """As requests take it. Raises ConfigurationError, which begins with ``where``."""
    parts = _parsed(server, SERVERS)
    if parts is None:
        raise ConfigurationError(f"{where}: server {shown(server)!r} is not a URL like https://host:6443")
    if "@" in parts.netloc:
        raise ConfigurationError(f"{where}: server holds a user; its place is username and password")
    return parts._replace(query="", fragment="").geturl().rstrip("/")


def proxy_url(proxy: str, what: str) -> str:
    """As ``lws.kube.route`` takes it. Raises ConfigurationError, which begins with ``what``.

    Names of servers are the business of every SOCKS proxy, as in programs of Go.
    """
    parts = _parsed(proxy, PROXIES)
    if parts is None:
        raise ConfigurationError(f"{what} {shown(proxy)!r} is not a URL of http, https or socks5")
    return parts._replace(scheme={"socks5": "socks5h"}.get(parts.scheme, parts.scheme)).geturl()


def shown(url: str) -> str:
    """Without user and password."""
    before, at, rest = url.rpartition("@")
    scheme, mark, _ = before.partition("://")
    return f"{scheme}{mark}{rest}" if at and mark else rest


def proxy_from_environment(server: str) -> str:
    """HTTPS_PROXY or HTTP_PROXY, by the server's scheme; empty for none, and where NO_PROXY names the server.

    As Go's programs read them (golang.org/x/net/http/httpproxy): capitals first, ``http://`` may be left out,
    and this machine needs no proxy. Raises ConfigurationError.
    """
    url = urlsplit(server)
    name = f"{url.scheme.upper()}_PROXY"
    proxy = _variable(name)
    if not proxy or _is_here(url.hostname or "") or bypassed(server, _variable("NO_PROXY")):
        return ""
    return proxy_url(proxy if "://" in proxy else f"http://{proxy}", name)


def bypassed(server: str, no_proxy: str) -> bool:
    """Whether NO_PROXY names this server, by the same rules.

    Names, which stand for their subdomains as well, addresses, networks, each with a port perhaps; or ``*``.
    """
    url = urlsplit(server)
    entries = (x.strip().lower() for x in no_proxy.split(","))
    return any(x == "*" or _names(x, url) for x in entries if x)


def _variable(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.lower()) or ""


def _parsed(url: str, schemes: tuple[str, ...]) -> SplitResult | None:
    """None for what is no URL of such a kind, by urllib3's own judgement too."""
    try:
        parts = urlsplit(url)
        urllib3.connection_from_url(f"http://{parts.netloc}").close()
    except ValueError:
        return None
    return parts if parts.scheme in schemes and parts.hostname else None


def _is_here(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _names(entry: str, url: SplitResult) -> bool:
    host = url.hostname or ""
    address = _address(host)
    if address is not None:
        try:
            return address in ipaddress.ip_network(_without_brackets(entry), strict=False)
        except ValueError:
            pass  # a port behind it perhaps, or a name, which no address has
    name, _, port = entry.rpartition(":")
    if name and port.isdecimal() and (address is None or name.strip("[]") == host):
        ours = url.port or (_TLS_PORT if url.scheme == "https" else _PLAIN_PORT)
        return int(port) == ours and (address is not None or _is_below(host, name))
    return address is None and _is_below(host, entry)


def _without_brackets(entry: str) -> str:
    """As an IPv6 address stands in a URL."""
    return entry[1:-1] if entry.startswith("[") and entry.endswith("]") else entry


def _is_below(host: str, name: str) -> bool:
    name = name.removeprefix("*")
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith(f".{name}")
