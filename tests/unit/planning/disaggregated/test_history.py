"""Templates that a set keeps (decision 183): only if it asks for it, and never while they may be needed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from support.disaggregated import a_child, a_role, a_set, decoded, revision

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision
from lws.planning.actions import Action, Create, Delete, Patch
from lws.planning.disaggregated.demand import wanted_of
from lws.planning.disaggregated.history import plan_history, stored_roles
from lws.planning.disaggregated.slices import make_slices


def two(image: str, limit: str | None = "1") -> DisaggregatedSet:
    ds = a_set(a_role("prefill", 2, image=image), a_role("decode", 1, image=image))
    annotations = {} if limit is None else {c.HISTORY_LIMIT_ANNOTATION: limit}
    return replace(ds, metadata=replace(ds.metadata, annotations=annotations))


def children(ds: DisaggregatedSet, ready: int | None = None) -> list[LeaderWorkerSet]:
    return [
        a_child("prefill", 2, revision=revision(ds), ready=ready),
        a_child("decode", 1, revision=revision(ds)),
    ]


def plan(ds: DisaggregatedSet, kept: list[ControllerRevision], there: list[LeaderWorkerSet]) -> list[Action]:
    return plan_history(wanted_of(ds, revision(ds), {}), kept, make_slices(ds, revision(ds), there))


def made(actions: list[Action]) -> ControllerRevision:
    (create,) = actions
    assert isinstance(create, Create)
    stored: ControllerRevision = decoded(create.document, ControllerRevision)
    return stored


def history(*sets: DisaggregatedSet) -> list[ControllerRevision]:
    """The revisions of these templates, one after another."""
    kept: list[ControllerRevision] = []
    for ds in sets:
        kept.append(made(plan(ds, kept, children(ds))))
    return kept


def deleted(actions: list[Action]) -> list[str]:
    return [x.key.name for x in actions if isinstance(x, Delete)]


def test_the_present_templates_are_kept_once() -> None:
    ds = two("a")
    (first,) = history(ds)
    assert first.name == f"llm-{revision(ds)}-1"
    assert first.labels == {d.NAME_LABEL: "llm", d.REVISION_LABEL: revision(ds)}
    assert stored_roles(first) == [msgspec.json.decode(msgspec.json.encode(x)) for x in ds.spec.roles]
    assert plan(ds, [first], children(ds)) == []


def test_who_does_not_ask_has_nothing_kept() -> None:
    """Nor anything left of what was kept before."""
    ds = two("a", None)
    assert plan(ds, [], children(ds)) == []
    kept = history(two("a"))
    assert deleted(plan(ds, kept, children(ds))) == [kept[0].name]


@pytest.mark.parametrize("limit", ["", "nonsense", "-1", "1000", "1e3"])
def test_a_limit_that_cannot_be_read_changes_nothing(limit: str) -> None:
    """Admission takes none; what got past it neither ends a history nor begins one."""
    ds = two("a", limit)
    assert plan(ds, [], children(ds)) == []
    assert plan(ds, history(two("a"), two("b")), children(ds)) == []


def renewed(kept: list[ControllerRevision], actions: list[Action]) -> list[ControllerRevision]:
    """``kept`` after the patch of a number."""
    (patch,) = actions
    assert isinstance(patch, Patch)
    name, number = patch.document["metadata"]["name"], patch.document["revision"]
    assert patch.document["metadata"]["uid"] == next(x.uid for x in kept if x.name == name)
    return [replace(x, revision=number) if x.name == name else x for x in kept]


def test_templates_that_come_back_keep_their_revision_under_the_next_number() -> None:
    """Whoever put them back: ``undo``, or an old manifest."""
    a, b = two("a", "5"), two("b", "5")
    first, second = history(a, b)
    kept = renewed([first, second], plan(a, [first, second], children(a)))
    assert kept == [replace(first, revision=3), second]
    assert plan(a, kept, children(a)) == []
    kept = renewed(kept, plan(b, kept, children(b)))
    assert [x.revision for x in kept] == [3, 4], "and forth"
    assert made(plan(two("c", "5"), kept, children(a))).revision == 5


def test_a_revision_that_is_going_is_not_used_again() -> None:
    a, b = two("a", "5"), two("b", "5")
    first, second = history(a, b)
    going = replace(first, metadata=replace(first.metadata, deletion_timestamp="2026-11-30T00:00:00Z"))
    assert made(plan(a, [going, second], children(a))).revision == 3


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_more_than_the_limit_goes_when_the_rollout_is_over(limit: int) -> None:
    a, b, new = two("a"), two("b"), two("c", str(limit))
    kept = history(a, b, two("c"))
    names = [x.name for x in kept]
    assert deleted(plan(new, kept, children(new))) == names[: 2 - limit]
    assert plan(new, kept, [*children(new), *children(b)]) == [], "a rollout goes on"
    assert plan(new, kept, children(new, ready=1)) == [], "not all is ready"


def test_revisions_of_others_are_left_alone() -> None:
    """Of a namesake that was deleted, and of StatefulSets: labels prove nothing."""
    ds = two("a")
    (mine,) = history(ds)
    owner: Any = replace(mine.metadata.owner_references[0], uid="uid-of-another")
    other = replace(mine, metadata=replace(mine.metadata, owner_references=(owner,)))
    assert deleted(plan(two("a", None), [other], children(ds))) == []
    assert made(plan(ds, [other], children(ds))).name == f"llm-{revision(ds)}-2", "the name is taken"


@pytest.mark.parametrize("data", [b"[]", b'{"spec":{}}', b'{"spec":{"roles":{}}}', b"[" * 100_000])
def test_what_cannot_be_read(data: bytes) -> None:
    (mine,) = history(two("a"))
    with pytest.raises(ValueError, match=r"nested|Expected|missing"):
        stored_roles(replace(mine, data=msgspec.Raw(data)))


@pytest.mark.parametrize("limit", [None, "0"], ids=["kept-nothing", "kept-none-beside-it"])
def test_what_nobody_owns_is_nobodys_to_delete(limit: str | None) -> None:
    before, now = two("a", limit="1"), two("b", limit=limit)
    former, present = history(before, two("b"))
    lost = replace(former, metadata=replace(former.metadata, owner_references=()))
    assert former.name in deleted(plan(now, [former, present], children(now)))
    assert lost.name not in deleted(plan(now, [lost, present], children(now)))
