"""Whatever a set was before, and whatever happened on the way: what is left is what a fresh one would be.

The real reconcilers over a model of a cluster, their caches late, their calls lost, their process dying
between any two of them, while the user edits the set, pods die, and children are edited and deleted by hand.
"""

from __future__ import annotations

import copy
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.cluster_model import Move, owner_uid
from support.controller_model import Crash, ModelClient, Process, trouble
from support.groups import a_set
from support.meddling import meddle
from support.rolling_cluster import RollingCluster

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.resourceclaims import ResourceClaim
from lws.api.workloads import ControllerRevision, Pod, Service, StatefulSet
from lws.objects import KubeObject
from lws.planning.claims import claim_name, new_token
from lws.runtime.clock import FakeClock

EDITS = 3
OWN_METADATA = ("uid", "ownerReferences")  # what tells objects apart that are equal otherwise


def image(name: str) -> dict[str, Any]:
    """A template; that of image ``c`` has its workers share a claim."""
    worker: dict[str, Any] = {"spec": {"containers": [{"name": "worker", "image": name}]}}
    if name == "c":
        worker["metadata"] = {"annotations": {c.GROUP_CLAIMS_ANNOTATION: "rack"}}
        worker["spec"]["resourceClaims"] = [{"name": "rack", "resourceClaimTemplateName": "rack"}]
    return {"workerTemplate": worker}


specs = st.fixed_dictionaries(
    {
        "replicas": st.integers(0, 4),
        "size": st.integers(1, 3),
        "max_unavailable": st.integers(1, 2),
        "max_surge": st.integers(0, 2),
        "startup": st.sampled_from((c.STARTUP_LEADER_CREATED, c.STARTUP_LEADER_READY)),
        "subdomain": st.sampled_from((c.SUBDOMAIN_SHARED, c.SUBDOMAIN_UNIQUE)),
        "restart": st.sampled_from(
            (c.RESTART_NONE, c.RESTART_RECREATE_GROUP, c.RESTART_RECREATE_GROUP_AFTER_START)
        ),
        "min_ready": st.sampled_from((None, None, 20)),
        "template": st.sampled_from("abc").map(image),
    }
)
partitions = st.sampled_from((0, 0, 0, 1, 2))


