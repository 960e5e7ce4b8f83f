"""Entries of ``status.groups`` where the API server keeps them, and where it does not."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from msgspec.structs import replace
from support.groups import a_set

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet, RolloutStatus
from lws.api.workloads import Pod
from lws.controllers.groupstatus import GroupStatusMemory
from lws.planning.actions import PatchStatus

SET = a_set()
ENTRY = {"leader": "l", "workers": "w", "restarts": 1}


def _patch(groups: dict[str, Any] | None, **status: Any) -> PatchStatus:
    return PatchStatus(c.KIND, SET.key, status | ({"groups": groups} if groups is not None else {}))


def _answer(groups: dict[str, Any] | None = None) -> LeaderWorkerSet:
    return a_set(status={"groups": groups or {}})


def _dropping() -> GroupStatusMemory:
    ledger = GroupStatusMemory()
    ledger.observe(_patch({"0": ENTRY}), _answer())
    return ledger


class TestServerThatKeeps:
    def test_everything_is_sent_and_nothing_is_kept(self) -> None:
        ledger, patch = GroupStatusMemory(), _patch({"0": ENTRY}, replicas=2)
        assert ledger.absorb(patch, SET.uid) == patch
        ledger.observe(patch, _answer({"0": ENTRY}))
        assert ledger.absorb(patch, SET.uid) == patch
        assert ledger.overlay(SET) is SET

    @pytest.mark.parametrize(
        "patch", [_patch(None, replicas=2), _patch({"0": None})], ids=["no-groups", "only-removals"]
    )
    def test_an_empty_answer_to_no_entry_says_nothing(self, patch: PatchStatus) -> None:
        ledger = GroupStatusMemory()
        ledger.observe(patch, _answer())
        assert ledger.absorb(_patch({"0": ENTRY}), SET.uid).status == {"groups": {"0": ENTRY}}

    def test_groups_beyond_the_limit_are_kept(self) -> None:
        ledger = GroupStatusMemory(limit=3)
        patch = ledger.absorb(_patch({"2": ENTRY, "3": ENTRY}, replicas=4), SET.uid)
        assert patch.status == {"replicas": 4, "groups": {"2": ENTRY}}
        seen = ledger.overlay(_answer({"2": ENTRY}))
        assert seen.status.groups.keys() == {"2", "3"}
        assert seen.status.groups["3"] == GroupStatus(leader="l", workers="w", restarts=1)

    @pytest.mark.parametrize("index", ["abc", "-1", "3"])
    def test_what_somebody_wrote_there_goes(self, index: str) -> None:
        """An index that is no group's, or beyond the limit: we send no such entry."""
        ledger, patch = GroupStatusMemory(limit=3), _patch({index: None})
        assert ledger.absorb(patch, SET.uid) == patch
        ledger.absorb(_patch({"4": ENTRY}), SET.uid)
        assert ledger.absorb(patch, SET.uid) == patch
        assert ledger.absorb(_patch({"4": None}), SET.uid).status == {}


class TestRollouts:
    RECORD: ClassVar = {"revision": "b", "from": "a", "startTime": "2026-01-01T00:00:00Z", "generation": 2}
    KEPT = RolloutStatus("b", "a", "2026-01-01T00:00:00Z", 2)

    def write(self, ledger: GroupStatusMemory, record: dict[str, Any] | None, *, keeps: bool) -> PatchStatus:
        """What is sent of a patch, and then accepted by a server that keeps the record, or does not."""
        patch = _patch(None, rollout=record, replicas=1)
        sent = ledger.absorb(patch, SET.uid)
        ledger.accepted(patch, SET.uid, a_set(status={"rollout": record if keeps else None}))
        return sent

    def test_a_server_that_keeps_the_record_has_it_alone(self) -> None:
        ledger = GroupStatusMemory()
        assert self.write(ledger, self.RECORD, keeps=True).status["rollout"] == self.RECORD
        assert ledger.overlay(SET) is SET
        assert "rollout" in self.write(ledger, None, keeps=True).status

    def test_of_one_that_drops_it_the_record_is_remembered_and_sent_once(self) -> None:
        ledger = GroupStatusMemory()
        assert "rollout" in self.write(ledger, self.RECORD, keeps=False).status
        assert ledger.overlay(SET).status.rollout == self.KEPT
        later = {**self.RECORD, "revision": "c"}
        assert self.write(ledger, later, keeps=False).status == {"replicas": 1}
        assert ledger.overlay(SET).status.rollout == replace(self.KEPT, revision="c")
        assert self.write(ledger, None, keeps=False).status == {"replicas": 1}
        assert ledger.overlay(SET) is SET

    def test_what_the_server_refused_is_not_remembered(self) -> None:
        ledger = GroupStatusMemory()
        self.write(ledger, self.RECORD, keeps=False)
        ledger.absorb(_patch(None, rollout=None), SET.uid)  # and the write fails
        assert ledger.overlay(SET).status.rollout == self.KEPT

    def test_a_patch_of_nothing_else_is_accepted_without_being_sent(self) -> None:
        ledger = GroupStatusMemory()
        self.write(ledger, self.RECORD, keeps=False)
        patch = _patch(None, rollout=None)
        assert ledger.absorb(patch, SET.uid).status == {}
        ledger.accepted(patch, SET.uid, None)
        assert ledger.overlay(SET) is SET


