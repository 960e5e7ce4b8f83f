"""What a rollout remembers, and what it reads of its children (disaggregatedset.md, 23.4)."""

from __future__ import annotations

from typing import Any

import pytest
from support.disaggregated import a_child, a_role, a_set, decoded, revision

from lws.api import disaggregation as d
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.planning.actions import Patch
from lws.planning.disaggregated.demand import wanted_of
from lws.planning.disaggregated.rollout import plan_slice, read_roll
from lws.planning.disaggregated.slices import make_slices

OLD, OLDER = "0ld00000", "01de0000"
NOTE = d.INITIAL_REPLICAS_ANNOTATION
DS = a_set(a_role("prefill", 2), a_role("decode", 2))


@pytest.mark.parametrize(("spec", "wanted"), [({}, 1), ({"replicas": 5}, 5), ({"replicas": 0}, 0)])
def test_replicas_of_a_child(spec: dict[str, int], wanted: int) -> None:
    child = decoded(
        {"metadata": {"name": "a"}, "spec": {"leaderWorkerTemplate": {}, **spec}}, LeaderWorkerSet
    )
    assert child.replicas == wanted


def old(role: str, replicas: int | None, note: str | None, rev: str = OLD) -> LeaderWorkerSet:
    """``replicas`` None: the child says nothing, which is 1."""
    document = a_child(role, 1 if replicas is None else replicas, revision=rev)
    document.annotations.update({} if note is None else {NOTE: note})
    return document


@pytest.mark.parametrize(
    ("children", "wanted"),
    [
        pytest.param([], (0, 0), id="empty"),
        pytest.param([old("prefill", 1, "3"), old("prefill", 1, "2", OLDER)], (5, 0), id="two of prefill"),
        pytest.param([old("decode", 1, "4"), old("decode", 1, "6", OLDER)], (0, 10), id="two of decode"),
        pytest.param(
            [old("prefill", 1, "3"), old("prefill", 1, "2", OLDER), old("decode", 2, "6")], (5, 6), id="both"
        ),
        pytest.param([old("prefill", 4, None)], (4, 0), id="no note"),
        pytest.param([old("prefill", 5, "many")], (5, 0), id="no number"),
        pytest.param([old("prefill", 1, "3"), old("prefill", 2, "x", OLDER)], (5, 0), id="one of each"),
        pytest.param([old("prefill", None, None)], (1, 0), id="no replicas"),
    ],
)
def test_what_there_was_at_first(children: list[LeaderWorkerSet], wanted: tuple[int, int]) -> None:
    """By role, over all former revisions."""
    target = [a_child(x, 0, revision=revision(DS)) for x in ("prefill", "decode")]
    [slice_] = make_slices(DS, revision(DS), [*target, *children])
    roll = read_roll(wanted_of(DS, revision(DS), {}), slice_)
    assert dict(zip(roll.names, roll.rollout.initial, strict=True)) == dict(
        zip(("prefill", "decode"), wanted, strict=True)
    )


@pytest.mark.parametrize(
    ("annotations", "replicas"), [({}, 3), ({"a": "b"}, 5), ({NOTE: "10"}, 7), ({"a": "b"}, 0)]
)
def test_the_note_is_all_that_is_written(annotations: dict[str, str], replicas: int) -> None:
    """A merge patch of one annotation, in decimal: others stay. Of one at 0 there is nothing to note."""
    children = [a_child(x, replicas, revision=OLD) for x in ("prefill", "decode")]
    for child in children:
        child.annotations.update(annotations)
    wanted = wanted_of(DS, revision(DS), {})
    [slice_] = make_slices(DS, revision(DS), children)
    notes = [x.document for x in plan_slice(wanted, slice_) if isinstance(x, Patch)]
    found: list[Any] = [{**x["metadata"]["annotations"]} for x in notes]
    assert found == ([{NOTE: str(replicas)}] * 2 if replicas else [])
    assert all(x.keys() == {"metadata"} for x in notes)
