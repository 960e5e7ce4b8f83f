"""What is painted, when, and of what no more is remembered."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from support.cli import READY, seen_of
from support.groups import a_set
from support.pictures import Pictures

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.cli.dashboard import overview, painting
from lws.cli.dashboard.board import Board
from lws.cli.dashboard.kinds import Event
from lws.cli.dashboard.painting import COMMON, KEPT, STALE, About, Painter
from lws.cli.dashboard.scene import WHY_EVERY, Scene, findings, name_test, said
from lws.cli.dashboard.watching import EVENTS, Blind
from lws.cli.observing import Seen
from lws.cli.podcauses import Cause

TOPIC = "lws/default/test-sample"


class Easel:
    def __init__(self) -> None:
        self.now = 1000.0
        self.board, self.pictures = Board(), Pictures(seen_of(a_set(), down=(1,)))
        self.painter = Painter(self.board, About("t", "", "v", False, [], ""), clock=lambda: self.now)

    def paint(self) -> None:
        self.painter.paint(self.pictures)  # type: ignore[arg-type]

    def shown(self, topic: str = TOPIC) -> dict[str, Any]:
        patch = self.board.news((topic,), {})
        return {} if patch is None else msgspec.json.decode(msgspec.json.encode(patch))["put"]


@pytest.fixture
def easel() -> Easel:
    return Easel()


def test_all_sets_have_a_line_though_nobody_looks(easel: Easel) -> None:
    easel.paint()
    assert easel.shown(COMMON)["line/LeaderWorkerSet/default/test-sample"]["wanted"] == 2
    assert (easel.pictures.looks, easel.shown()) == (0, {})


def test_a_set_that_nobody_foresaw_hides_no_other(easel: Easel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its line the others' lines, nor its picture theirs."""
    other = "lws/default/other"

    def line(lws: LeaderWorkerSet) -> overview.Line:
        raise RecursionError

    def documents(scene: Scene, *_: Any, **__: Any) -> dict[str, Any]:
        if scene._key.name != "other":
            raise RecursionError
        return {"seen": True}

    monkeypatch.setattr(painting, "line_of_set", line)
    monkeypatch.setattr(Scene, "documents", documents)
    easel.painter.enter(TOPIC)
    easel.painter.enter(other)
    easel.paint()
    shown = easel.shown(COMMON)
    assert shown["line/LeaderWorkerSet/default/test-sample"]["note"] == "cannot be shown"
    assert "about" in shown
    assert (easel.shown(), easel.shown(other)) == ({}, {"seen": True})


def test_what_is_looked_at_is_painted_when_it_changes(easel: Easel) -> None:
    easel.painter.enter(TOPIC)
    easel.paint()
    assert easel.shown()["tile/test-sample/1"]["phase"] == "Starting"
    easel.paint()  # for the causes
    easel.pictures.seen_now = seen_of(a_set())
    easel.paint()
    assert easel.pictures.looks == 2
    easel.painter.touch(TOPIC)
    easel.paint()
    assert easel.shown()["tile/test-sample/1"]["phase"] == "Ready"
    assert [x["text"].split()[:2] for x in easel.shown()["steps"]] == [["is", "ready"]]


def test_what_nobody_looks_at_any_more_is_dropped(easel: Easel) -> None:
    easel.painter.enter(TOPIC)
    easel.paint()
    easel.painter.leave(TOPIC)
    easel.painter.touch(TOPIC)
    easel.paint()
    assert (easel.pictures.looks, easel.shown()) == (1, {})


def test_time_alone_is_a_reason_to_look_again(easel: Easel) -> None:
    easel.painter.enter(TOPIC)
    for after in (0.0, WHY_EVERY, STALE / 2, STALE + 0.1):
        easel.now += after
        easel.paint()
    assert easel.pictures.looks == 3  # at first, for the causes, and when it was stale


