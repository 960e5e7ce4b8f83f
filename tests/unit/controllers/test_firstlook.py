"""A replica that takes over a DisaggregatedSet does nothing by watches that are late (decision 212).

Of LeaderWorkerSets: ``test_catchingup`` and ``test_old_caches``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from support.disaggregated import a_role, revision
from support.disaggregated_cluster import Cluster

from lws.api import disaggregation as d
from lws.controllers.catchingup import RETRY
from lws.planning.actions import Document

Shown = Mapping[tuple[str, str], Document]
CHILD = "LeaderWorkerSet"


def two(size: int, image: str = "a", *, external: bool = False) -> list[Document]:
    return [a_role("prefill", size, image=image, external=external), a_role("decode", size, image=image)]


def step(cluster: Cluster) -> None:
    cluster.make_ready()
    cluster.reconcile()


def autoscale(cluster: Cluster) -> None:
    scaler = cluster.server.objects[d.SCALER_KIND, "llm-prefill"]
    metadata = scaler["metadata"] | {"generation": 2}
    cluster.server.put(d.SCALER_KIND, scaler | {"metadata": metadata, "spec": {"replicas": 10}})


def taken_over(cluster: Cluster, kind: str, late: Shown) -> None:
    """By a process whose watch of one kind is late: it waits, and then goes on as the former would."""
    before = cluster.sizes()
    cluster.view(kind).fall_behind(late)
    cluster.server.writes.clear()
    cluster.take_over()
    for _ in range(2):
        assert cluster.reconcile().requeue_after == RETRY
    assert cluster.server.writes == []
    assert cluster.sizes() == before
    cluster.view(kind).catch_up()
    cluster.settle()


@pytest.mark.parametrize(
    ("kind", "edit"),
    [
        (d.SCALER_KIND, autoscale),
        (d.KIND, lambda cluster: cluster.edit(*two(4, "b", external=True))),
        (d.KIND, lambda cluster: cluster.edit(*two(8, external=True))),
        (d.KIND, lambda cluster: cluster.edit(*two(4, external=True), slices=3)),
    ],
    ids=["an autoscaler's word", "a template", "a size", "slices"],
)
def test_what_the_former_process_did_is_not_undone(kind: str, edit: Callable[[Cluster], Any]) -> None:
    cluster = Cluster(*two(4, external=True))
    cluster.settle()
    late = cluster.view(kind).now()
    edit(cluster)
    cluster.settle()
    before = cluster.sizes()
    taken_over(cluster, kind, late)
    assert cluster.sizes() == before


def test_what_was_drained_once_and_is_used_again_is_not_deleted() -> None:
    """A delete names no version: the children have to be as new as the set."""
    cluster = Cluster(*two(4))
    cluster.settle()
    first = revision(cluster.ds())
    cluster.edit(*two(4, "b"))
    while any(size for name, size in cluster.sizes().items() if first in name):
        step(cluster)
    late = cluster.view(CHILD).now()
    cluster.edit(*two(4))
    while not all(size for name, size in cluster.sizes().items() if first in name):
        step(cluster)
    cluster.edit(*two(4, "c"))
    taken_over(cluster, CHILD, late)
    assert list(cluster.sizes().values()) == [4, 4]


def test_caches_that_are_as_new_are_asked_for_once() -> None:
    cluster = Cluster(*two(4))
    cluster.settle()
    for external, reads in ((False, 2), (True, 3)):
        cluster.edit(*two(4, external=external))
        cluster.settle()
        cluster.take_over()
        before = cluster.server.reads
        for _ in range(3):
            cluster.reconcile()
        assert cluster.server.reads == before + reads


def test_a_set_that_is_not_there_costs_nothing_and_is_forgotten() -> None:
    cluster = Cluster(*two(1))
    cluster.settle()
    stored = cluster.server.objects[d.KIND, "llm"]
    del cluster.server.objects[d.KIND, "llm"]
    before = cluster.server.reads
    assert not cluster.reconcile().requeue_after
    assert cluster.server.reads == before
    cluster.server.put(d.KIND, stored)
    cluster.reconcile()
    assert cluster.server.reads > before, "as that of a set it does not know"


def test_a_set_that_went_before_the_look_is_left_to_its_watch() -> None:
    cluster = Cluster(*two(1))
    sets = cluster.view(d.KIND)
    sets.fall_behind(sets.now())
    del cluster.server.objects[d.KIND, "llm"]
    cluster.server.writes.clear()
    assert cluster.reconcile().requeue_after == RETRY
    assert cluster.server.writes == []
