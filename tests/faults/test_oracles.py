"""That the rules of the matrix can be broken: for each a manager that breaks it, and no fault beside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from support.apimodel.store import Document, uid_of
from support.faults.bounds import groups_of, of_set
from support.faults.chaos import LooksAgain
from support.faults.matrix import fresh, run
from support.faults.memory import KEPT, held
from support.faults.operations import OPERATIONS, Operation
from support.faults.oracles import Watch
from support.faults.strangers import own_set, stateful_set
from support.faults.world import World

from lws.api import disaggregation as d
from lws.controllers import commits, leaderworkerset
from lws.controllers.byuid import ByUid
from lws.controllers.catchingup import CatchingUp
from lws.controllers.children import Children
from lws.planning import group
from lws.planning.actions import Delete
from lws.planning.disaggregated import rollout
from lws.planning.disaggregated.steps import Move
from lws.planning.group import plan_restart
from lws.planning.leader import plan_leader
from lws.planning.recreation.decision import Restart
from lws.planning.revisions import lifecycle


def never_recreates() -> Any:
    return mock.patch.object(group, "plan_restart", return_value=Restart(False))


@contextmanager
def deletes_a_healthy_leader() -> Iterator[None]:
    """Once: the third that it sees, which comes with the operation."""
    met: dict[str, None] = {}

    def plan(observed: Any, *, now: float) -> Restart:
        leader = observed.leader
        met.setdefault(leader.uid)
        if list(met).index(leader.uid) != 2 or leader.deleting:
            return plan_restart(observed, now=now)
        return Restart(True, (Delete("Pod", leader.key, leader.uid, propagation="Foreground"),))

    with mock.patch.object(group, "plan_restart", plan):
        yield


def applies_what_holds() -> Any:
    return mock.patch.object(Children, "_holds", return_value=False)


def drains_at_once() -> Any:
    def plan(now: Any, generations: Any) -> Move | None:
        nothing = tuple(tuple(None if x is None else 0 for x in one.have) for one in generations)
        return None if now.done else Move(nothing, tuple(now.target))

    return mock.patch.object(rollout, "plan_move", plan)


def rolls_without_waiting() -> Any:
    def plan(*of: Any, **how: Any) -> Any:
        return plan_leader(*of, **{**how, "partition": 0})

    return mock.patch.object(leaderworkerset, "plan_leader", plan)


def deletes_by_labels() -> Any:
    return mock.patch.object(lifecycle, "held", list)


def remembers() -> Any:
    return mock.patch.object(CatchingUp, "forget")


def remembers_single_objects() -> Any:
    return mock.patch.object(ByUid, "forget")


@pytest.mark.parametrize(
    ("manager", "operation", "told"),
    [
        (never_recreates, "restart", "recreated {}, not {'s-1': 1}"),
        (never_recreates, "worker fails", "recreated {}, not {'s-1': 1}"),
        (deletes_a_healthy_leader, "roll", "recreated {'s-"),
        (deletes_a_healthy_leader, "scale up", "objects of kind Pod were made, not 4"),
        (applies_what_holds, "create", "requests at rest: PATCH StatefulSet"),
        (applies_what_holds, "roles: create", "requests of another process: PATCH"),
        (drains_at_once, "roles: roll", "fewer than 2 groups serve of decode"),
        (rolls_without_waiting, "many edits", "fewer than 1 groups serve"),
        (deletes_by_labels, "create", "a stranger was taken away: ControllerRevision"),
        (remembers, "roll", "CatchingUp._known remembers"),
        (remembers_single_objects, "roles: roll", "ByUid._values remembers"),
    ],
)
def test_a_rule_that_is_broken_is_told(manager: Any, operation: str, told: str) -> None:
    struck = next(x for x in OPERATIONS if x.name == operation)
    for wanted in (struck.after, None):
        fresh(wanted)  # made by the manager as it is
    with manager():
        violations = run(struck, 0).violations
    assert any(told in x for x in violations), violations


def tells_no_set_of_groups_that_are_kept_down() -> Any:
    plan = commits.plan_commit
    return mock.patch.object(commits, "plan_commit", lambda *of, **own: plan(*of, **own)._replace(told=False))


def test_a_wakeup_that_is_lost_is_told_at_a_pause() -> None:
    """Others hide it in most orders, as where the watch tells of a write before its answer comes."""
    struck = next(x for x in OPERATIONS if x.name == "crash loop")
    for wanted in (struck.after, None):
        fresh(wanted)
    seeds = range(4)
    assert [x for seed in seeds for x in run(struck, seed, chaos=LooksAgain(seed)).violations] == []
    with tells_no_set_of_groups_that_are_kept_down():
        violations = [x for seed in seeds for x in run(struck, seed, chaos=LooksAgain(seed)).violations]
    assert any("requests at a pause: PATCH LeaderWorkerSet default/s status" in x for x in violations)


def owned(kind: str, by: Document) -> Document:
    """An object of a controller that has not heard of the end of ``by``."""
    owner = {"apiVersion": by["apiVersion"], "kind": by["kind"], "controller": True}
    owner |= {"name": by["metadata"]["name"], "uid": uid_of(by)}
    made = stateful_set(f"of-{uid_of(by)}")
    return {**made, "kind": kind, "metadata": {**made["metadata"], "ownerReferences": [owner]}}


@pytest.mark.parametrize(
    ("gone", "counted"), [(True, {}), (False, {"StatefulSet": 1, "ControllerRevision": 1})]
)
def test_what_is_made_for_an_owner_that_is_gone_is_not_counted_nor_what_is_made_of_it(
    gone: bool, counted: dict[str, int]
) -> None:
    with World(0) as world:
        lws = world.create("LeaderWorkerSet", own_set("s"))
        watch = Watch(world, ("LeaderWorkerSet", "s"), of_set(0, 0))
        if gone:
            world.delete("LeaderWorkerSet", "s")
        one = world.create("StatefulSet", owned("StatefulSet", lws))
        world.create("ControllerRevision", owned("ControllerRevision", one))
        assert watch.made() == counted


def test_an_edited_label_makes_no_role() -> None:
    labels = {"prefill": 2, "7": 3}
    sets = [
        {"metadata": {"name": x, "labels": {d.ROLE_LABEL: x}}, "spec": {"replicas": y}}
        for x, y in labels.items()
    ]
    assert groups_of([], sets).there == {"prefill": 2}


@pytest.mark.parametrize("operation", [x for x in OPERATIONS if x.strangers], ids=lambda x: x.name)
def test_who_is_in_the_way_has_names_that_are_needed(operation: Operation) -> None:
    names = {f"{kind} {document['metadata']['name']}" for kind, document in operation.strangers}
    assert names <= fresh(operation.after).keys()


MEMORIES = (
    "CatchingUp._known",
    "Committer._free",
    "Entries._waiting",
    "GroupStatusMemory._kept",
    "IncidentLog._accounts",
    "ItemExponentialBackoff._failures",
    "ProblemMemory._sets",
    "RefusalMemory._objects",
    "RolloutMemory._kept",
    "Settling._cost",
    "Stability._known",
    "StandingMemory._sets",
    "StatusPace._waiting",
    "TakenNames._known",
    "WorkQueue._delayed",
    "WorkloadMetrics._recreated",
)
"""Some of those that are known by name: whoever looks through all of them has to come by these."""


def test_all_memories_are_looked_through() -> None:
    with World(0) as world:
        world.start()
        world.settle()
        assert world.life is not None
        met = {place for place, _ in held(world.life.app)}
    assert {*MEMORIES} <= met
    assert KEPT.keys() <= met, "an excuse for what is not there any more"
