"""Nodes for each group of its own, by the annotations of docs/guides/replica-nodes.md (beyond.md, 2.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.cluster import Cluster
from support.kubectl import Kubectl
from support.sets import Document, LivePod, LiveSet, Sets, template
from support.wholeness import await_whole, problems

from lws.api import constants as c
from lws.kube.client import Client
from lws.kube.resources import NODES

pytestmark = pytest.mark.integration

KEY, ALONE, PARTS, RESERVE = (f"lws.test/{x}" for x in ("group", "alone", "parts", "reserve"))
SELECTOR, TOLERATION = c.REPLICA_NODE_SELECTOR_ANNOTATION, c.REPLICA_TOLERATION_ANNOTATION
NEW = "docker.io/nginxinc/nginx-unprivileged:1.28"


class Nodes:
    """The nodes of the cluster; each belongs to nobody, or to one group."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.names = sorted(x["metadata"]["name"] for x in client.list(NODES, dict))

    def give(self, name: str, taint: str = "", **labels: str | None) -> None:
        """Labels that say whose it is, and a taint by ``taint``, if that is one of them."""
        taints = [{"key": taint, "value": labels[taint], "effect": "NoSchedule"}] if taint else None
        patch = {"metadata": {"labels": labels}, "spec": {"taints": taints}}
        self._client.merge_patch(NODES, dict, name, patch)

    def give_rack(self, group: int, value: str, *, taint: str = "") -> None:
        """Two of them."""
        for name in self.names[2 * group : 2 * group + 2]:
            self.give(name, taint, **{KEY: value})

    def values(self) -> dict[str, str]:
        """By name: whose it is, if it is somebody's."""
        labels = {x["metadata"]["name"]: x["metadata"]["labels"] for x in self._client.list(NODES, dict)}
        return {name: found[KEY] for name, found in labels.items() if KEY in found}

    def clear(self) -> None:
        for name in self.names:
            self.give(name, **dict.fromkeys([KEY, ALONE, PARTS, RESERVE]))


@pytest.fixture
def nodes(cluster: Cluster) -> Iterator[Nodes]:
    found = Nodes(cluster.client)
    yield found
    found.clear()


def asking(role: str, image: str = "", key: str = KEY, *, tolerating: bool = False) -> Document:
    """The pod template of that role, which asks for nodes of its group."""
    document = template(role, image) if image else template(role)
    document["metadata"]["annotations"] |= {SELECTOR: key} | ({TOLERATION: key} if tolerating else {})
    return document


def selector(pod: LivePod) -> dict[str, str]:
    return dict(pod.document["spec"].get("nodeSelector", {}))


def tolerated(pod: LivePod) -> list[tuple[str, str]]:
    """Key and value of the taints that it names with a value."""
    return [(x["key"], x["value"]) for x in pod.document["spec"].get("tolerations", []) if "value" in x]


def assert_at_home(lws: LiveSet, nodes: Nodes) -> None:
    """Every pod asks for its group's nodes, and is on one."""
    values = nodes.values()
    for pod in lws.pods():
        home = f"{lws.name}-{pod.group}"
        assert (selector(pod), tolerated(pod)) == ({KEY: home}, [(KEY, home)])
        assert values[pod.document["spec"]["nodeName"]] == home


def test_each_group_runs_on_its_own_nodes(sets: Sets, nodes: Nodes, cluster: Cluster, namespace: str) -> None:
    """2.3, 1, 3 and 4: before and after a recreation and a roll, and a group whose nodes are not there."""
    for group in (0, 1):
        nodes.give_rack(group, f"own-{group}", taint=KEY)
    templates = {f"{x}Template": asking(x, tolerating=True) for x in ("leader", "worker")}
    lws = sets.create("own", replicas=3, **templates)
    kubectl = Kubectl(cluster, namespace)
    advice = f"no node has {KEY}=own-2: label the group's nodes, or have an autoscaler make them"
    wanted = [("Unschedulable", 2, advice)]
    lws.until("why it waits", lambda: causes(kubectl.json("why", "own")), lambda seen: seen == wanted)
    nodes.give_rack(2, "own-2", taint=KEY)
    await_whole(lws)
    assert_at_home(lws, nodes)
    old = lws.uids(1)
    lws.delete_pod("own-1-1")
    lws.await_replaced(old, group=1)
    await_whole(lws)
    assert_at_home(lws, nodes)
    lws.change(workerTemplate=asking("worker", NEW, tolerating=True))
    await_whole(lws)
    assert_at_home(lws, nodes)


