"""LeaderWorkerSets and services of DisaggregatedSets equal upstream's, vector by vector."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.golden import vectors, without_empty

from lws.api.disaggregatedset import DisaggregatedSet, Role
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.planning.disaggregated.children import lws_document, service_document
from lws.planning.disaggregated.pace import child_unavailable
from lws.planning.disaggregated.revision import revision_of

VECTORS = vectors("disaggregatedset_children.jsonl")


def test_there_are_enough_vectors() -> None:
    assert len(VECTORS) >= 300


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_children(vector: dict[str, Any]) -> None:
    ds = msgspec.json.decode(msgspec.json.encode(vector["ds"]), type=DisaggregatedSet)
    role = next(x for x in ds.spec.roles if x.name == vector["role"])
    replicas = vector["replicas"]
    assert revision_of(ds.spec.roles) == vector["revision"]
    lws = lws_document(
        ds, role, index=vector["slice"], revision=vector["revision"], replicas=replicas, target=replicas
    )
    wanted = vector["lws"]
    if some_size_is_refused(role):
        rolling = wanted["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"]
        assert rolling["maxUnavailable"] != lws["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"].pop(
            "maxUnavailable"
        )
        rolling.pop("maxUnavailable")
    assert without_empty(lws) == wanted
    child = msgspec.json.decode(msgspec.json.encode(lws), type=LeaderWorkerSet)
    assert without_empty(service_document(ds, child)) == vector["service"]


def some_size_is_refused(role: Role) -> bool:
    """The child's admission refuses the user's numbers at a size that a rollout passes (decision 170)."""
    return child_unavailable(role.read_spec().rolling_update, 1) is not None
