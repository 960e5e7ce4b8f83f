"""Groups as rules see them: ready and updated by one definition, shaped by their own revision."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.groups import DELETED, KEY, a_leader, a_leader_set, a_revision, a_set, a_worker_set

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision
from lws.planning.groups import MISSING, GroupState, groups_of, make_group
from lws.planning.observed import ObservedSet
from lws.planning.revisions import Shape, template_of

NEW, OLD, STARTING, DOWN = (
    GroupState(ready=ready, updated=updated)
    for ready, updated in ((True, True), (True, False), (False, True), (False, False))
)


class TestGroupStates:
    """The state vector, reconcilers.md, 3.2."""

    def states(
        self, *, leaders: list[Any], sets: list[Any], size: int = 2, count: int = 2
    ) -> list[GroupState]:
        observed = ObservedSet(a_set(size=size), leaders=tuple(leaders), worker_sets=tuple(sets))
        return list(groups_of(observed).states("new", count))

    def test_leader_and_workers_count(self) -> None:
        pods = [a_leader(i, key="new", ready=i != 2) for i in range(5)]
        sets = [
            a_worker_set(pods[0], key="new"),
            a_worker_set(pods[1], key="old"),
            a_worker_set(pods[2], key="new"),
            a_worker_set(pods[3], key="new", available=0),
            a_worker_set(pods[4], key="new", broken=True),
        ]
        assert self.states(leaders=pods, sets=sets, count=5) == [NEW, OLD, STARTING, STARTING, STARTING]

    def test_a_group_that_is_not_stable_is_ready_and_not_done(self) -> None:
        state = NEW._replace(stable=False)
        assert (state.ready, state.available, state.done, state.outdated) == (True, False, False, False)
        assert (DOWN.available, NEW.available, OLD.available) == (False, True, True)

    def test_a_group_without_worker_set_is_missing(self) -> None:
        assert self.states(leaders=[a_leader(0, key="new", ready=True)], sets=[], count=1) == [MISSING]

    def test_a_group_on_its_way_out_is_not_ready(self) -> None:
        """Upstream would take it for a ready one as long as its pods still answer."""
        pods = [a_leader(0, key="new", ready=True, deleting=True), a_leader(1, key="new", ready=True)]
        going = a_worker_set(pods[1], key="new")
        metadata = msgspec.structs.replace(going.metadata, deletion_timestamp=DELETED)
        sets = [a_worker_set(pods[0], key="new"), msgspec.structs.replace(going, metadata=metadata)]
        assert self.states(leaders=pods, sets=sets) == [STARTING, STARTING]
        assert self.states(leaders=pods, sets=[], size=1) == [STARTING, NEW]

    def test_the_workers_of_a_former_leader_are_not_this_one_s(self) -> None:
        former = a_worker_set(a_leader(0, key="new", uid="uid-former"), key="new")
        pod = a_leader(0, key="new", ready=True, uid="uid-now")
        assert self.states(leaders=[pod], sets=[former], count=1) == [MISSING]

    def test_size_one_needs_no_worker_set(self) -> None:
        pods = [a_leader(0, key="new", ready=True), a_leader(1, key="old")]
        assert self.states(leaders=pods, sets=[], size=1) == [NEW, DOWN]

    def test_a_worker_set_without_leader_is_missing(self) -> None:
        sets = [a_worker_set(a_leader(0), key="new")]
        assert self.states(leaders=[], sets=sets, count=1) == [MISSING]

    @pytest.mark.parametrize("index", ["-1", "x", "", "1_0", "²", "7"])
    def test_objects_without_a_slot_are_dropped(self, index: str) -> None:
        stray = a_leader(index, key="new", ready=True)
        good = a_leader(0, key="new", ready=True)
        assert self.states(leaders=[stray, good], sets=[], size=1, count=1) == [NEW]

    def test_another_name_in_the_slot_neither_fills_nor_hides_it(self) -> None:
        good = a_leader(0, key="new", ready=True)
        stray = a_leader(1, key="old")
        labels = {**stray.labels, c.GROUP_INDEX_LABEL: "0"}
        stray = msgspec.structs.replace(
            stray, metadata=msgspec.structs.replace(stray.metadata, labels=labels)
        )
        assert self.states(leaders=[good, stray], sets=[], size=1) == [NEW, MISSING]

    def test_the_leader_set_is_no_group(self) -> None:
        assert self.states(leaders=[], sets=[a_leader_set()], count=1) == [MISSING]


EDITED = a_set(size=1, restart=c.RESTART_RECREATE_GROUP, subdomain=c.SUBDOMAIN_UNIQUE)
FORMER = a_set(size=4, restart=c.RESTART_NONE, subdomain=c.SUBDOMAIN_SHARED)
FORMER_SHAPE = Shape(4, c.RESTART_NONE, c.SUBDOMAIN_SHARED)


def _shape(lws: LeaderWorkerSet, *revisions: ControllerRevision, **leader: Any) -> tuple[Shape, bool]:
    group = make_group(lws, a_leader(0, **leader), [], revisions)
    return group.shape, group.known


class TestShape:
    """Of a group's own revision, whatever was edited since."""

    def test_is_its_revisions(self) -> None:
        assert _shape(EDITED, a_revision(FORMER)) == (FORMER_SHAPE, True)

    def test_of_several_with_one_key_is_the_newest_ones(self) -> None:
        older = a_revision(EDITED, number=1)
        assert _shape(EDITED, a_revision(FORMER, number=2), older) == (FORMER_SHAPE, True)

    def test_of_another_sets_revision_it_is_not(self) -> None:
        other = msgspec.structs.replace(
            FORMER, metadata=msgspec.structs.replace(FORMER.metadata, uid="other")
        )
        assert _shape(EDITED, a_revision(other))[1] is False

    def test_of_a_lost_revision_that_is_live_is_known(self) -> None:
        live = Shape(1, c.RESTART_RECREATE_GROUP, c.SUBDOMAIN_UNIQUE)
        assert _shape(EDITED, key=template_of(EDITED).key) == (live, True)

    @pytest.mark.parametrize(
        ("annotations", "shape"),
        [
            ({c.SIZE_ANNOTATION: "4"}, FORMER_SHAPE),
            (
                {c.SIZE_ANNOTATION: "2", c.SUBDOMAIN_POLICY_ANNOTATION: c.SUBDOMAIN_UNIQUE},
                Shape(2, c.RESTART_NONE, c.SUBDOMAIN_UNIQUE),
            ),
            ({}, Shape(1, c.RESTART_NONE, c.SUBDOMAIN_UNIQUE)),
            ({c.SIZE_ANNOTATION: "many"}, Shape(1, c.RESTART_NONE, c.SUBDOMAIN_UNIQUE)),
        ],
        ids=["its-pod-says", "its-own-subdomain", "not-admitted-by-us", "nonsense"],
    )
    def test_of_a_lost_revision_is_what_its_leader_was_admitted_as_and_recreates_nothing(
        self, annotations: dict[str, str], shape: Shape
    ) -> None:
        assert _shape(EDITED, annotations=annotations) == (shape, False)

    @pytest.mark.parametrize("data", [b"[]", b'{"spec":{"leaderWorkerTemplate":{"size":"4"}}}', b"null"])
    def test_of_data_that_cannot_be_read_is_not_known(self, data: bytes) -> None:
        broken = msgspec.structs.replace(a_revision(FORMER), data=msgspec.Raw(data))
        assert _shape(EDITED, broken)[1] is False

    @pytest.mark.parametrize(
        ("spec", "shape"),
        [
            (b"{}", Shape(1, c.RESTART_RECREATE_GROUP, c.SUBDOMAIN_UNIQUE)),
            (
                b'{"leaderWorkerTemplate":{"size":null,"restartPolicy":""},"networkConfig":null}',
                Shape(1, c.RESTART_RECREATE_GROUP, c.SUBDOMAIN_SHARED),
            ),
        ],
        ids=["members-it-lacks-are-the-live-ones", "defaults"],
    )
    def test_of_odd_data(self, spec: bytes, shape: Shape) -> None:
        odd = msgspec.structs.replace(a_revision(FORMER), data=msgspec.Raw(b'{"spec":%s}' % spec))
        assert _shape(EDITED, odd) == (shape, True)


def test_a_group_of_one_needs_no_workers_though_the_live_size_is_another() -> None:
    former, lws = a_set(size=1), a_set(size=4)
    leader = a_leader(0, ready=True)
    observed = ObservedSet(lws, revisions=(a_revision(former),), leaders=(leader,))
    assert groups_of(observed).states("new", 1) == (OLD,)


def test_a_group_of_four_needs_its_workers_though_the_live_size_is_one() -> None:
    leader = a_leader(0, ready=True)
    observed = ObservedSet(EDITED, revisions=(a_revision(FORMER),), leaders=(leader,))
    assert groups_of(observed).states(KEY, 1) == (MISSING,)
    assert groups_of(observed).states("new", 1) == (DOWN,), "its leader is there, to be replaced"
    workers = a_worker_set(leader, replicas=3, available=2)
    assert groups_of(msgspec.structs.replace(observed, worker_sets=(workers,))).states(KEY, 1) == (STARTING,)
