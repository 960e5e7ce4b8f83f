"""Whatever a set was before, and whatever happened on the way: what is left is what a fresh one would be.

The real reconcilers over a model of a cluster, their caches late, their calls lost, their process dying
between any two of them, while the user edits the set, pods die, and children are edited and deleted by hand.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.faults.edits import MENDED
from support.faults.meddling import meddle
from support.faults.states import State, differences, state_of
from support.groups import a_set
from support.stepwise import life as stepwise
from support.stepwise.cluster import owner_uid
from support.stepwise.life import new_cluster
from support.stepwise.wire import trouble

from lws.api import constants as c
from lws.api.resourceclaims import ResourceClaim
from lws.api.workloads import Pod
from lws.planning.claims import claim_name, new_token

EDITS = 3
CLAIMS = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "ResourceClaimTemplate",
    "metadata": {"name": "rack", "namespace": "default"},
    "spec": {"spec": {"devices": {}}},
}


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


class Life(stepwise.Life):
    """A set, a cluster and a controller, until they are at rest."""

    def __init__(self, seed: int, spec: dict[str, Any], *, faults: bool) -> None:
        super().__init__(seed, new_cluster(a_set(**spec)), lag=10)
        self.cluster.create(CLAIMS)
        chances = (self.random.choice((0, 0.02)), self.random.choice((0, 0.02))) if faults else (0, 0)
        self._strike = trouble(self.random, crash=chances[0], fail=chances[1])
        self.faults = faults

    def edit(self, spec: dict[str, Any]) -> None:
        self.cluster.put(replace(self.lws, spec=a_set(**spec).spec))

    def go_on(self, steps: int) -> None:
        """Some time passes, and sometimes somebody lays hands on what the set has."""
        for _ in range(steps):
            if moves := self.moves():
                self.do(self.random.choice(moves))
            else:
                self.cluster.advance(self.random.choice((0.1, 1.0, 5.0)))
            if self.random.random() < 0.02:
                meddle(self.cluster, self.random, MENDED)

    def state(self) -> State:
        """Everything that outlives the history, in a form that two lives can be compared by."""
        for claim in self.cluster.all(
            ResourceClaim
        ):  # called as the pods of this very leader's workers know it
            leader = self.cluster.by_uid(Pod, owner_uid(claim))
            assert claim.name == claim_name(leader.name, "rack", new_token(leader.uid))
        text = msgspec.json.encode(state_of(self.cluster.store)).decode()
        for pod in self.cluster.all(Pod):
            text = text.replace(new_token(pod.uid), "token")
        state: State = msgspec.json.decode(text)
        return {x: y for x, y in state.items() if not self._stays(x)}

    def _stays(self, name: str) -> bool:
        """A Service of another policy: the shared one stays."""
        shared = f"Service {self.lws.name}"
        return name == shared and self.lws.live_subdomain_policy == c.SUBDOMAIN_UNIQUE


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
    assert differences(life.state(), fresh.state()) == []
    life.assert_at_rest()
