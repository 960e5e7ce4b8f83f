"""The page over HTTP: the way in, files, the stream, orders, and everything that is refused."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from support.asking import asking
from support.waiting import until

from lws.api import constants as c
from lws.cli.dashboard.access import UNKNOWN, USED, Access
from lws.cli.dashboard.acting import Order
from lws.cli.dashboard.board import Board
from lws.cli.dashboard.pages import Pages, static_files
from lws.cli.dashboard.painting import COMMON, About, Painter
from lws.cli.editing import ActionView
from lws.cli.session import CommandError
from lws.kube.errors import TransportError, status_error
from lws.runtime.serving import HttpServer

ORDER = {"action": "pause", "kind": "lws", "namespace": "ns", "name": "vllm"}
DENIED = b'{"kind":"Status","code":403,"reason":"Forbidden","message":"you may not"}'


class House:
    """The whole server, with orders that are only noted."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.error: Exception | None = None
        self.access, self.board = Access(), Board()
        self.painter = Painter(self.board, About("t", "", "v", False, [], ""))
        pages = Pages(self.access, self.board, self.painter, self._obey)
        self.server = HttpServer(pages, host="127.0.0.1", port=0, threads=2, name="dashboard", drain=0.5)
        self.cookie = ""

    def _obey(self, order: Order) -> ActionView:
        self.orders.append(order)
        if self.error is not None:
            raise self.error
        return ActionView(order.namespace, order.name, order.action, True, "paused", c.KIND)

    def ask(
        self, path: str, method: str = "GET", body: Any = None, **headers: str
    ) -> AbstractContextManager[http.client.HTTPResponse]:
        known = {"Cookie": self.cookie} if self.cookie else {}
        told = {**known, **{name.replace("_", "-"): x for name, x in headers.items()}}
        return asking(self.server.port, path, method, body, told)

    def text(self, *words: Any, **headers: str) -> tuple[int, str]:
        with self.ask(*words, **headers) as answer:
            return answer.status, answer.read().decode()

    def enter(self) -> tuple[int, str | None]:
        """Status, and where it leads."""
        with self.ask(self.way_in) as answer:
            self.cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
            return answer.status, answer.getheader("Location")

    @property
    def way_in(self) -> str:
        return "/?" + urlsplit(self.access.address).query

    def order(self, body: Any, **headers: str) -> tuple[int, str]:
        own = {"Origin": f"http://127.0.0.1:{self.server.port}", "Content_Type": "application/json"}
        text = body if isinstance(body, str) else json.dumps(body)
        return self.text(f"{self.access.room}act", "POST", text, **{**own, **headers})


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    house.server.start()
    house.access.port = house.server.port
    try:
        yield house
    finally:
        house.server.stop()


@pytest.fixture
def inside(house: House) -> House:
    house.enter()
    return house


def test_the_token_is_exchanged_for_a_session_once(house: House) -> None:
    assert house.enter() == (303, house.access.room)
    assert house.text(house.way_in) == (403, f"{USED}\n")
    status, page = house.text(house.access.room)
    assert (status, "<title>LeaderWorkerSets</title>" in page) == (200, True)


@pytest.mark.parametrize("path", ["/", "/?token=", "/?token=guess", "/index.html", "/act", "/stream"])
def test_an_address_without_its_token_is_refused_in_one_line(house: House, path: str) -> None:
    assert house.text(path) == (403, f"{UNKNOWN}\n")


@pytest.mark.parametrize("path", ["", "app.js", "stream", "act"])
def test_the_rooms_address_alone_opens_nothing(inside: House, path: str) -> None:
    """As somebody would who read it over a shoulder."""
    inside.cookie = ""
    assert inside.text(f"{inside.access.room}{path}") == (403, f"{UNKNOWN}\n")


def test_a_session_is_good_for_its_room_only(inside: House) -> None:
    assert inside.text("/elsewhere/") == (403, f"{UNKNOWN}\n")


def test_another_name_for_this_machine_is_refused(inside: House) -> None:
    """DNS rebinding: the browser believes it talks to evil.example."""
    assert inside.text(inside.access.room, Host=f"evil.example:{inside.server.port}")[0] == 403


def test_another_page_is_refused(inside: House) -> None:
    assert inside.text(inside.access.room, Origin="http://evil.example")[0] == 403
    assert inside.order(ORDER, Origin="http://evil.example")[0] == 403
    assert inside.orders == []


