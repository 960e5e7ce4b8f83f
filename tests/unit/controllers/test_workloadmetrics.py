"""The workload metrics: what is recorded, how groups' starts are timed, and the gauges of sets."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families
from support.disaggregated import a_role
from support.disaggregated import a_set as a_role_set
from support.groups import NAME, NAMESPACE, a_leader, a_set, a_worker, a_worker_set

from lws.api.disaggregatedset import DisaggregatedSet
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.timestamps import rfc3339
from lws.api.workloads import Pod, StatefulSet
from lws.controllers.workloadmetrics import GroupStarts, WorkloadMetrics, bounded, set_numbers
from lws.objects import Key, KubeObject
from lws.planning.actions import GroupRecreated, RoleRolloutEnded, RoleRolloutStepped, RolloutEnded
from lws.planning.recreation.evidence import CAUSES
from lws.planning.rollout import OUTCOMES
from lws.runtime.clock import FakeClock
from lws.runtime.metrics import Metrics


class Fixture:
    """WorkloadMetrics over a registry of their own, and informers that are dictionaries."""

    def __init__(self, *, leading: bool = True, **options: Any) -> None:
        self.metrics = Metrics()
        self.measures = WorkloadMetrics(self.metrics, **options)
        self.clock = FakeClock()
        self.sets: dict[Key, LeaderWorkerSet] = {}
        self.pods: dict[Key, Pod] = {}
        self.stateful_sets: dict[Key, StatefulSet] = {}
        informers: Any = {"sets": self.sets, "pods": self.pods, "stateful_sets": self.stateful_sets}
        self.starts = GroupStarts(self.measures, **informers, clock=self.clock)
        if leading:
            self.measures.start()
        self.put(a_set(replicas=1))

    def values(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Of all series of that name, by the values of these labels."""
        families = text_string_to_metric_families(self.metrics.exposition()[1].decode())
        samples = (x for family in families for x in family.samples if x.name == name)
        return {tuple(x.labels[label] for label in labels): x.value for x in samples}

    @property
    def starts_seen(self) -> list[float]:
        """How many were measured, and their sum."""
        return [self.values(f"lws_group_ready_seconds_{x}")[()] for x in ("count", "sum")]

    def put(self, obj: Any, *, initial: bool = False) -> None:
        """The cache shows the object, then the handler hears of it."""
        stores: dict[type[KubeObject], dict[Key, Any]] = {
            LeaderWorkerSet: self.sets, Pod: self.pods, StatefulSet: self.stateful_sets
        }  # fmt: skip
        store = stores[type(obj)]
        old, store[obj.key] = store.get(obj.key), obj
        if isinstance(obj, LeaderWorkerSet):
            return
        if old is None or old.uid != obj.uid:
            self.starts.on_add(obj, initial=initial)
        else:
            self.starts.on_update(old, obj)

    def leader(self, **traits: Any) -> Pod:
        """Created now, unless told otherwise."""
        pod = a_leader(0, **traits)
        created = rfc3339(self.clock.now().timestamp() - traits.pop("age", 0))
        return replace(pod, metadata=replace(pod.metadata, creation_timestamp=created))


