"""A set and its controllers in the model of a control plane, whose API server may refuse their writes.

Nobody else acts but StatefulSet controller, kubelets and garbage collector; time is a test's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, StatefulSet
from lws.kube.errors import ApiError, api_error
from lws.objects import Condition, Key, KubeObject
from lws.runtime.clock import FakeClock
from lws.webhooks.paths import MUTATE_POD
from support.apimodel.answers import Refused, Request
from support.apimodel.revisions import ME as STATEFULSETS
from support.apimodel.store import Where
from support.groups import NAME, NAMESPACE, a_set
from support.stepwise.cluster import ADMISSION, Cluster
from support.stepwise.process import Behind, Process
from support.stepwise.wire import Wire

KEY = Key(NAMESPACE, NAME)
GROUP = Key(NAMESPACE, f"{NAME}-0")
QUOTA = "is forbidden: exceeded quota: small, requested: count/x=1, used: count/x=0, limited: count/x=0"
MOVES = 5000
"""More of them never come to rest."""

Refuse = Callable[[str, Mapping[str, Any]], ApiError | None]


def answer(status: int, message: str = QUOTA) -> ApiError:
    body = {"kind": "Status", "status": "Failure", "code": status, "message": message}
    return api_error(status, {}, msgspec.json.encode(body))


class World:
    """``refuse(kind, document)`` may refuse our writes of children, and ``keep(kind, name)`` deletions, ours
    and the StatefulSet controller's.

    ``sent`` and ``asked_to_go``: by kind and name, whether refused or not. ``stored``: the set is as it is,
    whatever admission and schema would say of it.
    """

    def __init__(self, *, stored: bool = False, lws: LeaderWorkerSet | None = None, **members: Any) -> None:
        self.clock = FakeClock(1000.0)
        admission = [MUTATE_POD] if stored else ADMISSION
        self.cluster = Cluster(self.clock, schemas=not stored, admission=admission)
        self.refuse: Refuse = lambda kind, document: None
        self.keep: Callable[[str, str], ApiError | None] = lambda kind, name: None
        self.sent: list[tuple[str, str]] = []
        self.asked_to_go: list[tuple[str, str]] = []
        lws = lws or a_set(**members)
        self.cluster.create(lws)
        self.cluster.put(replace(self.set, status=lws.status))
        self.wire = Wire(self.cluster.server)
        self.wire.refuse = self._judge
        self.cluster.server.admission.let_go = self._let_go
        self.start()

    def start(self, behind: Behind = lambda _kind: 0) -> None:
        """Another process, whose first lists are so many versions behind."""
        self.process = Process(self.cluster, self.wire, behind)

    def _judge(self, asked: Request) -> ApiError | None:
        if asked.where is None or not asked.writes or asked.subresource:
            return None
        kind = asked.where.kind.kind
        if asked.method == "DELETE":
            self.asked_to_go.append((kind, asked.where.name))
            return None
        self.sent.append((kind, asked.where.name or asked.body["metadata"]["name"]))
        return self.refuse(
            kind, {**asked.body, "metadata": {"name": self.sent[-1][1], **asked.body["metadata"]}}
        )

    def _let_go(self, where: Where, by: str) -> None:
        error = self.keep(where.kind.kind, where.name) if by in (c.FIELD_MANAGER, STATEFULSETS) else None
        if error is not None:
            raise Refused(error.status, error.reason, error.message)

    def settle(self, *, seconds: float = 0.0) -> None:
        """Until nobody has anything to do, and then so many seconds."""
        for _ in range(MOVES):
            moves = [*self.process.deliveries(), *self.process.reconciles(), *self.cluster.moves()]
            if moves:
                moves[0]()
                continue
            due = [x for x in (self.process.next(), self.cluster.next()) if x is not None]
            if not due or (wait := min(due) - self.clock.monotonic()) > seconds:
                return
            self.cluster.advance(max(wait, 0.0))
            seconds -= max(wait, 0.0)
        raise AssertionError("it never settles")

    def edit(self, change: Callable[[LeaderWorkerSet], LeaderWorkerSet]) -> None:
        """The user's edit of the set."""
        self.cluster.put(change(self.set))

    def relabel(self, labels: dict[str, str], annotations: dict[str, str] | None = None) -> None:
        """The user's edit of the set's metadata."""
        lws = self.set
        kept = annotations if annotations is not None else lws.annotations
        self.cluster.put(replace(lws, metadata=replace(lws.metadata, labels=labels, annotations=kept)))

    def made_by(self, kind: type[KubeObject], key: Key, maker: str) -> None:
        """Not we made it, but the program of this name."""
        found = self.cluster.get(kind, key)
        assert found is not None
        entries = [
            {**x, "manager": maker} if x["manager"] == c.FIELD_MANAGER else x
            for x in self.cluster.document(kind, key)["metadata"]["managedFields"]
        ]
        self.cluster.plant(found, metadata={"managedFields": entries})

    @property
    def set(self) -> LeaderWorkerSet:
        found = self.cluster.get(LeaderWorkerSet, KEY)
        assert found is not None
        return found

    @property
    def leader_set(self) -> StatefulSet | None:
        return self.cluster.get(StatefulSet, KEY)

    @property
    def revisions(self) -> list[ControllerRevision]:
        """Not those that the StatefulSet controller keeps."""
        theirs = {c.GROUP_INDEX_LABEL, c.WORKER_INDEX_LABEL}
        return [x for x in self.cluster.all(ControllerRevision) if not theirs & x.labels.keys()]

    def condition(self, type_: str) -> Condition:
        return next((x for x in self.set.status.conditions if x.type == type_), Condition(type_))

    @property
    def conditions(self) -> set[str]:
        return {x.type for x in self.set.status.conditions if x.status == "True"}
