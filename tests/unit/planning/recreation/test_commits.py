"""Many entries in one patch: each as if it had been written alone, and none on an old picture."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.apimodel.patching import merge_patch
from support.groups import DELETED, NAME, NAMESPACE, a_set

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet
from lws.objects import Key, ObjectReference
from lws.planning.actions import Record, StoreEntry
from lws.planning.recreation.commits import edited, plan_commit

KEY = Key(NAMESPACE, NAME)
BEFORE = {"leader": "l0", "revision": "r", "workers": "w"}
AFTER = GroupStatus("l0", "r", workers="w", restarts=1, restarting=True)
EVENT = Record(ObjectReference(c.API_VERSION, c.KIND, NAME), "Warning", "Reason", "Action", "note")


def seen(**groups: dict[str, Any]) -> LeaderWorkerSet:
    """A set whose status holds ``g0=...`` of group 0."""
    return a_set(status={"groups": {name.removeprefix("g"): entry for name, entry in groups.items()}})


def store(lws: LeaderWorkerSet, index: int = 0, entry: GroupStatus = AFTER, **rest: Any) -> StoreEntry:
    return StoreEntry(lws, str(index), entry, Key(NAMESPACE, f"{NAME}-{index}"), **rest)


def test_entries_of_several_groups_are_one_patch_of_what_differs() -> None:
    lws = seen(g0=BEFORE, g1=BEFORE)
    patch, stale, _ = plan_commit(KEY, [store(lws, 0, then=(EVENT,)), store(lws, 1)], lws)
    assert stale == ()
    assert patch is not None
    assert (patch.kind, patch.key, patch.uid, patch.resource_version) == (c.KIND, KEY, lws.uid, "")
    change = {"restarts": 1, "restarting": True}
    assert patch.status == {"groups": {"0": change, "1": change}}
    assert patch.then == (EVENT,)


@pytest.mark.parametrize(
    "live",
    [
        pytest.param(a_set(metadata={"uid": "another"}, status={"groups": {"0": BEFORE}}), id="another-set"),
        pytest.param(a_set(metadata={"generation": 2}, status={"groups": {"0": BEFORE}}), id="spec-edited"),
        pytest.param(
            a_set(metadata={"annotations": {"a": "b"}}, status={"groups": {"0": BEFORE}}), id="annotated"
        ),
        pytest.param(
            a_set(metadata={"deletionTimestamp": DELETED}, status={"groups": {"0": BEFORE}}), id="deleting"
        ),
        pytest.param(seen(g0=BEFORE | {"leader": "l1"}), id="another-leader-on-record"),
        pytest.param(seen(g0=BEFORE | {"readyTime": DELETED}), id="same-leader-with-more"),
        pytest.param(seen(), id="no-entry-any-more"),
    ],
)
def test_what_was_decided_on_an_old_picture_is_not_written(live: LeaderWorkerSet) -> None:
    one = store(seen(g0=BEFORE), then=(EVENT,))
    assert plan_commit(KEY, [one], live) == (None, (one,), False)


@pytest.mark.parametrize(("own", "then"), [(False, (EVENT,)), (True, None)])
def test_an_entry_that_is_there_was_told_if_the_answer_came(own: bool, then: tuple[Record] | None) -> None:
    live = seen(g0=msgspec.to_builtins(AFTER))
    patch, stale, _ = plan_commit(KEY, [store(seen(g0=BEFORE), then=(EVENT,))], live, own=own)
    assert stale == ()
    assert (None if patch is None else patch.then) == then


def test_the_others_are_written_all_the_same() -> None:
    lws = seen(g0=BEFORE, g1=BEFORE)
    old = store(seen(g1=BEFORE | {"leader": "l1"}), 1)
    patch, stale, _ = plan_commit(KEY, [store(lws, 0), old], lws)
    assert stale == (old,)
    assert patch is not None
    assert list(patch.status["groups"]) == ["0"]


@pytest.mark.parametrize("then", [(), (EVENT,)])
def test_an_entry_that_is_there_already_was_written_by_a_patch_whose_answer_was_lost(then: Any) -> None:
    live = seen(g0=msgspec.to_builtins(AFTER))
    patch, stale, _ = plan_commit(KEY, [store(seen(g0=BEFORE), then=then)], live)
    assert stale == ()
    assert (patch is None) is (not then)
    if patch is not None:
        assert (patch.status, patch.then) == ({}, then)


@pytest.mark.parametrize(
    ("change", "is_edit"),
    [
        ({"generation": 2}, True),
        ({"labels": {"a": "b"}}, True),
        ({"annotations": {"a": "b"}}, True),
        ({"deletionTimestamp": DELETED}, True),
        ({"uid": "another"}, True),
        ({"resourceVersion": "8"}, False),
        ({}, False),
    ],
)
def test_edited(change: dict[str, Any], is_edit: bool) -> None:
    assert edited(a_set(), a_set(metadata=change, status={"replicas": 1})) is is_edit


ENTRIES = st.builds(
    GroupStatus,
    leader=st.sampled_from(["l0", "l1"]),
    workers=st.sampled_from(["", "w"]),
    restarts=st.integers(0, 2),
    restarting=st.booleans(),
    backoff_until=st.sampled_from(["", DELETED]),
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from("012"), ENTRIES),
    st.dictionaries(st.sampled_from("012"), ENTRIES),
    st.dictionaries(st.sampled_from("012"), ENTRIES),
)
def test_each_entry_is_written_whole_or_looked_at_again(
    cached: dict[str, GroupStatus], live: dict[str, GroupStatus], wanted: dict[str, GroupStatus]
) -> None:
    then, now = (replace(a_set(), status=replace(a_set().status, groups=x)) for x in (cached, live))
    asked = [store(then, int(index), entry) for index, entry in wanted.items()]
    patch, stale, _ = plan_commit(KEY, asked, now)
    written = merge_patch(msgspec.to_builtins(now.status), patch.status if patch is not None else {})
    after = msgspec.convert(written.get("groups", {}), dict[str, GroupStatus])
    for one in asked:
        kept = live.get(one.index)
        assert (one in stale) is (kept not in (cached.get(one.index), one.entry))
        assert after.get(one.index) == (kept if one in stale else one.entry)
    assert {x: after[x] for x in after.keys() - wanted.keys()} == {
        x: live[x] for x in live.keys() - wanted.keys()
    }


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({}, {"backoff_until": DELETED}, True),
        ({}, {"failed": True}, True),
        ({"backoff_until": DELETED}, {"failed": True}, True),
        ({"failed": True}, {"restarting": True}, True),
        ({"backoff_until": DELETED}, {"backoff_until": DELETED, "restarts": 2}, False),
        ({}, {"restarting": True, "restarts": 1}, False),
    ],
)
def test_a_set_has_to_tell_of_a_group_that_is_kept_down(
    before: dict[str, Any], after: dict[str, Any], told: bool
) -> None:
    """Also after a lost answer, when the entry is there already."""
    base = GroupStatus("l0", "r", **before)
    entry = GroupStatus("l0", "r", **after)
    for stored in (base, entry):
        live = seen(g0=msgspec.to_builtins(stored))
        assert plan_commit(KEY, [store(seen(g0=msgspec.to_builtins(base)), entry=entry)], live).told is told
