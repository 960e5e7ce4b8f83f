"""What follows from an action follows only once the API server has accepted it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from support import loglines
from support.groups import a_leader, a_set, a_worker_set

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet, RolloutStatus
from lws.controllers.executor import Executor
from lws.controllers.groupstatus import GroupStatusMemory
from lws.controllers.outcomes import FOREIGN_RETRY, Outcome
from lws.kube.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    TransportError,
    Unavailable,
)
from lws.planning.actions import (
    Create,
    Delete,
    GroupRecreated,
    Measurement,
    ObjectReference,
    PatchMetadata,
    PatchStatus,
    Record,
    RolloutEnded,
    StoreEntry,
)

SET = a_set()
EVENT = Record(ObjectReference(c.API_VERSION, c.KIND, SET.name), "Normal", "Reason", "Action", "note")
ENDED, RECREATED = RolloutEnded("completed", 7.0), GroupRecreated("pod_deleted", ("default", "llm"))
LEADER = a_leader(0)
DELETE = Delete("Pod", LEADER.key, LEADER.uid, then=(EVENT, RECREATED))
END = PatchStatus(
    c.KIND, SET.key, {"replicas": 2, "rollout": None}, resource_version="7", then=(EVENT, ENDED)
)
BEGIN = PatchStatus(
    c.KIND,
    SET.key,
    {"rollout": {"revision": "b", "from": "a", "startTime": "2026-01-01T00:00:00Z", "generation": 2}},
)


class Server:
    """A client, an event recorder and an informer in one: answers as it is told, and notes what it hears."""

    def __init__(
        self, error: KubeError | None = None, answer: LeaderWorkerSet = SET, found: Any = None
    ) -> None:
        self.error, self.answer, self.found = error, answer, found
        self.metadata: list[Any] = []
        self.options: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        self.events: list[str] = []
        self.measured: list[Measurement] = []
        self.ledger = GroupStatusMemory()
        informers: Any = dict.fromkeys((c.KIND, "StatefulSet", "Pod"), self)
        client: Any = self
        self.handed_over: list[StoreEntry] = []
        self.executor = Executor(
            client,
            informers,
            self,
            hand_over=self.handed_over.append,
            ledger=self.ledger,
            measure=self.measured.append,
        )

    def merge_patch(self, *args: Any, **kwargs: Any) -> LeaderWorkerSet:
        self.sent.append(args[3].get("status", {}))
        self.metadata.append(args[3].get("metadata"))
        self.options.append(kwargs)
        if self.error is not None:
            raise self.error
        return self.answer

    def delete(self, *args: Any, **kwargs: Any) -> None:
        self.options.append(kwargs)
        if self.error is not None:
            raise self.error

    def event(self, *, reason: str, **_: Any) -> None:
        self.events.append(reason)

    def create(self, *args: Any, **kwargs: Any) -> None:
        if self.error is not None:
            raise self.error

    def get(self, *args: Any) -> Any:
        """What the cache holds of a set, or else what the API server has."""
        if len(args) == 1:
            return SET
        if isinstance(self.found, KubeError):
            raise self.found
        return self.found

    def observe_write(self, _: Any) -> None:
        """The cache takes it in."""


@pytest.mark.parametrize(
    ("action", "measured"), [(END, ENDED), (DELETE, RECREATED)], ids=["status", "delete"]
)
def test_what_was_accepted_is_told_and_measured(action: Any, measured: Measurement) -> None:
    server = Server()
    server.executor.run([action])
    assert (server.events, server.measured) == (["Reason"], [measured])


@pytest.mark.parametrize(
    "error", [Conflict(409, "Conflict", ""), Unavailable(503, "", "")], ids=["409", "503"]
)
def test_a_status_that_was_refused_is_not_measured(error: KubeError) -> None:
    server = Server(error)
    with pytest.raises(type(error)):
        server.executor.run([END])
    assert (server.events, server.measured) == ([], [])


@pytest.mark.parametrize(
    "error", [NotFound(404, "NotFound", ""), Conflict(409, "Conflict", "")], ids=["gone", "another-one"]
)
def test_a_leader_that_was_gone_already_is_not_counted(error: KubeError) -> None:
    server = Server(error)
    server.executor.run([DELETE])
    assert (server.events, server.measured) == ([], [])


def _lost(*, repeated: bool = False, error: KubeError | None = None) -> KubeError:
    error = error or TransportError("lost")
    error.repeated = repeated
    return error


@pytest.mark.parametrize(
    "error", [NotFound(404, "NotFound", ""), Conflict(409, "Conflict", "")], ids=["gone", "another-one"]
)
def test_a_delete_whose_first_answer_was_lost_is_told_once_the_repeated_one_finds_it_done(
    error: KubeError,
) -> None:
    server = Server(_lost(repeated=True, error=error))
    server.executor.run([DELETE])
    assert (server.events, server.measured) == (["Reason"], [RECREATED])


GONE: list[Any] = [
    NotFound(404),
    replace(LEADER, metadata=replace(LEADER.metadata, uid="next")),
    a_leader(0, deleting=True),
]


@pytest.mark.parametrize("found", GONE, ids=["gone", "another-one", "terminating"])
def test_a_delete_without_an_answer_is_told_when_a_look_shows_it_done(found: Any) -> None:
    server = Server(_lost(), found=found)
    server.executor.run([DELETE])
    assert (server.events, server.measured) == (["Reason"], [RECREATED])


@pytest.mark.parametrize("found", [LEADER, Unavailable(503)], ids=["not-done", "nobody-knows"])
def test_a_delete_without_an_answer_is_told_once_a_later_one_finds_it_done(found: Any) -> None:
    server = Server(_lost(), found=found)
    with pytest.raises(TransportError):
        server.executor.run([DELETE])
    assert (server.events, server.measured) == ([], [])
    server.error = NotFound(404)
    for _ in range(2):
        server.executor.run([DELETE])
    assert (server.events, server.measured) == (["Reason"], [RECREATED])


def test_a_delete_that_never_left_is_not_told() -> None:
    server = Server(TransportError("refused", refused=True))
    with pytest.raises(TransportError):
        server.executor.run([DELETE])
    server.error = NotFound(404)
    server.executor.run([DELETE])
    assert (server.events, server.measured) == ([], [])


CREATE = Create("StatefulSet", msgspec.to_builtins(a_worker_set(LEADER)), then=(EVENT,))


@pytest.mark.parametrize("error", [AlreadyExists(409), TransportError("lost")], ids=["409", "lost"])
@pytest.mark.parametrize("ours", [True, False])
def test_a_create_whose_answer_was_lost_is_told_when_it_is_found(error: KubeError, ours: bool) -> None:
    found = a_worker_set(LEADER)
    if not ours:
        found = replace(found, metadata=replace(found.metadata, owner_references=()))
    server = Server(error, found=found)
    outcome = server.executor.run([CREATE])
    assert server.events == (["Reason"] if ours else [])
    assert [x.reason for x in outcome.problems] == ([] if ours else [c.REASON_NAME_TAKEN])


def test_a_create_that_did_not_arrive_is_an_error() -> None:
    server = Server(TransportError("lost"), found=NotFound(404))
    with pytest.raises(TransportError):
        server.executor.run([CREATE])
    assert server.events == []


MARK = PatchMetadata("Pod", LEADER.key, LEADER.uid, {"finalizers": ["f"]})


def test_a_patch_of_metadata_is_of_that_very_object_and_merges_lists() -> None:
    server = Server()
    server.executor.run([MARK])
    assert server.metadata == [{"finalizers": ["f"], "uid": LEADER.uid}]
    assert server.options[0]["strategic"] is True


LEAVING = "Pod is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is"


@pytest.mark.parametrize(
    "error",
    [
        NotFound(404),
        Conflict(409),
        Invalid(422, message="Pod is invalid: metadata.uid: field is immutable"),
        Invalid(422, message=LEAVING),
    ],
    ids=["gone", "busy", "other", "leaving"],
)
def test_a_patch_of_what_is_not_there_any_more_is_done(error: KubeError) -> None:
    assert Server(error).executor.run([MARK]).problems == ()


@pytest.mark.parametrize("error", [Forbidden(403, message="no"), Invalid(422, message="no")])
def test_a_patch_of_metadata_that_is_not_allowed_is_told(error: KubeError) -> None:
    """What comes after it in a group's plan, the gate of its leader for one, does not rest on it."""
    server = Server(error)
    one = StoreEntry(SET, "0", GroupStatus("l"), LEADER.key)
    outcome = server.executor.run([MARK, one])
    assert [(x.reason, x.unmet) for x in outcome.problems] == [(c.REASON_TERMINATION_REFUSED, False)]
    assert (outcome.requeue, server.handed_over) == (FOREIGN_RETRY, [one])


