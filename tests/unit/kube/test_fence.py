"""No write while somebody else may lead, and no end of leading while a write is under way."""

from __future__ import annotations

import json
import threading

import pytest
from support.apiserver import ApiServer, Exchange, json_answer, status_answer
from support.waiting import until
from support.waits import Waits

from lws.kube.connection import Connection
from lws.kube.errors import TransportError
from lws.kube.fence import Fence

WRITES = ["POST", "PUT", "PATCH", "DELETE"]
PATH = "/api/v1/pods"


class Leading:
    """Whether we lead, as an election would say by the clock."""

    def __init__(self) -> None:
        self.now = True

    def __call__(self) -> bool:
        return self.now


@pytest.fixture
def leading() -> Leading:
    return Leading()


@pytest.fixture
def fence(connection: Connection, leading: Leading) -> Fence:
    fence = Fence(leading)
    connection.fence(fence)
    return fence


@pytest.mark.usefixtures("fence")
class TestFencedConnection:
    @pytest.mark.parametrize("method", WRITES)
    def test_writes_while_leading_and_not_after(
        self, server: ApiServer, connection: Connection, leading: Leading, method: str
    ) -> None:
        server.on(method, PATH, json_answer({}))
        connection.request(method, PATH, body=b"{}")
        leading.now = False
        with pytest.raises(TransportError, match=f"^{method} .* no longer leads$"):
            connection.request(method, PATH, body=b"{}")
        assert len(server.requests) == 1

    def test_reads_always(self, server: ApiServer, connection: Connection, leading: Leading) -> None:
        leading.now = False
        server.on("GET", PATH, json_answer({"items": []}))
        assert json.loads(connection.request("GET", PATH)) == {"items": []}

    def test_whoever_wakes_between_two_tries_sends_no_second(
        self, server: ApiServer, connection: Connection, leading: Leading, waits: Waits
    ) -> None:
        """Frozen while it waited to repeat a write that was turned away; meanwhile another came to lead."""

        def turn_away(exchange: Exchange) -> None:
            leading.now = False
            status_answer(429, "TooManyRequests")(exchange)

        server.on("PATCH", PATH, turn_away)
        with pytest.raises(TransportError, match="no longer leads"):
            connection.request("PATCH", PATH, body=b"{}")
        assert len(server.requests) == 1


class TestShut:
    def test_nothing_passes_any_more(self, fence: Fence, connection: Connection) -> None:
        assert fence.shut(0.0)
        with pytest.raises(TransportError, match="no longer leads"):
            connection.request("POST", PATH, body=b"{}")

    def test_what_is_under_way_is_waited_for(
        self, server: ApiServer, fence: Fence, connection: Connection
    ) -> None:
        begun, go_on = threading.Event(), threading.Event()

        def slow(exchange: Exchange) -> None:
            begun.set()
            exchange.wait(go_on)
            json_answer({})(exchange)

        server.on("POST", PATH, slow)
        writing = threading.Thread(target=connection.request, args=("POST", PATH), kwargs={"body": b"{}"})
        writing.start()
        assert begun.wait(10.0)
        assert not fence.shut(0.0)
        answers: list[bool] = []
        waiting = threading.Thread(target=lambda: answers.append(fence.shut(60.0)))
        waiting.start()
        go_on.set()
        waiting.join(30.0)
        writing.join(30.0)
        until("the write to be over", lambda: answers == [True])
