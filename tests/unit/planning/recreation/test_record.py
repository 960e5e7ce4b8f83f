"""What is recorded of groups, when, and what is dropped (docs/decisions/010)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.groups import KEY, a_leader, a_leader_set, a_revision, a_set, a_worker, a_worker_set, owner_of

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod
from lws.planning.groups import groups_of, make_group
from lws.planning.observed import Incidents, ObservedGroup, ObservedSet
from lws.planning.recreation.record import Records, failed_groups, plan_excuses, plan_records, unrecorded

NOW = "2026-02-03T04:05:06Z"
DIGEST = "0123456789abcdef"
GROUPS = {x: {"leader": "gone", "workers": DIGEST} for x in ("0", "1", "2", "7", "x")}


def _set(groups: dict[str, dict[str, Any]] | None = None, **kwargs: Any) -> LeaderWorkerSet:
    return a_set(status={"groups": groups or {}}, **{"size": 3, **kwargs})


def _entry(leader: Pod, **members: Any) -> dict[str, Any]:
    return {"leader": leader.uid, "revision": KEY, **members}


def _observe(lws: LeaderWorkerSet, *leaders: Pod, missing: int = 0, phase: str = "Running") -> ObservedSet:
    """Groups of these leaders, each with its StatefulSet and, but for the missing, its workers."""
    count = lws.live_size - 1
    workers = [a_worker(x, i, phase=phase) for x in leaders for i in range(1, count + 1 - missing)]
    sets = tuple(a_worker_set(x, replicas=count) for x in leaders) if count else ()
    return ObservedSet(
        lws,
        revisions=(a_revision(lws),),
        leaders=leaders,
        worker_sets=sets,
        members=(*leaders, *workers),
    )


def _plan(observed: ObservedSet, *, replicas: int = 2, ready: bool = False) -> Records:
    groups = groups_of(observed)
    if ready:
        groups = replace(groups, all=tuple(replace(x, ready=True) for x in groups.all))
    return plan_records(observed, groups, a_leader_set(replicas=replicas), now=NOW)


class TestRecording:
    def test_complete_groups_at_once_and_nothing_twice(self) -> None:
        leaders = (a_leader(0), a_leader(1))
        plan = _plan(_observe(_set(), *leaders))
        assert plan.replacing == ()
        assert plan.patch.keys() == {"0", "1"}
        for leader in leaders:
            entry = plan.patch[leader.labels[c.GROUP_INDEX_LABEL]]
            assert (entry["leader"], entry["revision"], len(entry["workers"])) == (leader.uid, KEY, 16)
            assert entry.keys() == {"leader", "revision", "workers"}
        assert _plan(_observe(_set(plan.patch), *leaders)) == Records({})

    def test_the_first_incarnation_of_a_leader_is_never_replaced(self) -> None:
        leader = a_leader(0)
        assert _plan(_observe(_set({"0": _entry(leader, workers=DIGEST)}), leader)) == Records({})

    @pytest.mark.parametrize(
        ("options", "observed", "leader"),
        [
            pytest.param({}, {"missing": 1}, {}, id="incomplete"),
            pytest.param({}, {}, {"deleting": True}, id="leader-going"),
            pytest.param({"restart": c.RESTART_NONE}, {}, {}, id="policy-none-needs-none"),
            pytest.param({"restart": c.RESTART_DEFAULT}, {}, {}, id="deprecated-default"),
            pytest.param(
                {"restart": c.RESTART_RECREATE_GROUP_AFTER_START},
                {"phase": "Pending"},
                {"phase": "Running"},
                id="after-start-not-started",
            ),
            pytest.param({"size": 1}, {}, {}, id="leader-alone-never-recreated"),
        ],
    )
    def test_not(self, options: dict[str, Any], observed: dict[str, Any], leader: dict[str, Any]) -> None:
        assert _plan(_observe(_set(**options), a_leader(0, **leader), **observed)) == Records({})

    def test_after_start_once_started(self) -> None:
        lws = _set(restart=c.RESTART_RECREATE_GROUP_AFTER_START)
        assert _plan(_observe(lws, a_leader(0, phase="Running"))).patch.keys() == {"0"}

    def test_workers_of_a_former_leader_make_no_group(self) -> None:
        leader, former = a_leader(0), a_leader(0, uid="former")
        observed = _observe(_set(), former)
        assert _plan(
            replace(observed, leaders=(leader,), members=(leader, *observed.members[1:]))
        ) == Records({})
        sets = (a_worker_set(leader, replicas=2, owner=owner_of(former)),)
        assert _plan(replace(_observe(_set(), leader), worker_sets=sets)) == Records({})

    def test_the_successor_of_one_deleted_by_us_keeps_the_count_and_nothing_else(self) -> None:
        former, leader = a_leader(0, uid="former"), a_leader(0)
        stored = _entry(
            former, workers=DIGEST, restarts=2, lastRestartTime=NOW, restarting=True, readyTime=NOW
        )
        plan = _plan(_observe(_set({"0": stored}), leader))
        [entry] = plan.patch.values()
        assert entry["leader"] == leader.uid
        assert (entry["restarting"], entry["readyTime"]) == (None, None)
        assert entry.keys().isdisjoint({"restarts", "lastRestartTime", "revision"})
        assert plan.replacing == (leader,)

    def test_the_successor_of_one_deleted_by_others_starts_anew(self) -> None:
        former, leader = a_leader(0, uid="former"), a_leader(0)
        stored = _entry(former, restarts=2, lastRestartTime=NOW, failed=True)
        [entry] = _plan(_observe(_set({"0": stored}), leader)).patch.values()
        assert (entry["restarts"], entry["lastRestartTime"], entry["failed"]) == (None, None, None)

    def test_a_leader_alone_is_recorded_after_a_restart(self) -> None:
        stored = _entry(a_leader(0, uid="former"), restarts=1, lastRestartTime=NOW, restarting=True)
        plan = _plan(_observe(_set({"0": stored}, size=1), a_leader(0)))
        assert plan.patch["0"]["leader"] == a_leader(0).uid

    @pytest.mark.parametrize("mark", ["restarting", "failed"])
    def test_a_dead_group_is_not_recorded_any_more(self, mark: str) -> None:
        leader = a_leader(0)
        stored = _entry(leader, restarts=1, lastRestartTime=NOW, **{mark: True})
        assert _plan(_observe(_set({"0": stored}), leader)) == Records({})

    def test_a_relabelled_leader_is_recorded_anew(self) -> None:
        stored = {"leader": a_leader(0).uid, "revision": "old", "workers": DIGEST}
        plan = _plan(_observe(_set({"0": stored}), a_leader(0)))
        assert plan.patch["0"]["revision"] == KEY
        assert plan.replacing == ()


class TestBaseline:
    """The restart counts from which deaths count."""

    def _observe(self, restart: str, *counts: int, stored: dict[str, Any] | None = None) -> Any:
        leader = a_leader(0, phase="Running", restarts=counts[0])
        workers = [a_worker(leader, i, restarts=x) for i, x in enumerate(counts[1:], start=1)]
        lws = _set({"0": stored} if stored else None, size=len(counts), restart=restart)
        sets = (a_worker_set(leader, replicas=len(workers)),)
        members = (leader, *workers)
        revisions = (a_revision(lws),)
        return ObservedSet(lws, revisions=revisions, leaders=(leader,), worker_sets=sets, members=members)

    @pytest.mark.parametrize(
        ("restart", "counts", "recorded"),
        [
            (c.RESTART_RECREATE_GROUP_AFTER_START, (2, 0, 1), "0=2,2=1"),
            (c.RESTART_RECREATE_GROUP_AFTER_START, (0, 0, 0), None),
            (c.RESTART_RECREATE_GROUP, (2, 0, 1), None),
        ],
        ids=["what-came-before-the-start", "nothing-did", "deaths-count-from-birth"],
    )
    def test_is_recorded_with_the_incarnation(
        self, restart: str, counts: tuple[int, ...], recorded: str | None
    ) -> None:
        assert _plan(self._observe(restart, *counts)).patch["0"].get("restartCounts") == recorded

    def test_of_a_relabelled_leader_begins_with_its_new_revision(self) -> None:
        stored = {"leader": a_leader(0).uid, "revision": "old", "workers": DIGEST}
        observed = self._observe(c.RESTART_RECREATE_GROUP, 1, 3, stored=stored)
        assert _plan(observed).patch["0"]["restartCounts"] == "0=1,1=3"

    def test_a_mix_of_revisions_is_not_recorded(self) -> None:
        observed = self._observe(c.RESTART_RECREATE_GROUP, 0, 0)
        mixed = (observed.members[0], a_worker(observed.leaders[0], 1, key="other"))
        assert _plan(replace(observed, members=mixed)) == Records({})


class TestExcuses:
    def _plan(self, excused: dict[str, int], **entry: Any) -> list[Any]:
        leader = a_leader(0, phase="Running")
        worker = a_worker(leader, 1, restarts=3)
        lws = _set({"0": _entry(leader, workers=DIGEST, **entry)}, size=2)
        group = ObservedGroup(
            lws,
            leader,
            pods=(leader, worker),
            worker_sets=(a_worker_set(leader),),
            revisions=(a_revision(lws),),
            incidents=Incidents(excused_restarts=excused),
        )
        return [(x.index, x.entry.restart_counts, x.entry.workers) for x in plan_excuses(group)]

    def test_restarts_of_a_resize_are_written_down_once(self) -> None:
        uid = a_worker(a_leader(0), 1).uid
        assert self._plan({uid: 3}) == [("0", "1=3", DIGEST)]
        assert self._plan({uid: 3}, restartCounts="0=1,1=2") == [("0", "0=1,1=3", DIGEST)]
        assert self._plan({uid: 3}, restartCounts="1=3") == self._plan({}) == self._plan({"gone": 9}) == []

    def test_not_without_a_record(self) -> None:
        assert self._plan({a_worker(a_leader(0), 1).uid: 3}, revision="old") == []


class TestReadyTime:
    @pytest.mark.parametrize(
        ("members", "ready", "written"),
        [
            pytest.param({"restarts": 1}, True, True, id="ready-after-a-restart"),
            pytest.param({"restarts": 1}, False, False, id="not-ready"),
            pytest.param({}, True, False, id="never-restarted-costs-no-write"),
            pytest.param(
                {"restarts": 1, "readyTime": "2026-01-01T00:00:00Z"}, True, False, id="the-first-stays"
            ),
        ],
    )
    def test_is_written(self, members: dict[str, Any], ready: bool, written: bool) -> None:
        leader = a_leader(0)
        observed = _observe(_set({"0": _entry(leader, workers=DIGEST, **members)}), leader)
        assert _plan(observed, ready=ready).patch == ({"0": {"readyTime": NOW}} if written else {})

    def test_comes_with_the_record(self) -> None:
        stored = _entry(a_leader(0, uid="former"), restarts=1, lastRestartTime=NOW, restarting=True)
        [entry] = _plan(_observe(_set({"0": stored}), a_leader(0)), ready=True).patch.values()
        assert entry["readyTime"] == NOW


class TestReadySince:
    """With minReadySeconds: what this process saw is written down for the next one."""

    SINCE, LATER = "2026-02-03T04:00:00.250000Z", "2026-02-03T04:01:00.000000Z"

    def _plan(
        self, entry: dict[str, Any] | None, since: str | None, *, leader: Pod | None = None, **kwargs: Any
    ) -> Any:
        leader = leader or a_leader(0)
        observed = _observe(_set({"0": entry} if entry else {}, **kwargs), leader)
        times = {} if since is None else {leader.uid: since}
        return _plan(replace(observed, ready_times=times), ready=bool(since)).patch.get("0", {})

    def test_comes_with_the_record(self) -> None:
        entry = self._plan(None, self.SINCE)
        assert (entry["readySince"], len(entry["workers"])) == (self.SINCE, 16)

    @pytest.mark.parametrize("restart", [c.RESTART_NONE, c.RESTART_RECREATE_GROUP])
    def test_of_any_policy(self, restart: str) -> None:
        assert self._plan(_entry(a_leader(0), workers=DIGEST), self.SINCE, restart=restart) == {
            "readySince": self.SINCE
        }

    @pytest.mark.parametrize(
        ("stored", "since", "written"),
        [
            pytest.param(SINCE, SINCE, {}, id="nothing-new"),
            pytest.param(SINCE, LATER, {"readySince": LATER}, id="ready-again"),
            pytest.param(SINCE, "", {"readySince": None}, id="not-ready-any-more"),
            pytest.param(SINCE, None, {"readySince": None}, id="the-set-asks-no-more"),
            pytest.param("", "", {}, id="not-ready-yet"),
        ],
    )
    def test_what_changes(self, stored: str, since: str | None, written: dict[str, Any]) -> None:
        entry = _entry(a_leader(0), workers=DIGEST, **({"readySince": stored} if stored else {}))
        assert self._plan(entry, since, restart=c.RESTART_NONE) == written

    def test_what_a_former_leader_had_costs_no_write_of_its_own(self) -> None:
        entry = _entry(a_leader(0, uid="former"), readySince=self.SINCE)
        assert self._plan(entry, "", restart=c.RESTART_NONE) == {}
        later = self._plan(entry, self.LATER, restart=c.RESTART_NONE)
        assert later == {"leader": a_leader(0).uid, "readySince": self.LATER}

    def test_a_leader_alone_is_not_recorded_for_it(self) -> None:
        options: dict[str, Any] = {"size": 1}
        entry = self._plan(None, self.SINCE, **options)
        assert {x: y for x, y in entry.items() if y} == _entry(a_leader(0), readySince=self.SINCE)
        lws = _set({"0": _entry(a_leader(0), readySince=self.SINCE)}, **options)
        assert _unrecorded(lws, a_leader(0)) == []

    def test_the_record_of_a_relabelled_leader_waits_for_the_next(self) -> None:
        """Its revision says that restart counts of the former one are no failures."""
        stored = {"leader": a_leader(0).uid, "revision": "old", "workers": DIGEST}
        observed = _observe(_set({"0": stored}), a_leader(0), missing=1)
        assert _plan(replace(observed, ready_times={a_leader(0).uid: self.SINCE}), ready=True) == Records({})


class TestRemoval:
    def test_of_what_is_not_wanted_and_not_there(self) -> None:
        plan = _plan(_observe(_set(GROUPS), a_leader(2), missing=1), replicas=2)
        assert plan.patch == {"7": None, "x": None}

    def test_not_without_a_leader_set_to_see(self) -> None:
        observed = _observe(_set(GROUPS))
        assert plan_records(observed, groups_of(observed), None, now=NOW) == Records({})


@pytest.mark.parametrize(
    ("leader", "entry", "failed"),
    [
        pytest.param({}, _entry(a_leader(1), failed=True), [1], id="marked"),
        pytest.param({}, _entry(a_leader(1)), [], id="unmarked"),
        pytest.param({"uid": "new"}, _entry(a_leader(1), failed=True), [], id="of-a-former-leader"),
        pytest.param({"deleting": True}, _entry(a_leader(1), failed=True), [], id="being-resumed"),
        pytest.param({"key": "new"}, _entry(a_leader(1), failed=True), [], id="on-another-revision"),
    ],
)
def test_failed_groups(leader: dict[str, Any], entry: dict[str, Any], failed: list[int]) -> None:
    lws = _set({"1": entry, "0": _entry(a_leader(0))})
    observed = ObservedSet(lws, leaders=(a_leader(1, **leader), a_leader(0)))
    assert failed_groups(lws, groups_of(observed)) == failed


def test_unrecorded_names_those_whose_pods_are_needed() -> None:
    known, new, odd = a_leader(0), a_leader(1), a_leader("x")
    lws = _set({"0": _entry(known, workers=DIGEST)})
    assert _unrecorded(lws, known, new, odd) == [new]
    assert _unrecorded(_set(restart=c.RESTART_NONE), known, new) == []


def _unrecorded(lws: LeaderWorkerSet, *leaders: Pod) -> list[Pod]:
    groups = [make_group(lws, x, [], [a_revision(lws)]) for x in leaders]
    return [x.leader for x in unrecorded(lws, groups)]