class TestRecord:
    def test_every_series_is_there_at_zero(self) -> None:
        one = Fixture()
        counts = one.values("lws_rollout_duration_seconds_count", "outcome")
        assert counts == {(outcome,): 0 for outcome in OUTCOMES}
        assert one.values("lws_group_recreations_total", "cause") == {(cause,): 0 for cause in CAUSES}

    @pytest.mark.parametrize("outcome", OUTCOMES)
    def test_rollouts(self, outcome: str) -> None:
        one = Fixture()
        one.measures.record(RolloutEnded(outcome, 75.0))
        assert one.values("lws_rollout_duration_seconds_sum", "outcome")[outcome,] == 75.0
        buckets = one.values("lws_rollout_duration_seconds_bucket", "outcome", "le")
        assert (buckets[outcome, "60.0"], buckets[outcome, "120.0"]) == (0, 1)

    @pytest.mark.parametrize("cause", CAUSES)
    def test_recreations(self, cause: str) -> None:
        one = Fixture()
        one.measures.record(GroupRecreated(cause, a_set().key))
        assert one.values("lws_group_recreations_total", "cause")[cause,] == 1

    def test_recreations_of_a_set_go_with_it(self) -> None:
        one, sets = Fixture(), [a_named_set(1)]
        one.measures.watch_sets(lambda: sets)
        for key in (sets[0].key, sets[0].key, (NAMESPACE, "gone")):
            one.measures.record(GroupRecreated(CAUSES[0], key))
        assert one.values("lws_groups_recreated", "name") == {("set-8",): 2}
        (kept,) = sets
        sets.clear()
        assert one.values("lws_groups_recreated", "name") == {}
        sets.append(kept)
        assert one.values("lws_groups_recreated", "name") == {("set-8",): 0}


class TestGroupStarts:
    def test_from_the_leader_s_creation_until_leader_and_workers_are_ready(self) -> None:
        one = Fixture()
        leader = one.leader()
        one.put(leader)
        one.put(a_worker_set(leader, broken=True))
        one.clock.advance(30)
        ready = replace(leader, status=a_leader(0, ready=True).status)
        one.put(ready)
        assert one.starts_seen == [0, 0]
        one.clock.advance(12)
        one.put(a_worker_set(leader))
        assert one.starts_seen == [1, 42]

    def test_the_leader_may_be_the_last(self) -> None:
        one = Fixture()
        leader = one.leader()
        one.put(leader)
        one.put(a_worker_set(leader))
        one.clock.advance(5)
        one.put(replace(leader, status=a_leader(0, ready=True).status))
        assert one.starts_seen == [1, 5]

    def test_an_incarnation_counts_once_and_the_next_one_again(self) -> None:
        one = Fixture()
        for uid in ("first", "second"):
            leader = one.leader(uid=uid)
            ready = replace(leader, status=a_leader(0, ready=True).status)
            one.put(leader)
            one.put(a_worker_set(leader))
            for state in (ready, leader, ready):
                one.clock.advance(1)
                one.put(state)
            one.starts.on_delete(ready)
        assert one.starts_seen == [2, 2]

    def test_a_leader_alone(self) -> None:
        one = Fixture()
        one.put(a_set(replicas=1, size=1))
        one.put(one.leader(ready=True))
        assert one.starts_seen == [1, 0]

    @pytest.mark.parametrize(
        ("leading", "initial"),
        [
            pytest.param(True, True, id="there-when-the-process-came"),
            pytest.param(False, False, id="seen-by-a-standby"),
        ],
    )
    def test_leaders_that_were_there_before_are_left_out(self, leading: bool, initial: bool) -> None:
        one = Fixture(leading=leading)
        leader = one.leader()
        one.put(leader, initial=initial)
        one.measures.start()
        one.put(a_worker_set(leader))
        one.put(replace(leader, status=a_leader(0, ready=True).status))
        assert one.starts_seen == [0, 0]

    @pytest.mark.parametrize(
        "late",
        [
            pytest.param({"deleting": True}, id="being-deleted"),
            pytest.param({"uid": "another"}, id="another-s-workers"),
        ],
    )
    def test_what_is_no_ready_group(self, late: dict[str, Any]) -> None:
        one = Fixture()
        one.put(one.leader())
        one.put(a_worker_set(a_leader(0)))
        one.put(one.leader(ready=True, **late))
        assert one.starts_seen == [0, 0]

    def test_workers_are_no_leaders(self) -> None:
        one = Fixture()
        one.put(a_worker(a_leader(0), 1))
        one.put(a_worker_set(a_leader(0)))
        assert one.starts_seen == [0, 0]

    def test_a_leader_whose_set_is_unknown_is_no_group(self) -> None:
        one = Fixture()
        one.sets.clear()
        one.put(one.leader(ready=True))
        assert one.starts_seen == [0, 0]

    def test_the_server_s_clock_may_be_ahead(self) -> None:
        one = Fixture()
        one.put(a_set(replicas=1, size=1))
        pod = a_leader(0, ready=True)
        ahead = rfc3339(one.clock.now().timestamp() + 9)
        one.put(replace(pod, metadata=replace(pod.metadata, creation_timestamp=ahead)))
        assert one.starts_seen == [1, 0]