def test_every_answer_forbids_what_the_page_does_not_need(inside: House) -> None:
    for path in (inside.access.room, "/", f"{inside.access.room}nothing"):
        with inside.ask(path) as answer:
            policy = answer.getheader("Content-Security-Policy") or ""
            assert policy.startswith("default-src 'none'; script-src 'self';")
            assert "unsafe" not in policy
            assert answer.getheader("Cache-Control") == "no-store"
            assert answer.getheader("X-Content-Type-Options") == "nosniff"


def test_files_have_their_types_and_nothing_else_is_a_file(inside: House) -> None:
    for name, (type_, content) in static_files().items():
        with inside.ask(inside.access.room + name) as answer:
            assert (answer.status, answer.getheader("Content-Type"), answer.read()) == (200, type_, content)
    for name in ("../pages.py", "%2e%2e/pages.py", "vendor/vendor.json", "vendor"):
        assert inside.text(inside.access.room + name)[0] == 404


def test_the_page_asks_nobody_else() -> None:
    """No address of another machine is in any of its own files."""
    for name, (_, content) in static_files().items():
        if not name.startswith("vendor/"):
            text = content.decode().replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in text, name
            assert "https://" not in text, name
            assert "//cdn" not in text, name


def message(answer: http.client.HTTPResponse) -> Any:
    while not (line := answer.readline()).startswith(b"data: "):
        assert line, "the stream has ended"
    return json.loads(line.removeprefix(b"data: "))


def test_the_stream_tells_all_first_and_then_what_changes(inside: House) -> None:
    inside.board.publish(COMMON, {"about": 1, "line/a": 2})
    with inside.ask(f"{inside.access.room}stream") as answer:
        assert answer.getheader("Content-Type") == "text/event-stream; charset=utf-8"
        assert message(answer) == {"put": {"about": 1, "line/a": 2}, "gone": [], "whole": True}
        inside.board.publish(COMMON, {"about": 3})
        assert message(answer) == {"put": {"about": 3}, "gone": ["line/a"]}


def test_a_set_is_looked_at_while_its_stream_is_open(inside: House) -> None:
    topic = "lws/ns/vllm"
    inside.board.publish(topic, {"focus": 1})
    with inside.ask(f"{inside.access.room}stream?set={topic}") as answer:
        assert message(answer)["put"] == {"focus": 1}
        assert inside.painter.looked_at == [topic]
    until("the look to end", lambda: inside.painter.looked_at, lambda x: x == [])


@pytest.mark.parametrize("topic", ["x", "lws/ns", "pod/ns/a", "lws/ns/a/b", "lws/NS/a", "lws/../a%0a"])
def test_a_stream_of_no_set_is_refused(inside: House, topic: str) -> None:
    assert inside.text(f"{inside.access.room}stream?set={topic}")[0] == 400


def test_an_order_is_carried_out_and_told(inside: House) -> None:
    status, text = inside.order(ORDER)
    assert (status, json.loads(text)["message"]) == (200, "paused")
    assert inside.orders == [Order("pause", "lws", "ns", "vllm")]


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (CommandError("vllm is paused"), "vllm is paused"),
        (status_error(msgspec.Raw(DENIED)), "you may not"),
        (TransportError("no connection"), "no connection"),
    ],
    ids=["command", "refused", "no-server"],
)
def test_what_could_not_be_done_says_why(inside: House, error: Exception, wanted: str) -> None:
    inside.error = error
    assert inside.order(ORDER) == (409, f"{wanted}\n")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        {**ORDER, "action": "delete"},
        {**ORDER, "more": 1},
        {**ORDER, "action": "undo", "group": 1},
    ],
    ids=["empty", "cut", "list", "unknown", "more", "undo-of-a-group"],
)
def test_what_is_no_order_is_refused(inside: House, body: Any) -> None:
    assert inside.order(body)[0] == 400
    assert inside.orders == []


def test_a_form_is_no_order(inside: House) -> None:
    assert inside.order(ORDER, Content_Type="text/plain")[0] == 415
    assert (
        inside.text(inside.access.room, "DELETE", Origin=f"http://127.0.0.1:{inside.server.port}")[0] == 405
    )
    assert inside.orders == []
