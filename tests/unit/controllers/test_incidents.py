"""Worker pods that were seen to go are remembered until their leader goes."""

from __future__ import annotations

from support.groups import a_leader, a_leader_set, a_worker, a_worker_set

from lws.api.workloads import Pod, StatefulSet
from lws.controllers.incidents import Incidents

LEADER = a_leader(0)


def test_nothing_is_lost_at_first_nor_by_updates() -> None:
    losses = Incidents()
    losses.on_add(a_worker(LEADER, 1), initial=True)
    losses.on_update(a_worker(LEADER, 1), a_worker(LEADER, 1, deleting=True))
    assert losses.of(LEADER.key) == ()


def test_the_last_pod_of_each_name_is_kept_by_group() -> None:
    losses = Incidents()
    first, second, other = (
        a_worker(LEADER, 1, uid="first"),
        a_worker(LEADER, 1, uid="second"),
        a_worker(LEADER, 2),
    )
    for pod in (first, other, second, a_worker(a_leader(1), 1)):
        losses.on_delete(pod)
    assert {x.uid for x in losses.of(LEADER.key)} == {"second", other.uid}


def test_a_worker_stateful_set_is_kept_beside_its_pods_and_a_leader_stateful_set_is_not() -> None:
    losses = Incidents()
    losses.on_delete(a_worker(LEADER, 1))
    losses.on_delete(a_worker_set(LEADER))
    losses.on_delete(a_leader_set())
    assert {type(x) for x in losses.of(LEADER.key)} == {Pod, StatefulSet}
    losses.on_delete(LEADER)
    assert losses.of(LEADER.key) == ()


def test_the_leaders_end_closes_the_account() -> None:
    losses = Incidents()
    losses.on_delete(a_worker(LEADER, 1))
    losses.on_delete(a_leader(1))
    assert len(losses.of(LEADER.key)) == 1
    losses.on_delete(LEADER)
    assert losses.of(LEADER.key) == ()


def test_groups_are_bounded() -> None:
    losses = Incidents(groups=1)
    losses.on_delete(a_worker(LEADER, 1))
    losses.on_delete(a_worker(a_leader(1), 1))
    assert losses.of(LEADER.key) == ()