def a_named_set(number: int, **status: Any) -> LeaderWorkerSet:
    """The set that was created as number so and so; names are in the opposite order."""
    metadata = {
        "name": f"set-{9 - number}",
        "uid": f"uid-{number}",
        "creationTimestamp": f"2026-01-01T00:00:0{number}Z",
    }
    return a_set(replicas=4, metadata=metadata, status={"readyReplicas": 3, "updatedReplicas": 2, **status})


class TestGauges:
    RECORD = {"revision": "b", "from": "a", "startTime": "2026-01-01T00:00:00Z", "generation": 2}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("rollout", "going"), [pytest.param(None, 0, id="at-rest"), pytest.param(RECORD, 1, id="rolling")]
    )
    def test_one_series_of_each_for_a_set(self, rollout: Any, going: int) -> None:
        one = Fixture()
        one.measures.watch_sets(lambda: [a_named_set(1, rollout=rollout)])
        found = {
            name: one.values(f"lws_{name}", "namespace", "name")
            for name in ("rollout_in_progress", "groups_desired", "groups_ready", "groups_updated")
        }
        key = (NAMESPACE, "set-8")
        assert found == {
            "rollout_in_progress": {key: going},
            "groups_desired": {key: 4},
            "groups_ready": {key: 3},
            "groups_updated": {key: 2},
        }

    def test_series_go_with_their_set(self) -> None:
        one, sets = Fixture(), [a_named_set(1)]
        one.measures.watch_sets(lambda: sets)
        assert one.values("lws_groups_ready", "name") == {("set-8",): 3}
        sets.clear()
        assert one.values("lws_groups_ready", "name") == {}

    def test_a_standby_has_none(self) -> None:
        one = Fixture(leading=False)
        one.measures.watch_sets(lambda: [a_set()])
        assert one.values("lws_groups_ready", "name") == {}
        one.measures.start()
        assert one.values("lws_groups_ready", "name") == {(NAME,): 0}
        one.measures.stop()
        assert one.values("lws_groups_ready", "name") == {}

    @pytest.mark.parametrize(
        ("most", "named", "rest"),
        [
            pytest.param(5, ["set-8", "set-7", "set-6"], [], id="room-for-more"),
            pytest.param(3, ["set-8", "set-7", "set-6"], [], id="just-enough"),
            pytest.param(2, ["set-8", "set-7"], [1, 4, 3, 2, 0], id="the-youngest-is-left-over"),
            pytest.param(0, [], [1, 12, 9, 6, 0], id="sums-alone"),
        ],
    )
    def test_what_is_beyond_the_bound_is_one_sum(self, most: int, named: list[str], rest: list[int]) -> None:
        sets = [a_named_set(1), a_named_set(2), a_named_set(3, rollout=self.RECORD)]
        series = bounded(sets, lambda x: [(x.key, set_numbers(x))], max_sets=most)
        assert [labels[1] for labels, _ in series if labels[1]] == named
        assert [list(values) for labels, values in series if not labels[1]] == ([rest] if rest else [])

    def test_the_bound_is_the_configured_one(self) -> None:
        one = Fixture(max_sets=1)
        one.measures.watch_sets(lambda: [a_named_set(1), a_named_set(2)])
        assert one.values("lws_groups_ready", "name") == {("set-8",): 3, ("",): 3}


