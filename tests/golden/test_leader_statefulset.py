"""The leader StatefulSet's apply document equals upstream's, vector by vector."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.golden import vectors, with_ours, without_empty
from support.handedon import as_upstream

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.planning.leader import leader_document
from lws.planning.revisions import template_of

VECTORS = vectors("leader_statefulset.jsonl")


def test_there_are_enough_vectors() -> None:
    assert len(VECTORS) >= 150


@pytest.mark.parametrize("ours", [False, True], ids=["", "with-ours"])
@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_document(vector: dict[str, Any], *, ours: bool) -> None:
    one = with_ours(vector["lws"]) if ours else vector["lws"]
    lws = msgspec.json.decode(msgspec.json.encode(one), type=LeaderWorkerSet)
    document = leader_document(
        lws,
        template_of(lws),
        vector["revisionKey"],
        partition=vector["partition"],
        replicas=vector["replicas"],
    )
    assert without_empty(as_upstream(document, role="leader")) == as_upstream(vector["want"])
