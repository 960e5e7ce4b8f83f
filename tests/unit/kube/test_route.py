"""By which proxy, and over what connections, a server is reached."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.apiserver import ApiServer, Feed, json_answer, tunnel_answer, write_kubeconfig
from support.pki import Authority

from lws.kube.connection import Connection, connect
from lws.kube.errors import ConfigurationError
from lws.kube.route import Route
from lws.kube.trust import Files, Trust

PATH = "/api/v1/pods"

NAME = "https://api.example.org:6443"


def test_a_kind_of_proxy_that_cannot_be_spoken_to_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socks", None)
    with pytest.raises(ConfigurationError, match=r"^proxy socks5://p:1: this kind needs the package PySocks"):
        Route(NAME, None, "socks5://p:1").pool(1)


@pytest.mark.parametrize("name", ["a..b", ".a", "a" * 70 + ".b", "a\0b"])
def test_a_name_that_tls_cannot_ask_for(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^tls-server-name '.*' is not the name of a server$"):
        Route(NAME, Trust(Files(), verify=True, where="here"), "", name).pool(1)


@pytest.fixture
def secure(authority: Authority) -> Iterator[ApiServer]:
    with ApiServer(ssl_context=authority.server_context()) as server:
        server.on("GET", PATH, json_answer({}))
        yield server


def to(server: ApiServer, proxy: str, tmp_path: Path, authority: Authority) -> Connection:
    cluster = {"certificate-authority": str(authority.path), "proxy-url": proxy}
    path = write_kubeconfig(tmp_path, server.url, user={"token": "t"}, **cluster)
    return connect(kubeconfig=path, user_agent="x")


def test_a_proxy_is_told_who_asks_and_the_server_is_not(
    tmp_path: Path, authority: Authority, secure: ApiServer
) -> None:
    with ApiServer() as proxy:
        proxy.on("CONNECT", f"127.0.0.1:{secure.port}", tunnel_answer(secure.port))
        connection = to(secure, proxy.url.replace("//", "//me:p%40ss@"), tmp_path, authority)
        connection.request("GET", PATH)
        connection.close()
        (asked,), (got,) = proxy.requests, secure.requests
    assert asked.headers["proxy-authorization"] == "Basic bWU6cEBzcw=="
    assert "authorization" not in asked.headers
    assert "proxy-authorization" not in got.headers


def test_a_plain_proxy_is_told_so_with_each_request(tmp_path: Path) -> None:
    with ApiServer() as proxy:
        proxy.on("GET", PATH, json_answer({}))
        cluster = {"proxy-url": proxy.url.replace("//", "//me:p%40ss@")}
        path = write_kubeconfig(tmp_path, "http://api.invalid", **cluster)
        connection = connect(kubeconfig=path, user_agent="x")
        connection.request("GET", PATH)
        connection.close()
        assert proxy.requests[0].headers["proxy-authorization"] == "Basic bWU6cEBzcw=="


def test_a_proxy_that_speaks_tls_is_trusted_as_the_server_is(
    tmp_path: Path, authority: Authority, secure: ApiServer
) -> None:
    """And a watch through it ends when it is told to."""
    feed, ended = Feed(), threading.Event()
    secure.on("GET", PATH, feed, watch=True)
    with ApiServer(ssl_context=authority.server_context()) as proxy:
        proxy.on("CONNECT", f"127.0.0.1:{secure.port}", tunnel_answer(secure.port))
        connection = to(secure, proxy.url, tmp_path, authority)
        connection.request("GET", PATH)
        with connection.stream(PATH, query={"watch": "1"}, read_timeout=60.0) as stream:
            feed.send(b"one")
            assert next(stream) == b"one"
            reader = threading.Thread(target=lambda: (list(stream), ended.set()), daemon=True)
            reader.start()
            stream.close()
            assert ended.wait(20.0)
            reader.join()
        connection.close()


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
