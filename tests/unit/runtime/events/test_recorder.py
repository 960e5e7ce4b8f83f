"""The recorder never holds up its caller, tries again when that can help, and loses nothing it could save."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.apiserver import ApiServer, json_answer, write_kubeconfig
from support.waiting import until

from lws.kube.client import Client
from lws.kube.connection import connect
from lws.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    TooManyRequests,
    TransportError,
    Unavailable,
)
from lws.objects import ObjectReference
from lws.runtime.clock import FakeClock
from lws.runtime.events.recorder import ASIDE, QUEUE, TRIES, EventRecorder
from lws.runtime.events.series import Sighting

SET = ObjectReference("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "lws", "team")


class FakeEvents:
    """The part of a Client that writes events. ``answers`` are raised by the next calls, None is success."""

    def __init__(self) -> None:
        self.writes: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[KubeError | None] = []
        self.timeout = 0.0
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()
        self._changed = threading.Condition()

    def within(self, timeout: float) -> FakeEvents:
        self.timeout = timeout
        return self

    def create(self, _resource: Any, _type: Any, document: dict[str, Any]) -> None:
        self._write("create", document)

    def merge_patch(
        self, _resource: Any, _type: Any, name: str, patch: dict[str, Any], *, namespace: str
    ) -> None:
        self._write(f"patch {namespace}/{name}", patch)

    def wait_for(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.writes) >= count, 10.0), self.writes
            return list(self.writes)

    @property
    def notes(self) -> list[str]:
        return [document["note"] for verb, document in self.writes if verb == "create"]

    def _write(self, verb: str, document: dict[str, Any]) -> None:
        self.entered.set()
        assert self.open.wait(10.0)
        with self._changed:
            self.writes.append((verb, document))
            self._changed.notify_all()
            answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer


REFUSING = replace(SET, namespace="broken")
"""Of a namespace in which a webhook fails."""


class Broken(FakeEvents):
    """Fails for one namespace, or, unreachable, for all."""

    def __init__(self) -> None:
        super().__init__()
        self.unreachable = False

    def _write(self, verb: str, document: dict[str, Any]) -> None:
        if self.unreachable:
            self.answers = [TransportError("refused")]
        elif document["metadata"]["namespace"].startswith("broken"):
            self.answers = [ApiError(500, "InternalError", "webhook")]
        super()._write(verb, document)


class Setting:
    def __init__(self) -> None:
        self.client = FakeEvents()
        self.clock = FakeClock()
        self.dropped: Counter[str] = Counter()
        self.recorder = EventRecorder(
            self.client,  # type: ignore[arg-type]
            controller="leaderworkerset",
            instance="lws-manager-0",
            clock=self.clock,
            on_dropped=lambda why: self.dropped.update([why]),
            random=lambda: 0.0,
        )

    def event(self, note: str = "Created", **changes: Any) -> None:
        told = {"regarding": SET, "type_": "Normal", "reason": "R", "action": "Create", "note": note}
        self.recorder.event(**{**told, **changes})

    def pass_time(self, seconds: float) -> None:
        assert self.clock.await_waiters(1)
        self.clock.advance(seconds)


@pytest.fixture
def at() -> Iterator[Setting]:
    setting = Setting()
    setting.recorder.start()
    yield setting
    setting.client.open.set()
    assert setting.recorder.stop(10.0)


def test_an_event_is_written_after_the_window(at: Setting) -> None:
    at.event()
    assert at.clock.await_waiters(1)
    at.clock.advance(0.9)
    assert at.clock.await_waiters(1)
    assert at.client.writes == []
    at.clock.advance(0.1)
    ((verb, document),) = at.client.wait_for(1)
    assert verb == "create"
    assert document["regarding"]["name"] == SET.name
    assert (document["reportingController"], document["reportingInstance"]) == (
        "leaderworkerset",
        "lws-manager-0",
    )
    assert document["eventTime"] == "2026-01-01T00:00:00.000000Z"  # when it happened, not when it was written
    assert document["metadata"]["name"].startswith("lws.")


def test_the_window_opens_with_its_first_event(at: Setting) -> None:
    for number in range(4):
        at.event(f"Created pod-{number}", related=ObjectReference("v1", "Pod", f"pod-{number}"))
        at.pass_time(0.25)
    at.client.wait_for(1)
    assert at.client.notes == ["Created pod-0, and 3 more: pod-1, pod-2, pod-3"]


def test_names_are_unique(at: Setting) -> None:
    at.event("a")
    at.event("b")
    at.pass_time(1)
    names = {document["metadata"]["name"] for _, document in at.client.wait_for(2)}
    assert len(names) == 2


def test_references_are_written_as_json(at: Setting) -> None:
    at.event(related=ObjectReference("v1", "Pod", "lws-0", uid="u"))
    at.pass_time(1)
    ((_, document),) = at.client.wait_for(1)
    assert document["regarding"] == {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "name": "lws",
        "namespace": "team",
    }
    assert document["related"] == {"apiVersion": "v1", "kind": "Pod", "name": "lws-0", "uid": "u"}


def test_a_repeat_is_a_patch_of_the_series(at: Setting) -> None:
    at.event()
    at.pass_time(1)
    ((_, document),) = at.client.wait_for(1)
    at.clock.await_waiters(1)
    at.event()
    at.pass_time(1)
    _, (verb, patch) = at.client.wait_for(2)
    assert verb == f"patch team/{document['metadata']['name']}"
    assert patch == {"series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:01.000000Z"}}


def test_a_series_ends_without_another_event(at: Setting) -> None:
    for count in (1, 2):
        at.event()
        at.pass_time(1)
        at.client.wait_for(count)
    at.event()  # counted, not written
    at.event("marker", reason="M")
    at.pass_time(1)
    at.client.wait_for(3)
    for _ in range(5):
        at.pass_time(90)
    verb, patch = at.client.wait_for(4)[3]
    assert verb.startswith("patch")
    assert patch["series"]["count"] == 3


def test_an_event_that_is_gone_is_written_anew_with_its_count(at: Setting) -> None:
    at.event()
    at.pass_time(1)
    at.client.wait_for(1)
    at.client.answers = [NotFound(404, "NotFound")]
    at.clock.await_waiters(1)
    at.event()
    at.pass_time(1)
    verb, document = at.client.wait_for(3)[2]
    assert (verb, document["series"]["count"], document["note"]) == ("create", 2, "Created")


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(TransportError("refused"), id="no answer"),
        pytest.param(Unavailable(503), id="503"),
        pytest.param(ApiError(500), id="500"),
        pytest.param(Conflict(409), id="409"),
        pytest.param(TooManyRequests(429), id="429"),
    ],
)
def test_what_may_pass_later_is_tried_again(at: Setting, error: KubeError) -> None:
    at.client.answers = [error, error, None]
    at.event()
    for tries, seconds in ((1, 1.0), (2, 10.0), (3, 10.0)):
        at.pass_time(seconds)
        at.client.wait_for(tries)
    assert len({document["metadata"]["name"] for _, document in at.client.writes}) == 1  # never told twice
    assert not at.dropped


def test_the_server_names_the_time(at: Setting) -> None:
    at.client.answers = [TooManyRequests(429, retry_after=3.0)]
    at.event()
    at.pass_time(1)
    at.client.wait_for(1)
    at.pass_time(2.9)
    assert at.clock.await_waiters(1)
    assert len(at.client.writes) == 1
    at.clock.advance(0.2)
    at.client.wait_for(2)


def test_no_server_makes_events_wait_for_more_than_a_minute(at: Setting) -> None:
    at.client.answers = [TooManyRequests(429, retry_after=900_000.0)]
    at.event()
    at.pass_time(1)
    at.client.wait_for(1)
    at.pass_time(60)
    at.client.wait_for(2)


def test_twelve_tries_are_enough(at: Setting) -> None:
    at.client.answers = [TransportError("refused")] * TRIES
    at.event("lost")
    at.pass_time(1)
    for tries in range(1, TRIES):
        at.client.wait_for(tries)
        at.pass_time(10)
    at.client.wait_for(TRIES)
    at.event("next")
    at.pass_time(1)
    at.client.wait_for(TRIES + 1)
    assert at.client.notes == ["lost"] * TRIES + ["next"]
    assert at.dropped == {"unreachable": 1}


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Forbidden(403), id="namespace ends"),
        pytest.param(NotFound(404), id="namespace gone"),
        pytest.param(Invalid(422), id="invalid"),
    ],
)
def test_what_is_refused_for_good_is_dropped(at: Setting, error: KubeError) -> None:
    at.client.answers = [error]
    at.event("refused")
    at.event("fine")
    at.pass_time(1)
    at.client.wait_for(2)
    assert at.client.notes == ["refused", "fine"]
    assert at.recorder.stop(10.0)
    assert at.dropped == {"refused": 1}


def test_an_answer_that_was_lost_shows_as_already_exists(at: Setting) -> None:
    at.client.answers = [TransportError("reset"), AlreadyExists(409, "AlreadyExists")]
    at.event()
    at.pass_time(1)
    at.client.wait_for(1)
    at.pass_time(10)
    at.client.wait_for(2)
    assert at.recorder.stop(10.0)
    assert len(at.client.writes) == 2
    assert not at.dropped


def test_a_defect_in_one_event_does_not_end_the_others(at: Setting) -> None:
    at.client.answers = [KeyError("defect")]  # type: ignore[list-item]
    at.event("odd")
    at.event("fine")
    at.pass_time(1)
    at.client.wait_for(2)
    at.event("later")
    at.pass_time(1)
    at.client.wait_for(3)


def test_a_full_queue_drops_and_never_blocks(at: Setting) -> None:
    at.client.open.clear()
    at.event("held up")
    at.pass_time(1)
    assert at.client.entered.wait(10.0)
    for number in range(QUEUE + 7):
        at.event(f"note {number}")
    at.client.open.set()
    assert at.recorder.stop(10.0)
    assert at.dropped == {"queue full": 7}
    assert len(at.client.notes) == 1 + QUEUE


def test_stopping_writes_what_is_waiting(at: Setting) -> None:
    at.event("a")
    at.event("b")
    assert at.recorder.stop(10.0)
    assert at.client.notes == ["a", "b"]


def test_stopping_writes_open_series(at: Setting) -> None:
    for count in (1, 2):
        at.event()
        at.pass_time(1)
        at.client.wait_for(count)
    at.event()
    assert at.recorder.stop(10.0)
    assert at.client.writes[-1][1]["series"]["count"] == 3


def test_stopping_does_not_wait_for_retries(at: Setting) -> None:
    at.client.answers = [TransportError("refused")] * 100
    at.event("a")
    at.pass_time(1)
    at.client.wait_for(1)
    at.event("b")
    assert at.recorder.stop(10.0)
    assert at.dropped == {"unreachable": 2}


def test_stopping_takes_no_longer_than_it_may(at: Setting) -> None:
    at.client.open.clear()
    at.event()
    at.pass_time(1)
    assert at.recorder.stop(0.05) is False


def test_stopping_before_starting() -> None:
    setting = Setting()
    setting.event()
    assert setting.recorder.stop(1.0) is True


def test_calls_have_a_time_limit(at: Setting) -> None:
    assert at.client.timeout == 30.0


def test_over_http(tmp_path: Path) -> None:
    events = "/apis/events.k8s.io/v1/namespaces/team/events"
    with ApiServer() as server:
        server.on("POST", events, json_answer({"kind": "Event"}, 201))
        connection = connect(kubeconfig=write_kubeconfig(tmp_path, server.url), user_agent="test")
        recorder = EventRecorder(Client(connection), controller="c", instance="i", window=0.0)
        recorder.start()
        recorder.event(regarding=SET, type_="Warning", reason="R", action="A", note="é")
        (request,) = server.wait_for(1, "POST", events)
        assert recorder.stop(10.0)
        connection.close()
    assert request.json()["note"] == "é"
    assert request.json()["type"] == "Warning"


def test_a_batch_lost_to_a_defect_is_counted_and_the_next_one_written(
    at: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = at.recorder._take
    faults = [RuntimeError("a defect")]

    def fail_once() -> list[Sighting]:
        batch = take()
        if batch and faults:
            raise faults.pop()
        return batch

    monkeypatch.setattr(at.recorder, "_take", fail_once)
    at.event("lost")
    at.pass_time(1.0)
    until("the loss", lambda: at.dropped == {"defect": 1})
    at.event("written")
    at.pass_time(1.0)
    at.client.wait_for(1)
    assert at.client.notes == ["written"]
    assert at.recorder.alive


def test_events_that_fail_hold_up_nobody_elses(at: Setting) -> None:
    """Each waits for its own next try."""
    at.client = at.recorder._client = Broken()  # type: ignore[assignment]
    for number in range(10):
        at.event(f"bad {number}", regarding=REFUSING, reason=f"R{number}")
    at.event("good", type_="Warning")
    at.pass_time(1.0)
    assert [x["note"] for _, x in at.client.wait_for(11)][-1] == "good"
    for tries in range(2, TRIES + 1):
        at.pass_time(10.0)
        at.client.wait_for(1 + 10 * tries)
    until("those that failed to be dropped", lambda: at.dropped["unreachable"] == 10)


def test_what_waits_for_another_try_is_bounded(at: Setting) -> None:
    at.client = at.recorder._client = Broken()  # type: ignore[assignment]
    for number in range(ASIDE + 5):
        at.event(f"bad {number}", regarding=REFUSING, reason=f"R{number}")
    at.pass_time(1.0)
    at.client.wait_for(ASIDE + 5)
    until("those beyond the bound to be dropped", lambda: at.dropped["unreachable"] == 5)


def test_no_more_wait_for_another_try_than_may_wait_for_the_first(at: Setting) -> None:
    """However many namespaces fail."""
    at.client = at.recorder._client = Broken()  # type: ignore[assignment]
    for number in range(QUEUE):
        of = replace(REFUSING, namespace=f"broken-{number // ASIDE}")
        at.event(f"bad {number}", regarding=of, reason=f"R{number}")
    at.pass_time(1.0)
    at.client.wait_for(QUEUE)
    at.event("one more", regarding=REFUSING)
    at.pass_time(1.0)
    until("what is beyond the bound to be dropped", lambda: at.dropped["unreachable"] == 1)


def test_while_the_server_is_away_one_event_asks_for_all(at: Setting) -> None:
    client = Broken()
    at.client = at.recorder._client = client  # type: ignore[assignment]
    client.unreachable = True
    for number in range(3):
        at.event(f"{number}", reason=f"R{number}")
    at.pass_time(1.0)
    client.wait_for(1)
    at.pass_time(10.0)
    client.wait_for(2)
    client.unreachable = False
    client.answers = []
    at.pass_time(10.0)
    assert {x["note"] for _, x in client.wait_for(5)[2:]} == {"0", "1", "2"}
    assert at.dropped == {}
