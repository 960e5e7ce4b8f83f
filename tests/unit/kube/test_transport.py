"""Requests against a scripted server: what goes out, how often, and what comes back up."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from support.apiserver import (
    Answer,
    ApiServer,
    Exchange,
    chunked_answer,
    cut_answer,
    drop_answer,
    json_answer,
    raw_answer,
    silent_answer,
    status_answer,
    write_kubeconfig,
)
from support.waiting import until
from support.waits import Waits, record_waits

from lws.kube import transport
from lws.kube.connection import Connection, connect
from lws.kube.errors import (
    ApiError,
    DecodeError,
    NotFound,
    TooManyRequests,
    TransportError,
    Unauthorized,
    Unavailable,
)

PATH = "/api/v1/pods"
WRITES = ["POST", "PUT", "PATCH", "DELETE"]
BUSY = status_answer(429, "TooManyRequests", headers={"Retry-After": "2"})


def test_what_goes_out(server: ApiServer, connection: Connection) -> None:
    server.on("PATCH", "/api/v1/a%20b", json_answer({"ok": True}))
    answer = connection.request(
        "PATCH",
        "/api/v1/a%20b",
        query={"labelSelector": "a in (b, c)", "x": "é&="},
        body=b'{"a":1}',
        content_type="application/merge-patch+json",
        headers={"X-More": "1"},
    )
    assert answer == b'{"ok": true}'
    (request,) = server.requests
    assert request.path == "/api/v1/a%20b"
    assert request.query == {"labelSelector": "a in (b, c)", "x": "é&="}
    assert request.body == b'{"a":1}'
    sent = {name: request.headers[name] for name in ("content-type", "accept", "user-agent", "x-more")}
    assert sent == {
        "content-type": "application/merge-patch+json",
        "accept": "application/json",
        "user-agent": "lws-test/1",
        "x-more": "1",
    }
    assert request.headers["authorization"] == "Bearer first"


def test_a_request_without_a_body_names_no_content_type(server: ApiServer, connection: Connection) -> None:
    server.on("GET", PATH, json_answer({}))
    connection.request("GET", PATH)
    assert "content-type" not in server.requests[0].headers
    assert "accept-encoding" not in server.requests[0].headers or (
        server.requests[0].headers["accept-encoding"] == "identity"
    )


def test_the_connection_is_kept_and_probed(server: ApiServer, connection: Connection) -> None:
    server.on("GET", PATH, json_answer({}))
    server.on("POST", PATH, status_answer(409, "AlreadyExists"))
    for _ in range(5):
        connection.request("GET", PATH)
        with pytest.raises(ApiError):
            connection.request("POST", PATH, body=b"{}")
    assert server.connections == 1
    idle = connection._endpoint.requests._get_conn()
    try:
        assert idle.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        probing = [socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT]
        assert [idle.sock.getsockopt(socket.IPPROTO_TCP, option) for option in probing] == [30, 15, 9]
        assert idle.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    finally:
        idle.close()


def test_a_connection_the_server_closed_while_idle_is_replaced(
    server: ApiServer, connection: Connection, waits: Waits
) -> None:
    def answer_and_leave(exchange: Exchange) -> None:
        json_answer({})(exchange)
        exchange.drop()

    def kept() -> bool:
        return any(x is not None and x.is_connected for x in connection._endpoint.requests.pool.queue)

    server.on("POST", PATH, answer_and_leave)
    for _ in range(3):
        connection.request("POST", PATH, body=b"{}")
        until("its end to be heard of", kept, lambda seen: not seen)
    assert (len(server.requests), server.connections, waits.seconds) == (3, 3, [])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(chunked_answer([b'{"items"', b":", b"[]}"]), id="chunks"),
        pytest.param(chunked_answer([bytes([byte]) for byte in b'{"items":[]}']), id="bytes"),
        pytest.param(raw_answer(b'{"items":[]}'), id="length"),
    ],
)
def test_a_body_in_any_pieces(server: ApiServer, connection: Connection, body: Answer) -> None:
    server.on("GET", PATH, body)
    assert connection.request("GET", PATH) == b'{"items":[]}'


def test_a_large_body(server: ApiServer, connection: Connection) -> None:
    body = b'{"items":[' + b"1," * 2_000_000 + b"1]}"
    server.on("GET", PATH, raw_answer(body))
    assert connection.request("GET", PATH) == body


def cut_wire(data: bytes) -> Answer:
    """Exactly these bytes as the answer, then the end of the connection."""

    def answer(exchange: Exchange) -> None:
        exchange.send(data)
        exchange.drop()

    return answer


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
LOST = {
    "no answer": drop_answer(),
    "reset": drop_answer(reset=True),
    "cut body": cut_answer(b'{"a"', promised=100),
    "cut body by reset": cut_answer(b'{"a"', promised=100, reset=True),
    "cut chunk": cut_wire(CHUNKED + b"ff\r\n{"),
    "no last chunk": cut_wire(CHUNKED + b"2\r\n{}\r\n"),
    "bad chunk": cut_wire(CHUNKED + b"zz\r\n"),
    "cut head": cut_wire(b"HTTP/1.1 200 OK\r\nCon"),
    "no HTTP": cut_wire(b"SSH-2.0-x\r\n"),
}


@pytest.mark.parametrize("lost", list(LOST.values()), ids=list(LOST))
class TestLostAnswer:
    def test_get_is_repeated(
        self, server: ApiServer, connection: Connection, waits: Waits, lost: Answer
    ) -> None:
        server.on("GET", PATH, lost, lost, json_answer({}))
        assert connection.request("GET", PATH) == b"{}"
        assert len(server.requests) == 3
        assert len(waits.seconds) == 2

    @pytest.mark.parametrize("method", WRITES)
    def test_a_write_goes_out_once(
        self,
        server: ApiServer,
        connection: Connection,
        waits: Waits,
        lost: Answer,
        method: str,
    ) -> None:
        server.on(method, PATH, lost, json_answer({}))
        with pytest.raises(
            TransportError, match=rf"^{method} {server.url}{PATH}: the connection broke"
        ) as caught:
            connection.request(method, PATH, body=b"{}")
        assert not caught.value.refused
        assert len(str(caught.value).splitlines()) == 1
        assert (len(server.requests), waits.seconds) == (1, [])

    def test_a_write_goes_out_again_as_often_as_the_caller_allows(
        self, server: ApiServer, connection: Connection, waits: Waits, lost: Answer
    ) -> None:
        server.on("PATCH", PATH, lost)
        with pytest.raises(TransportError):
            connection.request("PATCH", PATH, body=b"{}", repeats=1)
        assert len(server.requests) == 2


def test_get_gives_up(server: ApiServer, connection: Connection, waits: Waits) -> None:
    server.on("GET", PATH, drop_answer())
    with pytest.raises(TransportError):
        connection.request("GET", PATH)
    assert len(server.requests) == 4


@pytest.mark.parametrize("method", ["GET", *WRITES])
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_turns_away_is_asked_again_after_its_time(
    server: ApiServer, connection: Connection, waits: Waits, method: str, status: int
) -> None:
    busy = status_answer(status, headers={"Retry-After": "2"})
    server.on(method, PATH, busy, busy, json_answer({}))
    assert connection.request(method, PATH, body=b"{}") == b"{}"
    assert len(server.requests) == 3
    assert [2 <= seconds <= 2.4 for seconds in waits.seconds] == [True, True]


def test_a_server_that_stays_busy_is_asked_ten_times(
    server: ApiServer, connection: Connection, waits: Waits
) -> None:
    server.on("POST", PATH, BUSY)
    with pytest.raises(TooManyRequests) as caught:
        connection.request("POST", PATH, body=b"{}")
    assert caught.value.retry_after == 2.0
    assert len(server.requests) == 10


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(status_answer(404, "NotFound"), NotFound, id="not found"),
        pytest.param(status_answer(503), Unavailable, id="unavailable, no time named"),
        pytest.param(
            status_answer(429, headers={"Retry-After": "3600"}),
            TooManyRequests,
            id="longer than a worker waits",
        ),
    ],
)
def test_other_refusals_stand(
    server: ApiServer, connection: Connection, waits: Waits, answer: Answer, kind: type[ApiError]
) -> None:
    server.on("GET", PATH, answer)
    with pytest.raises(kind):
        connection.request("GET", PATH)
    assert (len(server.requests), waits.seconds) == (1, [])


@pytest.mark.parametrize("method", ["GET", *WRITES])
def test_refused_connections_are_tried_again_until_the_server_is_back(tmp_path: Path, method: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = write_kubeconfig(tmp_path, f"http://127.0.0.1:{port}")
    connection = connect(kubeconfig=path, user_agent="x")
    waits = record_waits(connection)
    with pytest.raises(TransportError, match=r"connection refused; is the API server running") as caught:
        connection.request(method, PATH)
    assert caught.value.refused
    assert len(waits.seconds) == 3
    with ApiServer(port=port) as server:
        server.on(method, PATH, json_answer({}))
        assert connection.request(method, PATH) == b"{}"
    connection.close()


def test_a_silent_server(server: ApiServer, connection: Connection, waits: Waits) -> None:
    server.on("GET", PATH, silent_answer(), json_answer({}))
    assert connection.request("GET", PATH, read_timeout=0.05) == b"{}"
    server.on("POST", PATH, silent_answer())
    with pytest.raises(TransportError, match=r"no answer in time") as caught:
        connection.request("POST", PATH, body=b"{}", read_timeout=0.05)
    assert not caught.value.refused
    assert len(server.matching("POST")) == 1


def test_the_whole_calls_timeout_bounds_silence_too(server: ApiServer, connection: Connection) -> None:
    server.on("GET", PATH, silent_answer())
    with pytest.raises(TransportError, match=r"no answer in time"):
        connection.request("GET", PATH, timeout=0.05)


def test_a_server_that_falls_silent_in_the_body(
    server: ApiServer, connection: Connection, waits: Waits
) -> None:
    def half(exchange: Exchange) -> None:
        exchange.head(length=10)
        exchange.send(b"{")
        exchange.wait(threading.Event())

    server.on("POST", PATH, half)
    with pytest.raises(TransportError, match=r"no answer in time"):
        connection.request("POST", PATH, body=b"{}", read_timeout=0.05)


def test_a_trickling_answer_ends_at_the_whole_calls_timeout(
    server: ApiServer, connection: Connection, waits: Waits
) -> None:
    def trickle(exchange: Exchange) -> None:
        exchange.head()
        while True:
            exchange.chunk(b" ")
            threading.Event().wait(0.005)

    server.on("GET", PATH, trickle)
    with pytest.raises(TransportError, match=r"trickles and is not whole in time"):
        connection.request("GET", PATH, timeout=0.1)


def test_no_connection_in_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(transport, "CONNECT_TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        crowd = [socket.socket() for _ in range(4)]
        for member in crowd:  # fill the queue of connections that nobody accepts
            member.setblocking(False)
            member.connect_ex(full.getsockname())
        path = write_kubeconfig(tmp_path, f"http://127.0.0.1:{full.getsockname()[1]}")
        connection = connect(kubeconfig=path, user_agent="x")
        waits = record_waits(connection)
        with pytest.raises(TransportError, match=r"no connection in time") as caught:
            connection.request("POST", PATH)
        for member in crowd:
            member.close()
    assert caught.value.refused
    assert len(waits.seconds) == 3
    connection.close()


def test_redirects_are_not_followed(server: ApiServer, connection: Connection) -> None:
    server.on("GET", PATH, raw_answer(b"", 302, {"Location": f"{server.url}/elsewhere"}))
    with pytest.raises(ApiError, match=rf"^Found \(302\): a redirect to {server.url}/elsewhere"):
        connection.request("GET", PATH)
    assert [request.path for request in server.requests] == [PATH]


def test_a_page_in_place_of_json_is_named(server: ApiServer, connection: Connection) -> None:
    server.on("GET", PATH, raw_answer(b"<html>", headers={"Content-Type": "text/html; charset=utf-8"}))
    with pytest.raises(DecodeError, match=r"an answer of type text/html, not JSON; is a proxy in between\?$"):
        connection.request("GET", PATH)
    assert connection.request("GET", PATH, accept="*/*") == b"<html>"


def test_an_expired_token_is_renewed_once(server: ApiServer, connection: Connection, kubeconfig: str) -> None:
    write_kubeconfig(Path(kubeconfig).parent, server.url, user={"token": "second"})
    server.on("POST", PATH, status_answer(401, "Unauthorized"), json_answer({}))
    assert connection.request("POST", PATH, body=b"{}") == b"{}"
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer first", "Bearer second"]
    assert {request.body for request in server.requests} == {b"{}"}


def test_without_a_new_token_the_refusal_stands(server: ApiServer, connection: Connection) -> None:
    server.on("GET", PATH, status_answer(401, "Unauthorized", "token expired"))
    with pytest.raises(Unauthorized, match=r"^Unauthorized \(401\): token expired$"):
        connection.request("GET", PATH)
    assert len(server.requests) == 1


def test_interrupt_ends_waits_but_not_the_connection(server: ApiServer, connection: Connection) -> None:
    server.on("GET", PATH, status_answer(429, headers={"Retry-After": "9"}))
    failures: list[Exception] = []

    def call() -> None:
        try:
            connection.request("GET", PATH)
        except ApiError as error:
            failures.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    server.wait_for(1)
    connection.interrupt()
    thread.join(8)
    assert not thread.is_alive()
    assert isinstance(failures[0], TooManyRequests)
    server.on("PUT", PATH, json_answer({}))
    assert connection.request("PUT", PATH, body=b"{}") == b"{}"


def test_a_closed_connection_says_so(server: ApiServer, connection: Connection) -> None:
    connection.close()
    with pytest.raises(TransportError, match=r"this connection was closed$") as caught:
        connection.request("GET", PATH)
    assert caught.value.permanent
    assert server.requests == []


def test_close_ends_idle_connections(server: ApiServer, connection: Connection) -> None:
    gone = threading.Event()

    def answer(exchange: Exchange) -> None:
        json_answer({})(exchange)
        try:
            exchange.wait(threading.Event())
        finally:
            if exchange.client_gone:
                gone.set()

    server.on("GET", PATH, answer)
    connection.request("GET", PATH)
    connection.close()
    assert gone.wait(10)


def test_the_pool_keeps_as_many_connections_as_asked(kubeconfig: str) -> None:
    connection = connect(kubeconfig=kubeconfig, user_agent="x", pool_size=7)
    pool = connection._endpoint.requests.pool
    assert pool is not None
    assert pool.maxsize == 7
    connection.close()


def test_the_metrics_hook_sees_every_answer(server: ApiServer, kubeconfig: str) -> None:
    seen: list[tuple[str, str, str]] = []
    connection = connect(kubeconfig=kubeconfig, user_agent="x", on_response=lambda *what: seen.append(what))
    record_waits(connection)
    server.on("GET", PATH, drop_answer(), BUSY, json_answer({}))
    connection.request("GET", PATH)
    host = server.url.removeprefix("http://")
    assert seen == [("<error>", "GET", host), ("429", "GET", host), ("200", "GET", host)]
    connection.close()


def test_the_rate_limit_delays_requests(server: ApiServer, kubeconfig: str) -> None:
    connection = connect(kubeconfig=kubeconfig, user_agent="x", qps=0.001, burst=2)
    waits = record_waits(connection)
    server.on("GET", PATH, json_answer({}))
    for _ in range(4):
        connection.request("GET", PATH)
    assert waits.seconds == pytest.approx([1000, 2000], rel=0.01)
    connection.close()


def test_many_threads_share_a_connection(server: ApiServer, connection: Connection) -> None:
    server.on("GET", PATH, json_answer({"a": 1}))
    answers: list[bytes] = []

    def work() -> None:
        answers.extend(connection.request("GET", PATH) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == [b'{"a": 1}'] * 160
    assert server.connections <= 8