class Life:
    """A set, a cluster and a controller, until they are at rest."""

    def __init__(self, seed: int, spec: dict[str, Any], *, faults: bool) -> None:
        self.random = Random(seed)
        self.cluster, self.clock = RollingCluster(), FakeClock()
        self.cluster.create(a_set(**spec))
        chances = (self.random.choice((0, 0.02)), self.random.choice((0, 0.02))) if faults else (0, 0)
        self._strike = trouble(self.random, crash=chances[0], fail=chances[1])
        self._faults = faults
        self.client = ModelClient(self.cluster, self._trouble)
        self.process: Process | None = None

    def _trouble(self) -> None:
        if self._faults:
            self._strike()

    @property
    def lws(self) -> LeaderWorkerSet:
        return self.cluster.all(LeaderWorkerSet)[0]

    def edit(self, spec: dict[str, Any]) -> None:
        metadata = replace(self.lws.metadata, generation=self.lws.metadata.generation + 1)
        self.cluster.put(replace(self.lws, spec=a_set(**spec).spec, metadata=metadata))

    def go_on(self, steps: int) -> None:
        """Some time passes, and sometimes somebody lays hands on what the set has."""
        for _ in range(steps):
            self._step(self.clock.advance, self.random.choice((0.1, 1.0, 5.0)))
            if self.random.random() < 0.02:
                meddle(self.cluster, self.random)

    def settle(self) -> None:
        """Faults stop, and everything that can happen does."""
        self._faults = False
        for _ in range(30_000):
            due = self._running().next()
            if due is None and not self._moves():
                return
            self._step(self.clock.advance, max(0.0, (due or 0.0) - self.clock.monotonic()))
        raise AssertionError("it never settles")

    def restart(self) -> None:
        """A new process, whose caches show what is there."""
        self.process = Process(self.cluster, self.client, self.clock, lambda _kind: 0)

    def state(self) -> dict[str, Any]:
        """Everything that outlives the history, in a form that two lives can be compared by."""
        status = self.lws.status
        pods = {x.name: (_labels(x), x.ready, x.deleting) for x in self.cluster.all(Pod)}
        return {
            "pods": pods,
            "stateful sets": {x.name: self._document(x) for x in self._stateful_sets()},
            "services": {x.name: self._document(x) for x in self.cluster.all(Service) if not self._stays(x)},
            "claims": sorted(self._claim(x) for x in self.cluster.all(ResourceClaim)),
            "revisions": {_labels(x)[c.REVISION_LABEL]: bytes(x.data) for x in self._revisions()},
            "counters": (status.replicas, status.ready_replicas, status.updated_replicas),
            "conditions": {x.type for x in status.conditions if x.status == "True"},
            "recorded": self._recorded(),
        }

    def _stateful_sets(self) -> list[StatefulSet]:
        """Without those of no pods, which leaders alone get while the set's size is another one."""
        found = self.cluster.all(StatefulSet)
        return [x for x in found if x.name == self.lws.name or x.spec.replicas > 0]

    def _recorded(self) -> list[str]:
        """Groups whose present pods are on record. What is told of former ones is history, not state."""
        leaders = {x.uid for x in self.cluster.all(Pod)} if self.lws.live_size > 1 else set()
        return sorted(i for i, x in self.lws.status.groups.items() if x.workers and x.leader in leaders)

    def _stays(self, service: Service) -> bool:
        """Not of the present policy: the shared one stays; a group's goes with its leader."""
        return (service.name == self.lws.name) == (self.lws.live_subdomain_policy == c.SUBDOMAIN_UNIQUE)

    def _claim(self, claim: ResourceClaim) -> str:
        """Whose it is; it is called as the pods of this very leader's workers know it."""
        leader = self.cluster.by_uid[owner_uid(claim)]
        assert claim.name == claim_name(leader.name, "rack", new_token(leader.uid))
        return leader.name

    def _revisions(self) -> list[ControllerRevision]:
        return self.cluster.all(ControllerRevision)

    def _document(self, obj: KubeObject) -> dict[str, Any]:
        document = copy.deepcopy(self.client.documents[obj.uid])
        for member in OWN_METADATA:
            document["metadata"].pop(member, None)
        if isinstance(obj, StatefulSet):  # a token is the incarnation's
            document["spec"]["template"]["metadata"]["annotations"].pop(c.GROUP_CLAIMS_TOKEN_ANNOTATION, None)
        return document

    def _running(self) -> Process:
        if self.process is None:
            lag = self.random.choice((0, 10))
            self.process = Process(self.cluster, self.client, self.clock, lambda _kind: lag)
        return self.process

    def _moves(self) -> list[Move]:
        process = self._running()
        return [*self.cluster.moves(), *process.deliveries(), *process.reconciles()]

    def _step(self, idle: Any, seconds: float) -> None:
        moves = self._moves()
        try:
            if moves:
                self.random.choice(moves)()
            else:
                idle(seconds)
        except Crash:
            self.process = None


def _labels(obj: KubeObject) -> dict[str, str]:
    return dict(obj.labels)


@given(
    seed=st.integers(0, 2**32),
    history=st.lists(specs, min_size=1, max_size=EDITS),
    final=specs,
    data=st.data(),
)
@settings(max_examples=80, deadline=None)
def test_the_state_after_edits_is_that_of_a_fresh_set(
    seed: int, history: list[dict[str, Any]], final: dict[str, Any], data: st.DataObject
) -> None:
    life = Life(seed, history[0], faults=True)
    for spec in [*history[1:], final]:
        life.go_on(data.draw(st.integers(0, 300)))
        life.edit(spec)
    life.go_on(data.draw(st.integers(0, 100)))
    life.settle()
    fresh = Life(0, final, faults=False)
    fresh.settle()
    assert life.state() == fresh.state()
    at_rest = life.cluster.version
    life.restart()
    life.settle()
    assert life.cluster.version == at_rest, "another start changed something"
