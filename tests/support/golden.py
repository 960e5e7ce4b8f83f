"""Vectors that the upstream controller made: reading them, and comparing documents with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

_GOLDEN = Path(__file__).parents[2] / "../shared/golden"


def vectors(name: str) -> list[dict[str, Any]]:
    """All lines of a file; skips the module that asks where the vectors are not at hand."""
    path = _GOLDEN / name
    if not path.exists():
        pytest.skip(f"../shared/golden is not here: no {name} to compare with", allow_module_level=True)
    # Not splitlines(): JSON text may hold U+2028, which that takes for the end of a line.
    return [json.loads(line) for line in path.read_text().split("\n") if line]


def without_empty(value: Any, name: str = "") -> Any:
    """``value`` without nulls and empty objects other than ``emptyDir``, which the vectors leave out."""
    if isinstance(value, list):
        return [without_empty(x) for x in value]
    if not isinstance(value, dict):
        return value
    pruned = {key: without_empty(x, key) for key, x in value.items()}
    return {key: x for key, x in pruned.items() if x is not None and (x != {} or key == "emptyDir")}


def with_ours(lws: dict[str, Any]) -> dict[str, Any]:
    """The set with every addition of ours that lives outside the templates, none of which may show in what
    is made from those.
    """
    added = {
        "groupReadiness": "LeaderGate",
        "maxGroupRestarts": 3,
        "minReadySeconds": 20,
        "progressDeadlineSeconds": 60,
    }
    return {**lws, "spec": {**lws["spec"], **added}}
