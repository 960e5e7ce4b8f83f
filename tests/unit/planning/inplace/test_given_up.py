"""When a group that is not updated in place after all is made anew."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.groups import a_leader, a_leader_set, a_revision, a_set

from lws.api import constants as c
from lws.api.timestamps import rfc3339
from lws.planning.actions import Action, Delete, Requeue
from lws.planning.groups import group_of
from lws.planning.inplace.marks import Mark, write_mark
from lws.planning.inplace.steps import plan_steps
from lws.planning.observed import ObservedGroup

LWS = a_set(size=1)
DEADLINE = LWS.in_place_deadline


def due(*, partition: int, now: float, seen: bool = True) -> tuple[Action, ...]:
    """For group 0 of two, alone, which was chosen at 1,000 s; the leader StatefulSet is of its revision."""
    mark = write_mark(Mark("new", rfc3339(1000.0), anew="its containers did not run"))
    annotations = {c.IN_PLACE_ANNOTATION: mark, c.SIZE_ANNOTATION: "1"}
    leader = a_leader(0, key="new", ready=True, annotations=annotations)
    one = a_leader_set(replicas=2, partition=partition)
    metadata = replace(one.metadata, labels=one.labels | {c.REVISION_LABEL: "new"})
    one = replace(one, metadata=metadata, status=replace(one.status, update_revision="u" if seen else ""))
    revisions = (a_revision(LWS, key="new"),)
    group = ObservedGroup(LWS, leader, pods=(leader,), revisions=revisions, leader_set=one)
    own = group_of(group)
    assert own is not None
    return plan_steps(group, own, now=now).actions


def test_at_once_where_it_comes_again_from_the_wanted_revision() -> None:
    [action] = due(partition=0, now=1000.0 + DEADLINE)
    assert isinstance(action, Delete)


def test_behind_the_partition_after_as_long_again() -> None:
    """What is above may wait for it: ready groups that cannot be spared while this one is down."""
    assert due(partition=2, now=1000.0 + DEADLINE) == (Requeue(pytest.approx(DEADLINE)),)
    [action] = due(partition=2, now=1000.0 + 2 * DEADLINE)
    assert isinstance(action, Delete)


def test_not_by_a_leader_statefulset_that_is_not_seen_yet() -> None:
    assert due(partition=2, now=1000.0 + 2 * DEADLINE, seen=False) == ()
