"""What a DisaggregatedSet's revision hashes, and the hash, equal upstream's byte for byte."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.golden import vectors

from lws.api.disaggregatedset import DisaggregatedSetSpec
from lws.planning.disaggregated.revision import encoded, revision_of

VECTORS = vectors("disaggregatedset_revision.jsonl")


def test_there_are_enough_vectors() -> None:
    assert len(VECTORS) >= 300


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_revision(vector: dict[str, Any]) -> None:
    spec = msgspec.json.decode(msgspec.json.encode(vector["spec"]), type=DisaggregatedSetSpec)
    templates = [(x.name, bytes(x.read_spec().leader_worker_template)) for x in spec.roles]
    assert encoded(templates) == vector["encoded"]
    assert revision_of(spec.roles) == vector["revision"]