def test_a_patch_of_metadata_that_a_busy_server_does_not_answer_is_an_error() -> None:
    with pytest.raises(Unavailable):
        Server(Unavailable(503)).executor.run([MARK])


@pytest.mark.parametrize("grace", [None, 29])
def test_a_delete_may_shorten_the_grace_period(grace: int | None) -> None:
    server = Server()
    server.executor.run([replace(DELETE, grace=grace)])
    assert server.options[0]["grace_period"] == grace


def test_entries_of_groups_are_handed_over_and_nothing_is_sent() -> None:
    server = Server()
    one = StoreEntry(SET, "0", GroupStatus("l"), LEADER.key)
    assert server.executor.run([one]) == Outcome()
    assert (server.handed_over, server.sent) == ([one], [])


@pytest.mark.parametrize(
    ("conditions", "metadata"),
    [
        ({}, None),
        ({"uid": "u"}, {"uid": "u"}),
        ({"resource_version": "7"}, {"resourceVersion": "7"}),
        ({"resource_version": "7", "uid": "u"}, {"resourceVersion": "7", "uid": "u"}),
    ],
)
def test_a_status_patch_carries_what_it_depends_on(conditions: Any, metadata: Any) -> None:
    server = Server()
    server.executor.run([PatchStatus(c.KIND, SET.key, {"replicas": 2}, **conditions)])
    assert server.metadata == [metadata]


