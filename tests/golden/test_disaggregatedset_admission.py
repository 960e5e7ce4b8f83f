"""Validation of DisaggregatedSets gives what upstream's webhook gave, vector by vector."""

from __future__ import annotations

from typing import Any

import pytest
from support.golden import vectors

from lws.api import constants as c
from lws.webhooks.disaggregatedsets import validate, warn
from lws.webhooks.errors import FieldError
from lws.webhooks.sets import validate_create

VECTORS = vectors("disaggregatedset_admission.jsonl")
Document = dict[str, Any]


def test_there_are_enough_vectors() -> None:
    assert len(VECTORS) >= 300


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_admission(vector: Document) -> None:
    found = validate(vector["new"], vector["old"])
    wanted = [x for x in vector["errors"] if not has_several_slices_and_a_scaler(x)]
    if was_invalid_before(vector):
        assert all(any(same(x, y) for y in wanted) for x in found if not is_ours(vector, x))
        return
    upstream, ours = found[: len(wanted)], found[len(wanted) :]
    assert len(upstream) == len(wanted)
    assert all(same(x, y) for x, y in zip(upstream, wanted, strict=True))
    assert all(is_ours(vector, x) for x in ours)
    assert bool(vector["errors"]) is not vector["allowed"]


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_warnings(vector: Document) -> None:
    found, wanted = warn(vector["new"], vector["old"]), vector["warnings"]
    for text, about in zip(found, wanted, strict=False):
        assert all(str(about[x]) in text for x in ("role", "replicas", "scaler", "token"))
    assert len(found) >= len(wanted)
    assert all("can have workers" in text for text in found[len(wanted) :])


def same(found: FieldError, wanted: Document) -> bool:
    """The same violation, with the words that the specification pins."""
    words = wanted.get("token", "")
    return (found.field, found.reason) == (wanted["field"], wanted["reason"]) and words in str(found)


def has_several_slices_and_a_scaler(error: Document) -> bool:
    """Excepted by issue 10: upstream refuses External roles where there are several slices (W6)."""
    return bool(error["field"] == "spec.slices" and error["token"] == "spec.slices > 1")


def was_invalid_before(vector: Document) -> bool:
    """Excepted by docs/decisions/130: upstream refuses every update of a set that breaks a rule already; here
    only what the update makes worse is refused.
    """
    return vector["old"] is not None and bool(validate(vector["old"]))


def is_ours(vector: Document, error: FieldError) -> bool:
    """Excepted by docs/decisions/180: upstream admits roles whose LeaderWorkerSets its own webhook refuses;
    here they are refused at once.
    """
    return name_leaves_no_room(vector, error) or child_is_refused(vector, error)


def name_leaves_no_room(vector: Document, error: FieldError) -> bool:
    """A name that the service has room for and the pods have not (docs/decisions/133)."""
    length = len(vector["new"]["metadata"]["name"]) + len(str(error.value))
    return error.field.endswith("].name") and 30 < length <= 47


def child_is_refused(vector: Document, error: FieldError) -> bool:
    """A role whose LeaderWorkerSet breaks that rule, asked without the code that asks for roles."""
    for index, role in enumerate(vector["new"]["spec"]["roles"]):
        spec = {"replicas": 0} | role.get("spec", {})
        metadata = {"name": "child", "namespace": "default", **role.get("metadata", {})}
        refusals = validate_create({"apiVersion": c.API_VERSION, "metadata": metadata, "spec": spec})
        if any(error.field == f"spec.roles[{index}].{x.field}" for x in refusals):
            return True
    return False
