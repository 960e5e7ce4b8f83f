"""Pictures that are drawn anew: what makes for another one, how they end, and what fits a screen."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import RenderableType
from rich.text import Text
from support.apiserver import (
    Answer,
    ApiServer,
    Feed,
    chunked_answer,
    events_answer,
    json_answer,
    status_answer,
    write_kubeconfig,
)
from support.cli import conditions, seen_of
from support.clichat import DEFAULT, document
from support.groups import a_set
from support.waiting import until

from lws.cli import live, patience
from lws.cli.arguments import parse
from lws.cli.session import CommandError, Session, open_session
from lws.kube.errors import DecodeError, Unauthorized
from lws.kube.resources import PODS

Run = Callable[..., int]
SET = f"{DEFAULT.sets}/test-sample"
LIST = {"metadata": {"resourceVersion": "7"}, "items": []}


class Counting:
    """A picture that is over after so many looks."""

    def __init__(self, looks: int) -> None:
        self.looks, self.left = 0, looks

    def look(self) -> dict[str, int]:
        self.looks += 1
        return {"looks": self.looks}

    def draw(self, view: Any) -> RenderableType:
        return Text(f"looked {view['looks']}")

    def end(self, view: Any) -> int | None:
        return 3 if self.looks == self.left else None


@contextmanager
def session(server: ApiServer, directory: Path) -> Iterator[Session]:
    words = ["tree", "--kubeconfig", str(write_kubeconfig(directory, server.url))]
    with open_session(parse(words)) as opened:
        yield opened


def test_a_change_is_looked_at(server: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From where the list ended, so that none is missed: what was looked at before is looked at again."""
    feed, picture = Feed(), Counting(3)
    server.on("GET", DEFAULT.pods, json_answer(LIST), watch=False)
    server.on("GET", DEFAULT.pods, feed, watch=True)

    def change() -> None:
        until("the second look", lambda: picture.looks == 2)
        feed.event("MODIFIED", {"metadata": {"name": "x"}})

    threading.Thread(target=change, daemon=True).start()
    with session(server, tmp_path) as opened:
        assert live.follow(opened, [live.Source(PODS, "a=b")], picture) == 3
    (watched,) = server.wait_for(1, "GET", DEFAULT.pods, watch=True)
    assert (watched.query["resourceVersion"], watched.query["labelSelector"]) == ("7", "a=b")
    assert capsys.readouterr().out == "looked 1\n\nlooked 2\n\nlooked 3\n"
    feed.end()


FAILING = {
    "may not watch": status_answer(403, reason="Forbidden"),
    "too old": status_answer(410, reason="Expired"),
    "busy": status_answer(503, headers={"Retry-After": "30"}),
    "a page of a proxy": chunked_answer([b"<html>\n"]),
    "an error within": events_answer(("ERROR", {"kind": "Status", "code": 500})),
}


@pytest.mark.parametrize("answer", FAILING.values(), ids=FAILING)
@pytest.mark.parametrize("watch", [True, False], ids=["watch", "list"])
def test_who_sees_no_changes_looks_again_later(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer, watch: bool
) -> None:
    monkeypatch.setattr(live, "pause_after", lambda _: 0.01)
    monkeypatch.setattr(live, "CALM", 0.01)
    server.on("GET", DEFAULT.pods, json_answer(LIST), watch=False)
    server.on("GET", DEFAULT.pods, answer, watch=watch)
    with session(server, tmp_path) as opened:
        assert live.follow(opened, [live.Source(PODS)], Counting(4)) == 3


class Interrupted(Counting):
    """As if the server went away for the second look."""

    def __init__(self, error: Exception) -> None:
        super().__init__(3)
        self.error = error

    def look(self) -> dict[str, int]:
        view = super().look()
        if self.looks == 2:
            raise self.error
        return view


def test_a_look_that_fails_ends_no_picture(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "AGAIN", 0.01)
    server.on("GET", DEFAULT.pods, json_answer(LIST), watch=False)
    server.on("GET", DEFAULT.pods, Feed(), watch=True)
    with session(server, tmp_path) as opened:
        assert live.follow(opened, [live.Source(PODS)], Interrupted(DecodeError("<html>"))) == 3
        with pytest.raises(Unauthorized):
            live.follow(opened, [live.Source(PODS)], Interrupted(Unauthorized(401)))


def test_the_time_is_up(server: ApiServer, tmp_path: Path) -> None:
    with session(server, tmp_path) as opened, pytest.raises(CommandError, match=r"timed out after 0\.05s"):
        live.follow(opened, [], Counting(9), timeout=0.05)


def test_a_tree_in_a_pipe_is_a_document_after_the_other(
    server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    moments = [seen_of(conditions(a_set()), down=(1,)), seen_of(conditions(a_set(), Available="ready"))]
    gone = status_answer(404, reason="NotFound", name="test-sample")
    server.on("GET", SET, *(json_answer(document(x.lws)) for x in moments), gone)
    for path, member in (
        (DEFAULT.stateful_sets, "stateful_sets"),
        (DEFAULT.pods, "pods"),
        (DEFAULT.revisions, "revisions"),
    ):
        lists = [json_answer({**LIST, "items": [document(y) for y in getattr(x, member)]}) for x in moments]
        server.on("GET", path, lists[0], lists[-1], watch=False)
        server.on("GET", path, status_answer(410, reason="Expired"), watch=True)
    server.on("GET", DEFAULT.sets, json_answer(LIST), watch=False)
    server.on("GET", DEFAULT.sets, status_answer(410, reason="Expired"), watch=True)
    assert run("tree", "lws/test-sample", "--watch", "-o", "json") == 1
    out, err = capsys.readouterr()
    assert [x[0]["state"] for x in map(json.loads, out.splitlines())][-1] == "Available"
    assert err == "error: leaderworkersets 'test-sample' not found in namespace 'default'\n"


def test_what_does_not_fit_is_cut() -> None:
    drawn = Text("\n".join(f"{number} {'x' * 30}" for number in range(9)))
    lines = live.cropped(drawn, 10, 4).plain.split("\n")
    assert lines == ["0 xxxxxxx…", "1 xxxxxxx…", "2 xxxxxxx…", "... 6 more lines"]
    assert live.cropped(Text("one\ntwo"), 10, 4).plain == "one\ntwo"