def test_under_a_definition_that_drops_the_record_its_end_is_measured_once_accepted() -> None:
    server = Server()
    server.executor.run([BEGIN])
    assert server.ledger.overlay(SET).status.rollout == RolloutStatus("b", "a", "2026-01-01T00:00:00Z", 2)
    server.error = Conflict(409, "Conflict", "")
    with pytest.raises(Conflict):
        server.executor.run([END])
    assert server.ledger.overlay(SET).status.rollout is not None, "so the next pass ends it"
    server.error = None
    server.executor.run([END])
    assert server.ledger.overlay(SET) is SET
    assert server.measured == [ENDED]
    assert server.sent == [BEGIN.status, {"replicas": 2}, {"replicas": 2}]


def test_a_patch_of_which_nothing_is_left_to_send_is_measured_all_the_same() -> None:
    server = Server()
    server.executor.run([BEGIN])
    server.executor.run([replace(END, status={"rollout": None})])
    assert len(server.sent) == 1
    assert server.measured == [ENDED]


def test_the_log_has_one_line_for_each_deed() -> None:
    """An event's, where there is one: it says why, and the event itself is gone in an hour."""
    server = Server()
    with loglines.captured(level="info") as lines:
        server.executor.run([DELETE, replace(DELETE, uid="another", then=())])
    told, plain = lines.documents
    assert (told["msg"], told["reason"], told["object"]) == ("note", "Reason", f"/{SET.name}")
    assert (plain["msg"], plain["kind"], plain["object"]) == ("Deleted", "Pod", str(LEADER.key))


def test_what_is_gone_is_not_deleted_again_however_late_the_watch_is() -> None:
    server = Server()
    server.executor.run([DELETE])
    server.executor.run([DELETE])
    assert len(server.options) == 1
    assert server.events == ["Reason"]


def test_what_could_not_be_deleted_is_tried_again() -> None:
    server = Server(Unavailable(503, "", ""))
    for _ in range(2):
        with pytest.raises(Unavailable):
            server.executor.run([DELETE])
    assert len(server.options) == 2
