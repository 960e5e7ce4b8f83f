"""By which proxy, and over what connections, a server is reached."""

from __future__ import annotations

import socket
import sys

import pytest

from lws.kube.errors import ConfigurationError
from lws.kube.route import Route, bypassed, proxy_from_environment

NAME, ADDRESS, SIX = "https://api.example.org:6443", "https://10.0.0.1", "https://[fd00::1]:443"
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy")


@pytest.mark.parametrize(
    ("server", "no_proxy", "expected"),
    [
        (NAME, "", False),
        (NAME, " , ", False),
        (NAME, "*", True),
        (NAME, "api.example.org", True),
        (NAME, "API.Example.org", True),
        (NAME, "other, example.org", True),
        (NAME, ".example.org", True),
        (NAME, "*.example.org", True),
        (NAME, "ample.org", False),
        (NAME, ".api.example.org", False),  # subdomains alone
        (NAME, "api.example.org:6443", True),
        (NAME, "api.example.org:443", False),
        (NAME, "10.0.0.0/8", False),
        (ADDRESS, "10.0.0.1", True),
        (ADDRESS, "10.0.0.0/8", True),
        (ADDRESS, "10.1.0.0/16", False),
        (ADDRESS, "10.0.0.1:443", True),
        (ADDRESS, "10.0.0.1:6443", False),
        (ADDRESS, "0.0.1", False),  # no domain
        (SIX, "fd00::1", True),
        (SIX, "fd00::/64", True),
        (SIX, "[fd00::1]:443", True),
        (SIX, "fd00::2", False),
        ("http://10.0.0.1", "10.0.0.1:80", True),
    ],
)
def test_no_proxy_is_read_as_programs_in_go_read_it(server: str, no_proxy: str, expected: bool) -> None:
    assert bypassed(server, no_proxy) is expected


def test_a_proxy_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    assert proxy_from_environment(NAME) == ""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert (proxy_from_environment(NAME), proxy_from_environment("http://plain")) == (
        "http://proxy:3128",
        "",
    )
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8,example.org")
    assert (proxy_from_environment(NAME), proxy_from_environment(ADDRESS)) == ("", "")


def test_a_kind_of_proxy_that_cannot_be_spoken_to_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socks", None)
    with pytest.raises(ConfigurationError, match=r"^proxy socks5://p:1: this kind needs the package PySocks"):
        Route(NAME, None, "socks5://p:1").pool(1)


@pytest.mark.parametrize(
    ("route", "prefix"),
    [
        (Route("https://api/clusters/c-1", None), "/clusters/c-1"),
        (Route("https://api/c", None, "http://proxy"), "/c"),  # a tunnel: the server sees a path
        (Route("http://api/c", None), "/c"),
        (Route("http://api/c", None, "http://proxy"), "http://api/c"),
    ],
)
def test_what_precedes_a_path(route: Route, prefix: str) -> None:
    assert route.prefix == prefix


def test_a_connection_notices_that_its_other_end_is_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        pool = Route(f"http://127.0.0.1:{listening.getsockname()[1]}", None).pool(1)
        connection = pool._get_conn()
        connection.connect()
        assert connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
        connection.close()
