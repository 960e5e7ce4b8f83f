"""What follows from an action follows only once the API server has accepted it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.groups import a_leader, a_set

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet, RolloutStatus
from lws.controllers.executor import Executor
from lws.controllers.groupstatus import GroupStatusMemory
from lws.kube.errors import Conflict, KubeError, NotFound, Unavailable
from lws.planning.actions import (
    Delete,
    GroupRecreated,
    Measurement,
    ObjectReference,
    PatchStatus,
    Record,
    RolloutEnded,
    StoreEntry,
)

SET = a_set()
EVENT = Record(ObjectReference(c.API_VERSION, c.KIND, SET.name), "Normal", "Reason", "Action", "note")
ENDED, RECREATED = RolloutEnded("completed", 7.0), GroupRecreated("pod_deleted")
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

    def __init__(self, error: KubeError | None = None, answer: LeaderWorkerSet = SET) -> None:
        self.error, self.answer = error, answer
        self.sent: list[dict[str, Any]] = []
        self.events: list[str] = []
        self.measured: list[Measurement] = []
        self.ledger = GroupStatusMemory()
        informers: Any = {c.KIND: self}
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
        self.sent.append(args[3]["status"])
        if self.error is not None:
            raise self.error
        return self.answer

    def delete(self, *args: Any, **kwargs: Any) -> None:
        if self.error is not None:
            raise self.error

    def event(self, *, reason: str, **_: Any) -> None:
        self.events.append(reason)

    def get(self, _: Any) -> LeaderWorkerSet:
        return SET

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
