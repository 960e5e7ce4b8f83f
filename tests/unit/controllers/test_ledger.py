"""Entries of ``status.groups`` where the API server keeps them, and where it does not."""

from __future__ import annotations

from typing import Any

import pytest
from support.groups import a_set

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet
from lws.api.workloads import Pod
from lws.controllers.ledger import GroupLedger
from lws.planning.actions import PatchStatus

SET = a_set()
ENTRY = {"leader": "l", "workers": "w", "restarts": 1}


def _patch(groups: dict[str, Any] | None, **status: Any) -> PatchStatus:
    return PatchStatus(c.KIND, SET.key, status | ({"groups": groups} if groups is not None else {}))


def _answer(groups: dict[str, Any] | None = None) -> LeaderWorkerSet:
    return a_set(status={"groups": groups or {}})


def _dropping() -> GroupLedger:
    ledger = GroupLedger()
    ledger.observe(_patch({"0": ENTRY}), _answer())
    return ledger


class TestServerThatKeeps:
    def test_everything_is_sent_and_nothing_is_kept(self) -> None:
        ledger, patch = GroupLedger(), _patch({"0": ENTRY}, replicas=2)
        assert ledger.absorb(patch, SET.uid) == patch
        ledger.observe(patch, _answer({"0": ENTRY}))
        assert ledger.absorb(patch, SET.uid) == patch
        assert ledger.overlay(SET) is SET

    @pytest.mark.parametrize(
        "patch", [_patch(None, replicas=2), _patch({"0": None})], ids=["no-groups", "only-removals"]
    )
    def test_an_empty_answer_to_no_entry_says_nothing(self, patch: PatchStatus) -> None:
        ledger = GroupLedger()
        ledger.observe(patch, _answer())
        assert ledger.absorb(_patch({"0": ENTRY}), SET.uid).status == {"groups": {"0": ENTRY}}

    def test_groups_beyond_the_limit_are_kept(self) -> None:
        ledger = GroupLedger(limit=3)
        patch = ledger.absorb(_patch({"2": ENTRY, "3": ENTRY}, replicas=4), SET.uid)
        assert patch.status == {"replicas": 4, "groups": {"2": ENTRY}}
        seen = ledger.overlay(_answer({"2": ENTRY}))
        assert seen.status.groups.keys() == {"2", "3"}
        assert seen.status.groups["3"] == GroupStatus(leader="l", workers="w", restarts=1)


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


def test_other_kinds_are_none_of_its_business() -> None:
    patch = PatchStatus("Other", SET.key, {"groups": {"0": ENTRY}})
    ledger = _dropping()
    assert ledger.absorb(patch, SET.uid) is patch
    ledger.observe(patch, Pod())
    assert ledger.absorb(patch, "") is patch
