"""Pod mutation gives what upstream's webhook gave, vector by vector."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from support.golden import vectors, without_empty

from lws.webhooks.errors import AdmissionError
from lws.webhooks.pods import mutate_pod

VECTORS = vectors("pod_mutate.jsonl")


def test_there_are_enough_vectors() -> None:
    assert len(VECTORS) >= 500


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_mutation(vector: dict[str, Any]) -> None:
    pod = vector["pod"]
    given = copy.deepcopy(pod)
    gang = "volcano" if vector["volcano"] else None
    try:
        wanted = without_empty(mutate_pod(pod, pod["metadata"]["namespace"], gang=gang))
    except AdmissionError:
        wanted = None
    assert wanted == vector.get("want")
    assert vector["allowed"] == (wanted is not None)
    assert pod == given
