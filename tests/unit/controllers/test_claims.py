"""Claims of groups as the controllers see them: a watch from the first one on (docs/decisions/191)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.apimodel.store import BY_KIND, Where
from support.child_world import World as ChildWorld
from support.groups import NAMESPACE, a_set

from lws.api import constants as c
from lws.api.resourceclaims import ResourceClaim, ResourceClaimTemplate
from lws.api.workloads import Pod
from lws.controllers.claims import GroupClaims
from lws.kube.errors import Forbidden, KubeError, NotFound, Unavailable
from lws.kube.resources import RESOURCE_CLAIM_TEMPLATES
from lws.objects import Key, ObjectMeta
from lws.planning.observed import ObservedClaim, WantedClaim
from lws.runtime.clock import FakeClock

WANT = WantedClaim("rack", "rack-of-8", "a-0-rack-abcde", leader=True, workers=True)
TEMPLATE = msgspec.json.decode(
    b'{"metadata":{"name":"rack-of-8"},"spec":{"spec":{"devices":{"requests":[{"name":"x"}]}}}}',
    type=ResourceClaimTemplate,
)
CLAIM = ResourceClaim(metadata=ObjectMeta(name=WANT.claim, namespace="default"))


class Watch:
    """An informer of which the test says what it has seen."""

    def __init__(self, clock: FakeClock) -> None:
        self.starts, self.waits, self.has_synced = 0, 0, True
        self.found: dict[Key, ResourceClaim] = {}
        self._clock = clock

    def start(self) -> None:
        self.starts += 1

    def begin_stop(self) -> None: ...
    def stop(self, _timeout: float) -> None: ...

    def wait_for_sync(self, timeout: float) -> bool:
        self.waits += 1
        if not self.has_synced:
            self._clock.advance(timeout)
        return self.has_synced

    def get(self, key: Key) -> ResourceClaim | None:
        return self.found.get(key)


class Server:
    """A client that reads templates; ``asked`` counts."""

    connection: Any = None

    def __init__(self) -> None:
        self.asked, self.template = 0, True
        self.error: KubeError = NotFound(404)

    def get(self, resource: Any, _type: Any, name: str, namespace: str) -> ResourceClaimTemplate:
        assert (resource, name, namespace) == (RESOURCE_CLAIM_TEMPLATES, "rack-of-8", "default")
        self.asked += 1
        if not self.template:
            raise self.error
        return TEMPLATE


class World:
    def __init__(self) -> None:
        clock = FakeClock()
        self.server = Server()
        self.claims = GroupClaims(self.server, clock=clock)  # type: ignore[arg-type]
        self.watch = Watch(clock)
        self.claims.informer = self.watch  # type: ignore[assignment]

    def look(self) -> ObservedClaim:
        [found] = self.claims.observe("default", [WANT])
        return found


@pytest.fixture
def world() -> World:
    return World()


def test_nothing_is_watched_before_there_is_one(world: World) -> None:
    world.claims.start()
    assert (world.watch.starts, world.claims.silences()) == (0, {})
    world.look()
    world.look()
    assert world.watch.starts == 1


def test_a_template_is_read_for_a_missing_claim_only(world: World) -> None:
    assert world.look() == ObservedClaim(WANT, template=TEMPLATE)
    world.server.template = False
    assert world.look() == ObservedClaim(WANT)
    world.watch.found[Key("default", WANT.claim)] = CLAIM
    assert world.look() == ObservedClaim(WANT, CLAIM)
    assert world.server.asked == 2


def test_a_template_that_may_not_be_read_ends_no_pass(world: World) -> None:
    """The group is recreated, and gets its workers, all the same."""
    world.server.template, world.server.error = False, Forbidden(403, message="no right")
    assert world.look() == ObservedClaim(WANT, refused="no right")
    world.server.error = Unavailable(503)
    with pytest.raises(Unavailable):
        world.look()


def test_a_server_without_claims_is_waited_for_once(world: World) -> None:
    world.watch.has_synced = False
    assert world.look() == ObservedClaim(WANT)
    assert not world.claims.known
    world.look()
    assert (world.watch.waits, world.server.asked) == (1, 0)


def test_after_the_end_no_watch_is_begun(world: World) -> None:
    world.claims.stop()
    world.look()
    assert world.watch.starts == 0


def shared(image: str) -> dict[str, Any]:
    """A pod template that uses a claim of its group."""
    entry = {"name": "rack", "resourceClaimTemplateName": WANT.template}
    return {
        "metadata": {"annotations": {c.GROUP_CLAIMS_ANNOTATION: "rack"}},
        "spec": {"containers": [{"name": "c", "image": image}], "resourceClaims": [entry]},
    }


def test_groups_whose_pods_have_a_node_do_not_wait_for_their_claim() -> None:
    """The scheduler allocates first and binds a moment later; kubelets then pull for minutes."""
    roles = {"leaderTemplate": shared("a"), "workerTemplate": shared("a")}
    world = ChildWorld(stored=True, lws=a_set(replicas=1, size=3, template=roles))
    store, nodes = world.cluster.store, world.cluster.nodes
    kind = BY_KIND["ResourceClaimTemplate"]
    metadata = {"name": WANT.template, "namespace": NAMESPACE, "uid": "uid-template"}
    store.put(Where(kind, NAMESPACE, WANT.template), {"metadata": metadata, "spec": {"spec": {}}})
    nodes.away = True
    world.settle(seconds=3)
    for where, claim in [x for x in store.everything() if x[0].kind.kind == "ResourceClaim"]:
        store.put(where, {**claim, "status": {"allocation": {"devices": {}}}})
    world.settle()
    for where, pod in [x for x in store.everything() if x[0].kind.kind == "Pod"]:
        store.put(where, {**pod, "spec": {**pod["spec"], "nodeName": "n"}})
        world.settle()
    world.settle(seconds=100)
    assert {x.spec.node_name for x in world.cluster.all(Pod)} == {"n"}
    assert c.STALLED not in world.conditions
    assert c.REASON_WAITING_FOR_CLAIM not in {x.reason for x in world.set.status.groups.values()}