class TestServerThatDrops:
    def test_the_entries_of_the_refused_write_are_there_at_once(self) -> None:
        assert _dropping().overlay(SET).status.groups == {
            "0": GroupStatus(leader="l", workers="w", restarts=1)
        }

    def test_nothing_is_sent_any_more(self) -> None:
        ledger = _dropping()
        assert ledger.absorb(_patch({"1": ENTRY}), SET.uid).status == {}
        assert ledger.absorb(_patch({"1": ENTRY}, replicas=2), SET.uid).status == {"replicas": 2}
        assert ledger.overlay(SET).status.groups.keys() == {"0", "1"}

    def test_patches_merge(self) -> None:
        ledger = _dropping()
        ledger.absorb(_patch({"0": {"restarts": None, "leader": "new"}}), SET.uid)
        assert ledger.overlay(SET).status.groups == {"0": GroupStatus(leader="new", workers="w")}
        ledger.absorb(_patch({"0": None}), SET.uid)
        assert ledger.overlay(SET) is SET

    def test_sets_are_kept_apart(self) -> None:
        other = a_set(metadata={"uid": "uid-other"})
        assert _dropping().overlay(other) is other


class TestMemory:
    """It ends with what it is about."""

    def test_a_set_that_is_deleted_takes_all_that_is_known_of_it_along(self) -> None:
        ledger = _dropping()
        TestRollouts().write(ledger, TestRollouts.RECORD, keeps=False)
        ledger.on_add(SET, initial=False)
        ledger.on_update(SET, SET)
        assert ledger.sets == 1
        ledger.on_delete(SET)
        assert (ledger.sets, ledger.overlay(SET)) == (0, SET)

    def test_groups_are_bounded_and_not_sets(self) -> None:
        ledger = GroupStatusMemory(limit=0, groups=6)
        several = [a_set(metadata={"uid": uid}) for uid in ("a", "b", "c")]
        for lws in several:
            ledger.absorb(_patch({"0": ENTRY, "1": ENTRY}), lws.uid)
        assert [len(ledger.overlay(x).status.groups) for x in several] == [0, 2, 2]
        ledger.absorb(_patch({str(x): ENTRY for x in range(9)}), "a")
        assert ledger.overlay(several[0]) is several[0]

    def test_the_view_is_made_once_for_each_change(self) -> None:
        """A pass of each of many groups asks for it."""
        ledger = GroupStatusMemory(limit=1)
        ledger.absorb(_patch({"0": ENTRY, "1": ENTRY}), SET.uid)
        stored = _answer({"0": ENTRY})
        first = ledger.overlay(stored).status.groups
        assert first.keys() == {"0", "1"}
        assert ledger.overlay(replace(stored)).status.groups is first
        ledger.absorb(_patch({"1": {"restarts": 2}}), SET.uid)
        assert ledger.overlay(stored).status.groups["1"].restarts == 2
        assert first["1"].restarts == 1, "what was handed out does not change"


def test_other_kinds_are_none_of_its_business() -> None:
    patch = PatchStatus("Other", SET.key, {"groups": {"0": ENTRY}})
    ledger = _dropping()
    assert ledger.absorb(patch, SET.uid) is patch
    ledger.observe(patch, Pod())
    assert ledger.absorb(patch, "") is patch
