"""The worker StatefulSet's create document equals upstream's, vector by vector."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.golden import vectors, with_ours, without_empty
from support.handedon import as_upstream

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, Pod
from lws.planning.revisions import restore, template_of
from lws.planning.workers import worker_document

VECTORS = vectors("worker_statefulset.jsonl")


def test_there_are_enough_vectors() -> None:
    assert len(VECTORS) >= 150


@pytest.mark.parametrize("ours", [False, True], ids=["", "with-ours"])
@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_document(vector: dict[str, Any], *, ours: bool) -> None:
    one = with_ours(vector["lws"]) if ours else vector["lws"]
    lws = msgspec.json.decode(msgspec.json.encode(one), type=LeaderWorkerSet)
    leader = msgspec.json.decode(msgspec.json.encode(vector["leaderPod"]), type=Pod)
    revision = msgspec.json.decode(msgspec.json.encode(vector["revision"]), type=ControllerRevision)
    template = restore(revision, template_of(lws))
    document = worker_document(lws, leader, template, node_selector=None)
    assert without_empty(as_upstream(document, role="worker")) == as_upstream(vector["want"])
