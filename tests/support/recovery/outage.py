"""One node dies for longer than the cluster waits for it: its pods are evicted. Then it is back, or never is.

The cluster waits for 20 seconds instead of 50, and the pods tolerate it for two instead of 300, as users have
it who do not want to wait for five minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from lws.kube.resources import NODES, PODS, STATEFULSETS
from support.recovery.arena import PLAIN, Desk, Fault
from support.waiting import until

FLAGS = ("--arg=kube-controller-manager=--node-monitor-grace-period=20s",)
TAINTS = tuple(f"node.kubernetes.io/{x}" for x in ("not-ready", "unreachable"))
GIVEN_UP = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
DEAD = "hollow.lws/dead"
IMPATIENT = {
    "spec": {
        "tolerations": [
            {"key": x, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 2} for x in TAINTS
        ]
    }
}
SECONDS = 120.0

Document = dict[str, Any]


class Ward(Desk):
    """Whose pods do not wait long for their nodes."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        for one in self.lives:
            one.change(leaderTemplate=IMPATIENT, workerTemplate=IMPATIENT)
        changes = {"spec": {"template": IMPATIENT}}
        self.client.merge_patch(STATEFULSETS, dict, PLAIN, changes, namespace=self.namespace)

    def reset(self) -> None:
        """Also with all nodes."""
        for node in self.client.list(NODES, dict):
            name = node["metadata"]["name"]
            say_dead(self, name, None)
            self.taint(name, lambda taints: [x for x in taints if x["key"] != GIVEN_UP["key"]])
        until("all nodes to be back", self._tainted, lambda seen: not seen, seconds=SECONDS)
        super().reset()

    def _tainted(self) -> list[str]:
        return [x["metadata"]["name"] for x in self.client.list(NODES, dict) if x["spec"].get("taints")]

    def taint(self, name: str, change: Callable[[list[Document]], list[Document]]) -> None:
        taints = self.client.get(NODES, dict, name)["spec"].get("taints", [])
        if (changed := change(taints)) != taints:
            self.client.merge_patch(NODES, dict, name, {"spec": {"taints": changed}})

    def victim(self) -> str:
        """The node of the plain StatefulSet's pod, so that both are struck."""
        return str(self.client.get(PODS, dict, f"{PLAIN}-0", self.namespace)["spec"]["nodeName"])

    def on(self, node: str) -> dict[str, bool]:
        """By UID: whether each pod there is on its way out."""
        pods = self.client.list(PODS, dict, self.namespace)
        return {
            x["metadata"]["uid"]: "deletionTimestamp" in x["metadata"]
            for x in pods
            if x["spec"].get("nodeName") == node
        }


def say_dead(arena: Ward, node: str, value: str | None) -> None:
    arena.client.merge_patch(NODES, dict, node, {"metadata": {"annotations": {DEAD: value}}})


def lost(end: Callable[[Ward, str], None]) -> Callable[[Ward], float]:
    """Until every pod there is to go, and none of them can: nobody is there to end it."""

    def strike(arena: Ward) -> float:
        node = arena.victim()
        assert len(arena.on(node)) > 1, "no pod of a set is there"
        say_dead(arena, node, "true")
        until("the eviction", lambda: all(arena.on(node).values()), seconds=SECONDS)
        end(arena, node)
        return time.time()

    return strike


def comes_back(arena: Ward, node: str) -> None:
    say_dead(arena, node, None)


def is_given_up(arena: Ward, node: str) -> None:
    """By its administrator, who knows that nothing runs there any more."""
    arena.taint(node, lambda taints: [*taints, GIVEN_UP])


FAULTS = (
    Fault("a node lost until its pods are evicted", "it is back", lost(comes_back)),
    Fault("a node lost for good", "it is tainted as out of service", lost(is_given_up)),
)