class TestRoles:
    """DisaggregatedSets: what is recorded of their rollouts, and the gauges of their roles."""

    DESIRED: ClassVar = {"prefill": 4, "decode": 2}

    @pytest.mark.parametrize("outcome", OUTCOMES)
    def test_rollouts(self, outcome: str) -> None:
        one = Fixture()
        prefix = "lws_disaggregated_rollout"
        assert one.values(f"{prefix}_duration_seconds_count", "outcome") == dict.fromkeys(
            ((x,) for x in OUTCOMES), 0
        )
        one.measures.record(RoleRolloutEnded(RolloutEnded(outcome, 75.0), 2))
        one.measures.record(RoleRolloutStepped())
        assert one.values(f"{prefix}_duration_seconds_sum", "outcome")[outcome,] == 75.0
        buckets = one.values(f"{prefix}_deviation_steps_bucket", "le")
        assert (buckets["1.0",], buckets["2.0",]) == (0, 1)
        assert one.values(f"{prefix}_steps_total") == {(): 1}
        assert one.values("lws_rollout_duration_seconds_count", "outcome")[outcome,] == 0

    def role_set(self, number: int, **status: Any) -> DisaggregatedSet:
        roles = [
            {"name": "prefill", "replicas": 5, "readyReplicas": 3, "updatedReplicas": 1},
            {"name": "former", "replicas": 1, "readyReplicas": 1},
        ]
        ds = a_role_set(a_role("prefill", 4), a_role("decode", 2), roleStatuses=roles, **status)
        named = replace(
            ds.metadata, name=f"llm-{9 - number}", creation_timestamp=f"2026-01-01T00:00:0{number}Z"
        )
        return replace(ds, metadata=named)

    def test_a_series_of_each_for_a_role_of_the_spec(self) -> None:
        one, record = Fixture(), {"revision": "b", "from": "a", "startTime": "2026-01-01T00:00:00Z"}
        one.measures.watch_role_sets(lambda: [self.role_set(1, rollout=record)], lambda _: self.DESIRED)
        found = {
            x: one.values(f"lws_role_groups_{x}", "name", "role") for x in ("desired", "ready", "updated")
        }
        assert found == {
            "desired": {("llm-8", "prefill"): 4, ("llm-8", "decode"): 2},
            "ready": {("llm-8", "prefill"): 3, ("llm-8", "decode"): 0},
            "updated": {("llm-8", "prefill"): 1, ("llm-8", "decode"): 0},
        }
        assert one.values("lws_disaggregated_rollout_in_progress", "namespace", "name") == {
            ("ns", "llm-8"): 1
        }

    def test_series_are_bounded_and_go_with_their_set(self) -> None:
        one, sets = Fixture(max_sets=1), [self.role_set(1), self.role_set(2), self.role_set(3)]
        one.measures.watch_role_sets(lambda: sets, lambda _: self.DESIRED)
        assert one.values("lws_role_groups_desired", "namespace", "name", "role") == {
            ("ns", "llm-8", "prefill"): 4,
            ("ns", "llm-8", "decode"): 2,
            ("", "", ""): 12,
        }
        assert one.values("lws_disaggregated_rollout_in_progress", "name") == {("llm-8",): 0, ("",): 0}
        sets.clear()
        assert one.values("lws_role_groups_desired", "role") == {}

    def test_a_standby_has_none(self) -> None:
        one = Fixture(leading=False)
        one.measures.watch_role_sets(lambda: [self.role_set(1)], lambda _: self.DESIRED)
        assert one.values("lws_role_groups_ready", "role") == {}
        assert one.values("lws_disaggregated_rollout_in_progress", "name") == {}

    def test_nothing_is_told_of_roles_that_cannot_be_read(self) -> None:
        one = Fixture()
        one.measures.watch_role_sets(lambda: [self.role_set(1)], lambda _: {})
        assert one.values("lws_role_groups_ready", "role") == {}
        assert one.values("lws_disaggregated_rollout_in_progress", "name") == {("llm-8",): 0}