def test_causes_are_looked_for_after_the_first_picture(easel: Easel) -> None:
    easel.painter.enter(TOPIC)
    easel.paint()
    assert easel.shown()["why"] == []
    easel.paint()
    assert [x["reason"] for x in easel.shown()["why"]]


def test_steps_outlive_a_look_elsewhere(easel: Easel) -> None:
    easel.painter.enter(TOPIC)
    easel.paint()
    easel.painter.leave(TOPIC)
    for number in range(KEPT - 1):
        easel.painter.enter(f"lws/default/other-{number}")
        easel.paint()
        easel.painter.leave(f"lws/default/other-{number}")
    easel.pictures.seen_now = seen_of(a_set())
    easel.painter.enter(TOPIC)
    easel.paint()
    assert len(easel.shown()["steps"]) == 1


def test_a_set_that_is_gone_says_so(easel: Easel) -> None:
    easel.pictures.seen_now = None
    easel.painter.enter(TOPIC)
    easel.paint()
    assert "not there" in easel.shown()["focus"]["message"]


def test_a_spec_that_cannot_be_read_says_so(easel: Easel) -> None:
    lws = a_set(template={"workerTemplate": {"spec": {"containers": "none"}}})
    easel.pictures.seen_now = Seen(lws)
    easel.painter.enter(TOPIC)
    easel.paint()
    assert "cannot be read" in easel.shown()["focus"]["message"]


def test_what_cannot_be_seen_is_told(easel: Easel) -> None:
    easel.pictures.blind = [Blind("nodes", "you may not", False), Blind("pods", "no connection", True)]
    easel.pictures.synced = False
    easel.paint()
    about = easel.shown(COMMON)["about"]
    assert (about["blind"], about["lost"], about["ready"]) == (
        ["nodes: you may not"],
        "no connection",
        False,
    )


def event(name: str, **more: Any) -> Event:
    about = {"kind": "Pod", "name": name, "uid": "u"}
    document = {"involvedObject": about, "reason": "R", "message": "a\n b", "type": "Normal", **more}
    return msgspec.convert(document, Event)


def test_events_are_those_of_the_set(easel: Easel) -> None:
    easel.pictures.warnings = [event("test-sample-1-1"), event("other-1")]
    easel.painter.enter(TOPIC)
    easel.paint()
    assert [x["about"] for x in easel.shown()["events"]] == ["pod/test-sample-1-1"]
    easel.pictures.warnings.append(event("test-sample"))
    easel.painter.touch(EVENTS)
    easel.paint()
    assert len(easel.shown()["events"]) == 2


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("a", True),
        ("a-0", True),
        ("a-0-12", True),
        ("b.c-3", True),
        ("a-0-1-2", False),
        ("ab", False),
        ("bxc", False),
    ],
)
def test_whose_a_name_is(name: str, wanted: bool) -> None:
    assert name_test(["a", "b.c"])(name) is wanted


def test_an_event_is_one_line() -> None:
    assert said(event("a", count=3)).message == "a b (3 times)"


def test_findings_say_who_has_to_act() -> None:
    causes = [Cause("Unschedulable", "m", group=x, pod=f"p{x}") for x in range(3)]
    found = findings([*causes, Cause("Updating", "u"), Cause("Paused", "p")])
    assert [(x.reason, x.where, x.tone) for x in found] == [
        ("Unschedulable", "groups 0-2, pod/p0 and 2 more", "bad"),
        ("Updating", "", "busy"),
        ("Paused", "", "still"),
    ]


def test_a_ready_worker_is_no_step(easel: Easel) -> None:
    seen = easel.pictures.seen_now
    assert seen is not None
    easel.painter.enter(TOPIC)
    easel.paint()
    status = msgspec.convert(READY, type(seen.pods[0].status))
    pods = tuple(replace(x, status=status) if x.name.endswith("-1-1") else x for x in seen.pods)
    easel.pictures.seen_now = seen._replace(pods=pods)
    easel.painter.touch(TOPIC)
    easel.paint()
    assert easel.shown()["steps"] == []
