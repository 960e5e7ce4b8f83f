"""Where groups were asked to be: topologies, the lanes that each of them has, and which one a group is in.

Pure. A lane is a rack, a zone, a node: one value of a label of nodes. The node itself is the last topology of
all, which needs no labels.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from msgspec import Struct

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Node
from lws.cli.kinds import Pod

HOST: Final = "kubernetes.io/hostname"
_ASKING: Final = {
    c.EXCLUSIVE_TOPOLOGY_ANNOTATION: "one group in each",
    c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: "one subgroup in each",
    c.REPLICA_NODE_SELECTOR_ANNOTATION: "nodes of one group have one value",
}


class Topology(Struct, rename="camel", frozen=True):
    """``key``: the label of nodes. ``asked``: what the set wants of it; empty: nothing."""

    key: str
    name: str
    asked: str


class Lane(Struct, rename="camel", frozen=True):
    """``nodes``: as far as they may be seen. ``others``: sets that have pods there, too, and so keep an
    exclusive group out.
    """

    name: str
    nodes: int
    others: list[str] = []


def topologies(sets: Iterable[LeaderWorkerSet], *, of_slices: str = "") -> list[Topology]:
    """What these sets ask for, in their order, and the node. ``of_slices``: what their slices are to have."""
    found = {of_slices: Topology(of_slices, _short(of_slices), "one slice in each")} if of_slices else {}
    for lws in sets:
        for annotation, asked in _ASKING.items():
            for key in filter(None, map(str.strip, lws.annotations.get(annotation, "").split(","))):
                found.setdefault(key, Topology(key, _short(key), asked))
    found.setdefault(HOST, Topology(HOST, "node", ""))
    return list(found.values())


def _short(key: str) -> str:
    return key.rpartition("/")[2]


class Ground(NamedTuple):
    """Where pods may be: the nodes, as far as they may be seen, and the sets that have pods on each."""

    nodes: Sequence[Node] = ()
    sets_on: Mapping[str, AbstractSet[str]] = {}


class Map:
    """The nodes of a cluster by topology. Without any, only the node is known of a pod that has one.

    ``mine``: the sets whose groups are placed.
    """

    def __init__(self, asked: Sequence[Topology], ground: Ground, mine: Iterable[str] = ()) -> None:
        self.asked = asked
        self._labels = {node.name: node.labels for node in ground.nodes}
        self._sets_on, self._mine = ground.sets_on, frozenset(mine)

    def lanes(self, topology: Topology) -> list[Lane]:
        """All values of the label, whether or not a group is there."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for node in self._labels:
            if value := self._lane(topology, node):
                found[value].append(node)
        return [Lane(x, len(found[x]), self._others(found[x])) for x in sorted(found, key=natural)]

    def places(self, pods: Sequence[Pod]) -> list[str]:
        """The lane of a group in each topology: of its first pod that has one; empty: none has."""
        nodes = [x.spec.node_name for x in pods if x.spec.node_name]
        return [next(filter(None, (self._lane(one, node) for node in nodes)), "") for one in self.asked]

    def _others(self, nodes: Iterable[str]) -> list[str]:
        there = {x for node in nodes for x in self._sets_on.get(node, ())}
        return sorted(there - self._mine)

    def _lane(self, topology: Topology, node: str) -> str:
        return node if topology.key == HOST else self._labels.get(node, {}).get(topology.key, "")


def natural(text: str) -> list[tuple[int, str]]:
    """Sorts ``rack-2`` before ``rack-10``."""
    return [(int(x), "") if x.isdecimal() else (-1, x) for x in re.split(r"(\d+)", text) if x]