def causes(view: Document) -> list[tuple[str, int | None, str]]:
    return [(x["reason"], x.get("group"), x.get("advice", "")) for x in view["causes"]]


def test_to_ask_for_nodes_is_a_roll(sets: Sets, nodes: Nodes, cluster: Cluster, namespace: str) -> None:
    """2.3, 5, 6 and 11: of workers only, within maxUnavailable, and back; one pod a group, and subgroups."""
    for group in range(3):
        nodes.give_rack(group, f"later-{group}")
    for name in nodes.names:
        nodes.give(name, **{ALONE: "alone-0", PARTS: "parts-0"})
    alone = sets.create(
        "alone", replicas=1, size=1, leaderTemplate=None, workerTemplate=asking("worker", key=ALONE)
    )
    parts = sets.create(
        "parts",
        replicas=1,
        size=4,
        subgroups={"subGroupSize": 2},
        leaderTemplate=asking("leader", key=PARTS),
        workerTemplate=asking("worker", key=PARTS),
    )
    kept = {"annotations": {c.HISTORY_LIMIT_ANNOTATION: "1"}}
    lws = sets.create("later", replicas=3, metadata=kept)
    await_whole(lws, alone, parts)
    assert [selector(pod) for pod in alone.pods()] == [{ALONE: "alone-0"}]
    assert [selector(pod) for pod in parts.pods()] == [{PARTS: "parts-0"}] * 4
    for change, wanted in (
        (lambda: lws.change(workerTemplate=asking("worker")), "later"),
        (lambda: Kubectl(cluster, namespace).lws("undo", "later"), None),
    ):
        assert fewest_ready(lws, change) >= 2
        assert [selector(pod) for pod in lws.pods() if pod.worker == 0] == [{}] * 3
        homes = [{KEY: f"{wanted}-{x}"} if wanted else {} for x in range(3)]
        assert [selector(pod) for pod in lws.pods() if pod.worker] == homes
        assert len(lws.revisions()) == 2


def fewest_ready(lws: LiveSet, change: Any) -> int:
    """How few groups were whole at a time, from the change until all groups of the set are new."""
    old, fewest = lws.uids(), 3
    change()

    def look() -> bool:
        nonlocal fewest
        pods = lws.pods()
        fewest = min(fewest, sum(sum(x.ready for x in pods if x.group == group) == 2 for group in range(3)))
        return not old & {x.uid for x in pods} and lws.condition(c.AVAILABLE) == "True"

    lws.until("the roll", look)
    return fewest


class Autoscaler:
    """Gives a node of the reserve to whoever waits for one, and takes back what nobody uses."""

    def __init__(self, nodes: Nodes, lws: LiveSet) -> None:
        self._nodes, self._lws = nodes, lws
        self.given: set[str] = set()
        for name in nodes.names:
            nodes.give(name, RESERVE, **{RESERVE: "true", KEY: None})

    def act(self) -> None:
        values = self._nodes.values()
        wanted = {value for pod in self._lws.pods() for _, value in tolerated(pod)}
        for name, value in values.items():
            if value not in wanted:
                self._nodes.give(name, RESERVE, **{RESERVE: "true", KEY: None})
        reserve = [x for x in self._nodes.names if x not in values]
        for name, value in zip(reserve, sorted(wanted - {*values.values()}), strict=False):
            self._nodes.give(name, KEY, **{RESERVE: None, KEY: value})
            self.given.add(value)


def test_an_autoscaler_makes_a_node_group_for_each_group(sets: Sets, nodes: Nodes) -> None:
    """2.3, 8 and 9: also one for the surge group, which goes with it."""
    templates = {f"{x}Template": asking(x, tolerating=True) for x in ("leader", "worker")}
    lws = sets[(name := "auto")]
    autoscaler = Autoscaler(nodes, lws)
    lws = sets.create(name, replicas=2, maxSurge=1, maxUnavailable=0, **templates)

    def look() -> list[str]:
        autoscaler.act()
        return problems(lws)

    lws.until("nodes", look, lambda seen: not seen)
    assert_at_home(lws, nodes)
    assert autoscaler.given == {"auto-0", "auto-1"}
    lws.change(workerTemplate=asking("worker", NEW, tolerating=True))
    lws.until("the roll", look, lambda seen: not seen)
    assert_at_home(lws, nodes)
    assert autoscaler.given == {"auto-0", "auto-1", "auto-2"}
    autoscaler.act()
    assert sorted(nodes.values().values()) == ["auto-0", "auto-1"]
