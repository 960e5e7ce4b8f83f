"""Revision data, keys and names equal upstream's, byte for byte."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.golden import vectors, with_ours

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision
from lws.planning.revisions import plan_revision, restore, template_of

VECTORS = vectors("revision.jsonl")


def test_there_are_enough_vectors() -> None:
    assert len(VECTORS) >= 300


@pytest.mark.parametrize("ours", [False, True], ids=["", "with-ours"])
@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_revision(vector: dict[str, Any], *, ours: bool) -> None:
    document = with_ours(vector["lws"]) if ours else vector["lws"]
    lws = msgspec.json.decode(msgspec.json.encode(document), type=LeaderWorkerSet)
    live = template_of(lws)
    assert live.data.decode() == vector["dataBytes"]
    assert live.key == vector["revisionKey"]

    plan = plan_revision(lws, None, [], live)
    assert plan.create is not None
    assert plan.create.document["metadata"]["name"] == vector["name"]

    stored = msgspec.json.decode(msgspec.json.encode(plan.create.document), type=ControllerRevision)
    assert bytes(stored.data).decode() == vector["dataBytes"]
    assert restore(stored, live) == live
