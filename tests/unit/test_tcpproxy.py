"""The proxy that stands for a bad network: what each kind of it does to a connection that echoes."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest
from support.tcpproxy import GOOD, HOST, TcpProxy, Traffic

PATIENCE = 30.0  # seconds
MOMENT = 0.2  # seconds in which a byte that may pass would have passed


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while data := self.request.recv(100):
                self.request.sendall(data)


@pytest.fixture
def proxy() -> Iterator[TcpProxy]:
    with socketserver.ThreadingTCPServer((HOST, 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with TcpProxy(server.server_address[1]) as proxy:
            yield proxy
        server.shutdown()


@pytest.fixture
def client(proxy: TcpProxy) -> Iterator[socket.socket]:
    with connected(proxy) as client:
        assert echoed(client, b"hello") == b"hello"
        yield client


def connected(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection((HOST, proxy.port), PATIENCE)


def echoed(client: socket.socket, data: bytes) -> bytes:
    """What comes back: all of it, or what came before the end."""
    client.sendall(data)
    return received(client, len(data))


def received(client: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count and (piece := client.recv(count)):
        found += piece
    return found


def silent(client: socket.socket) -> bool:
    client.settimeout(MOMENT)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(PATIENCE)
    return False


@pytest.mark.parametrize("traffic", [GOOD, Traffic(delay=0.01), Traffic(rate=400)])
def test_bytes_come_whole_and_in_order(proxy: TcpProxy, client: socket.socket, traffic: Traffic) -> None:
    proxy.carry(traffic)
    assert echoed(client, bytes(range(100))) == bytes(range(100))


def test_one_that_refuses_ends_all_and_comes_back_on_its_port(proxy: TcpProxy, client: socket.socket) -> None:
    proxy.refuse()
    assert client.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connected(proxy)
    proxy.heal()
    with connected(proxy) as another:
        assert echoed(another, b"again") == b"again"


def test_one_without_a_backend_takes_connections_and_ends_them(
    proxy: TcpProxy, client: socket.socket
) -> None:
    proxy.hang_up()
    assert client.recv(1) == b""
    with connected(proxy) as another:
        assert another.recv(1) == b""
    proxy.heal()
    with connected(proxy) as another:
        assert echoed(another, b"again") == b"again"


def test_one_that_stalls_loses_nothing(proxy: TcpProxy, client: socket.socket) -> None:
    proxy.carry(Traffic(stalled=True))
    client.sendall(b"late")
    with connected(proxy) as another:
        another.sendall(b"new")
        assert silent(client)
        assert silent(another)
        proxy.heal()
        assert (received(client, 4), received(another, 3)) == (b"late", b"new")


def test_what_is_forgotten_stays_silent_while_others_go_on(proxy: TcpProxy, client: socket.socket) -> None:
    assert proxy.forget() == 1
    client.sendall(b"lost")
    with connected(proxy) as another:
        assert echoed(another, b"well") == b"well"
        proxy.heal()
        assert silent(client)


def test_what_is_forgotten_ends_with_the_proxy(proxy: TcpProxy, client: socket.socket) -> None:
    proxy.forget()
    proxy.refuse()
    assert client.recv(1) == b""
