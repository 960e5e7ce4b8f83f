"""DisaggregatedSets in rollouts of every shape, watched from end to end (disaggregatedset.md, 23.7)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from support.cluster import Cluster
from support.histories import history
from support.manager import Manager
from support.namespaces import make_namespace
from support.rolesets import LiveRoles, delete_all, role
from support.sets import Document

from lws.api import disaggregation as d
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.resources import Resource

pytestmark = pytest.mark.integration

OLD, NEW, NEWEST = (f"registry.k8s.io/pause:{x}" for x in ("3.9", "3.10", "3.11"))
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
State = dict[tuple[str, str], int]
"""Groups asked for, by revision and role."""


class Rollout(NamedTuple):
    """Groups by role before and after; ``pace``: members of the rolling update of every role."""

    before: dict[str, int]
    after: dict[str, int]
    pace: dict[str, Any]
    images: tuple[str, ...] = (OLD, NEW)

    def surge(self, name: str) -> int:
        """Groups that may exist beyond the larger of both sizes."""
        given = self.pace.get("surge", 0 if self.pace else 1)
        wanted = self.after.get(name, 0)
        return math.ceil(wanted * int(given[:-1]) / 100) if isinstance(given, str) else given

    def roles(self, sizes: dict[str, int], image: str) -> list[Document]:
        return [role(name, count, image=image, **self.pace) for name, count in sizes.items()]


TWO = {"prefill": 4, "decode": 6}
ALONE = (OLD, OLD)
ROLLOUTS = {
    "plain": Rollout({"prefill": 2, "decode": 2}, {"prefill": 2, "decode": 2}, {}),
    "shares": Rollout(
        {"prefill": 4, "decode": 4}, {"prefill": 4, "decode": 4}, {"surge": "50%", "unavailable": "25%"}
    ),
    "uneven": Rollout({"prefill": 10, "decode": 2}, {"prefill": 6, "decode": 8}, {"surge": 2}),
    "no-surge": Rollout({"prefill": 4, "decode": 4}, {"prefill": 4, "decode": 4}, {"unavailable": 2}),
    "three": Rollout(dict.fromkeys("abc", 2), dict.fromkeys("abc", 2), {"surge": 1}),
    "renamed": Rollout({"prefill": 2, "encode": 2}, {"prefill": 2, "decode-long-context": 2}, {"surge": 1}),
    "renamed-alone": Rollout({"alpha": 5, "zeta": 5}, {"alpha": 5, "gamma": 5}, {"surge": 2}, ALONE),
    "added-alone": Rollout({"alpha": 2, "beta": 3}, {"alpha": 2, "beta": 3, "gamma": 5}, {"surge": 1}, ALONE),
    "added": Rollout(TWO, TWO | {"encode": 2}, {"surge": 2}, ALONE),
    "removed": Rollout(TWO | {"encode": 2}, TWO, {"surge": 2}, ALONE),
    "generations": Rollout(
        {"prefill": 6, "decode": 6}, {"prefill": 6, "decode": 6}, {"surge": 2}, (OLD, NEW, NEWEST)
    ),
}


class Watched(NamedTuple):
    """A rollout that was seen from its beginning to its end. ``revisions`` in order of appearance."""

    llm: LiveRoles
    states: list[State]

    @property
    def revisions(self) -> list[str]:
        return list(dict.fromkeys(revision for state in self.states for revision, _ in state))

    def totals(self, name: str) -> list[int]:
        """Groups of a role over all revisions, state by state."""
        return [sum(count for (_, of), count in state.items() if of == name) for state in self.states]

    def of(self, revision: str) -> list[int]:
        """Groups of a revision over all roles, state by state, while it is there."""
        found = [[count for (x, _), count in state.items() if x == revision] for state in self.states]
        return [sum(counts) for counts in found if counts]


class Watch:
    """Sees every set of a namespace until each stands on one revision alone, which is not its first."""

    def __init__(self, cluster: Cluster, namespace: str, sets: dict[str, LiveRoles]) -> None:
        self._client, self._namespace = cluster.client, namespace
        self.seen = {name: Watched(llm, []) for name, llm in sets.items()}
        self._changed = False

    def until_done(self) -> None:
        with history(self._client, LEADERWORKERSETS, self._namespace) as moments:
            for children in moments:
                for name, state in states(children).items():
                    if self.seen[name].states[-1:] != [state]:
                        self.seen[name].states.append(state)
                self._change_again(children)
                if all(map(self._done, self.seen)):
                    break
        for one in self.seen.values():
            one.llm.await_available()

    def _done(self, name: str) -> bool:
        one = self.seen[name]
        last = {revision for revision, _ in one.states[-1]} if one.states else set()
        return len(last) == 1 and len(one.revisions) == len(
            ROLLOUTS[name].images[: 3 if self._changed else 2]
        )

    def _change_again(self, children: list[Document]) -> None:
        """Of the one that has three generations, when half of its second serves."""
        rollout, one = ROLLOUTS["generations"], self.seen["generations"]
        if not self._changed and serving(children, "generations", NEW) >= 3:
            one.llm.change(*rollout.roles(rollout.after, NEWEST))
            self._changed = True


def states(children: list[Document]) -> dict[str, State]:
    """By set."""
    found: dict[str, State] = defaultdict(dict)
    for child in children:
        labels = child["metadata"]["labels"]
        place = labels[d.REVISION_LABEL], labels[d.ROLE_LABEL]
        found[labels[d.NAME_LABEL]][place] = child["spec"]["replicas"]
    return found


def serving(children: list[Document], name: str, image: str) -> int:
    """Ready groups of prefill with this image."""
    return sum(
        child.get("status", {}).get("readyReplicas", 0)
        for child in children
        if child["metadata"]["labels"][d.NAME_LABEL] == name
        and child["metadata"]["labels"][d.ROLE_LABEL] == "prefill"
        and image_of(child) == image
    )


def image_of(child: Document) -> str:
    template = child["spec"]["leaderWorkerTemplate"]["workerTemplate"]
    return str(template["spec"]["containers"][0]["image"])


@pytest.fixture(scope="module")
def watched(cluster: Cluster, one_manager: Manager) -> Iterator[dict[str, Watched]]:
    """All of them, begun together."""
    one_manager.ensure_running()
    namespace = make_namespace(cluster.client)
    sets = {x: LiveRoles(cluster.client, namespace, x) for x in ROLLOUTS}
    for name, rollout in ROLLOUTS.items():
        sets[name].create(*rollout.roles(rollout.before, OLD))
    for llm in sets.values():
        llm.await_available()
    watch = Watch(cluster, namespace, sets)
    for name, rollout in ROLLOUTS.items():
        watch.seen[name].states.append(states(sets[name].children())[name])
        sets[name].change(*rollout.roles(rollout.after, rollout.images[1]))
    watch.until_done()
    yield watch.seen
    delete_all(cluster.client, namespace)


@pytest.mark.parametrize("name", ROLLOUTS)
def test_a_rollout_ends_whole_and_is_never_too_large(watched: dict[str, Watched], name: str) -> None:
    """One revision is left, as large as asked for; on the way no role had more groups than it may have."""
    rollout, one = ROLLOUTS[name], watched[name]
    assert one.llm.sizes() == {f"0-{x}": count for x, count in rollout.after.items()}
    assert len(one.llm.pods()) == sum(rollout.after.values())
    assert {image_of(x) for x in one.llm.children()} == {rollout.images[-1]}
    for role_name in rollout.before | rollout.after:
        most = max(rollout.before.get(role_name, 0), rollout.after.get(role_name, 0)) + rollout.surge(
            role_name
        )
        assert max(one.totals(role_name)) <= most, role_name


@pytest.mark.parametrize("name", ["added", "removed", "added-alone", "renamed-alone", "uneven"])
def test_the_old_goes_step_by_step(watched: dict[str, Watched], name: str) -> None:
    """It is never drained all at once."""
    old = watched[name].of(watched[name].revisions[0])
    assert old == sorted(old, reverse=True)
    assert len(set(old) - {max(old), 0}) >= 2, f"only {old}"


def test_the_newer_generation_goes_first(watched: dict[str, Watched]) -> None:
    """A to B, and to C when half of B serves: B is drained before A is."""
    one = watched["generations"]
    first, second, third = one.revisions
    assert {revision for revision, _ in one.states[-1]} == {third}
    for state in one.states:
        newer, oldest = (
            sum(n for (x, _), n in state.items() if x == revision) for revision in (second, first)
        )
        assert oldest or not newer, "the oldest ended before the newer"


# What is no rollout.


@pytest.fixture
def llm(cluster: Cluster, manager: Manager, namespace: str) -> Iterator[LiveRoles]:
    yield LiveRoles(cluster.client, namespace)
    delete_all(cluster.client, namespace)


def test_up_and_down(llm: LiveRoles) -> None:
    """One group of each role, three, one."""
    llm.create(role("prefill", 1), role("decode", 1))
    for count in (1, 3, 1):
        llm.change(role("prefill", count), role("decode", count))
        llm.await_sizes(s0_prefill=count, s0_decode=count)
        llm.await_available()
        llm.until(f"{2 * count} pods", llm.pods, lambda seen, count=count: len(seen) == 2 * count)


GIVEN = {"labels": {"team": "a"}, "annotations": {"note": "b"}}
QUEUE = "kueue.x-k8s.io/queue-name"


def test_what_children_pods_and_services_carry(llm: LiveRoles) -> None:
    """Users' labels and annotations with the system's; services have the system's only, and endpoints that
    are ready; all pods of a set that has a topology of its own are on one node.
    """
    roles = [role("prefill", 1), role("decode", 1)]
    roles[0]["metadata"] = {"labels": {QUEUE: "q"}, "annotations": {"of": "the role"}}
    roles[0]["spec"]["leaderWorkerTemplate"]["workerTemplate"]["metadata"] = GIVEN
    policy = {"type": "ExclusiveTopology", "topology": "kubernetes.io/hostname"}
    llm.create(*roles, placementPolicy=policy).await_available()
    services = llm.until("services", llm.services, lambda seen: len(seen) == 2)
    [child] = [x for x in llm.children() if x["metadata"]["labels"][d.ROLE_LABEL] == "prefill"]
    [pod] = [x for x in llm.pods() if x["metadata"]["labels"][d.ROLE_LABEL] == "prefill"]
    system = {
        d.NAME_LABEL: "llm",
        d.ROLE_LABEL: "prefill",
        d.SLICE_LABEL: "0",
        d.REVISION_LABEL: llm.revision,
    }
    everywhere = system | {d.APP_LABEL: "llm-0-prefill"}
    assert (everywhere | {QUEUE: "q"}).items() <= child["metadata"]["labels"].items()
    assert child["metadata"]["annotations"]["of"] == "the role"
    for metadata in (child["spec"]["leaderWorkerTemplate"]["workerTemplate"]["metadata"], pod["metadata"]):
        assert (everywhere | GIVEN["labels"]).items() <= metadata["labels"].items()
        assert GIVEN["annotations"].items() <= metadata["annotations"].items()
    [service] = [x for x in services if x["metadata"]["labels"] == system]
    assert service["spec"]["clusterIP"] == "None"
    assert "ports" not in service["spec"]
    assert service["spec"]["selector"] == system
    [endpoints] = llm.until(
        "endpoints", lambda: endpoint_slices(llm, service), lambda seen: seen and any_ready(seen[0])
    )
    assert system.items() <= endpoints["metadata"]["labels"].items()
    assert not endpoints.get("ports")
    assert len({x["spec"]["nodeName"] for x in llm.pods()}) == 1


def endpoint_slices(llm: LiveRoles, service: Document) -> list[Document]:
    selector = f"kubernetes.io/service-name={service['metadata']['name']}"
    return llm.client.list(ENDPOINT_SLICES, dict, llm.namespace, label_selector=selector)


def any_ready(endpoints: Document) -> bool:
    return any(x["conditions"].get("ready") for x in endpoints.get("endpoints") or [])
