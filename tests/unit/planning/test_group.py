"""The pass over one group: what is due, in which order, and what has to wait (reconcilers.md, 7.2)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.groups import a_leader, a_set, a_worker, a_worker_set, owner_of

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Container, ContainerResources, ControllerRevision, Node, Pod, TpuQuantity
from lws.objects import KubeObject, ObjectMeta, OwnerReference
from lws.planning.actions import (
    Action,
    Create,
    Delete,
    Document,
    Patch,
    Problem,
    Record,
    Requeue,
    StoreEntry,
)
from lws.planning.group import FOREIGN_RETRY, NODE_RETRY, PASSING_RETRY, POD_GROUP_RETRY, plan_group
from lws.planning.observed import ObservedGroup
from lws.planning.podgroups import VOLCANO, GangProvider
from lws.planning.revisions import revision_document, template_of

TOPOLOGY = "cloud.google.com/gke-nodepool"
EXCLUSIVE = {"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: TOPOLOGY}}
BARE = Node(metadata=ObjectMeta(name="node-1"))
NODE = Node(metadata=ObjectMeta(name="node-1", labels={TOPOLOGY: "pool-a"}))
GANG = {c.POD_GROUP_ANNOTATION: "test-sample-0-key"}


def _revision(lws: LeaderWorkerSet, number: int = 1) -> ControllerRevision:
    template = template_of(lws)
    document = revision_document(lws, template, key=template.key, number=number)
    return msgspec.json.decode(msgspec.json.encode(document), type=ControllerRevision)


def _group(
    lws: LeaderWorkerSet | None = None,
    *,
    of: LeaderWorkerSet | None = None,
    leader: Any = None,
    **observed: Any,
) -> ObservedGroup:
    """A group of ``lws`` whose leader (made with the traits ``leader``) has the revision of set ``of``."""
    lws = lws or a_set()
    of = of or lws
    pod = a_leader(0, key=template_of(of).key, **(leader or {}))
    observed.setdefault("revisions", (_revision(of),))
    observed.setdefault("pods", (pod,))
    return ObservedGroup(lws, pod, **observed)


def _plan(group: ObservedGroup, provider: GangProvider | None = VOLCANO) -> list[Action]:
    return plan_group(group, now=0.0, provider=provider)


def _kinds(actions: list[Action]) -> list[str]:
    """What is made or deleted, of which kind."""
    return [x.kind for x in actions if isinstance(x, Create | Delete)]


def _reasons(actions: list[Action]) -> list[str]:
    return [x.reason for x in actions if isinstance(x, Problem)]


def _waits_for_revision(actions: list[Action]) -> bool:
    """Looks again in a second; it is a problem only when that goes on."""
    [problem] = [x for x in actions if isinstance(x, Problem)]
    return problem.reason == c.REASON_REVISION_MISSING and problem.grace > 1 and Requeue(1.0) in actions


def _worker_set(actions: list[Action]) -> Document:
    [document] = [x.document for x in actions if isinstance(x, Create) and x.kind == "StatefulSet"]
    return document


class TestOrder:
    def test_a_plain_group_gets_its_worker_set_scenario_7(self) -> None:
        [action] = _plan(_group())
        assert isinstance(action, Create)
        [event] = action.then
        assert (event.type, event.reason, event.action, event.note) == (
            "Normal",
            "GroupsProgressing",
            "Create",
            "Created worker statefulset for leader pod test-sample-0",
        )
        assert event.related is not None
        assert (event.regarding.kind, event.related.uid) == (c.KIND, "uid-test-sample-0")
        assert action.failed is not None
        assert (action.failed.type, action.failed.reason, action.failed.note) == (
            "Warning",
            "FailedCreate",
            "Failed to create worker statefulset for leader pod test-sample-0",
        )

    def test_service_then_pod_group_then_workers(self) -> None:
        lws = a_set(subdomain=c.SUBDOMAIN_UNIQUE)
        group = _group(lws, leader={"annotations": GANG})
        assert _kinds(_plan(group)) == ["Service", "PodGroup", "StatefulSet"]

    def test_size_one_still_gets_service_and_pod_group(self) -> None:
        lws = a_set(size=1, subdomain=c.SUBDOMAIN_UNIQUE)
        group = _group(lws, leader={"annotations": GANG})
        assert _kinds(_plan(group)) == ["Service", "PodGroup"]

    def test_size_one_alone_needs_nothing_scenario_5(self) -> None:
        assert _plan(_group(a_set(size=1))) == []

    @pytest.mark.parametrize("owner", ["uid-test-sample-0", "uid-former", ""], ids=["its", "stale", "users"])
    def test_a_pod_group_that_is_there_stays_and_is_none_of_a_second(self, owner: str) -> None:
        """A former leader's goes by itself; until it has, the server would refuse one of the same name."""
        of = (OwnerReference("v1", "Pod", "test-sample-0", owner, controller=True),) if owner else ()
        there = KubeObject(ObjectMeta(name="test-sample-0-key", owner_references=of))
        assert _kinds(_plan(_group(pod_group=there, leader={"annotations": GANG}))) == ["StatefulSet"]

    @pytest.mark.parametrize(
        ("provider", "annotations"),
        [(None, GANG), (VOLCANO, {})],
        ids=["not-configured", "admitted-before-it-was-configured"],
    )
    def test_no_pod_group(self, provider: GangProvider | None, annotations: dict[str, str]) -> None:
        group = _group(leader={"annotations": annotations})
        assert _kinds(_plan(group, provider)) == ["StatefulSet"]

    def test_workers_do_not_wait_until_pod_groups_can_be_told(self) -> None:
        group = _group(pod_groups_known=False, leader={"annotations": GANG})
        problem, wait, create = _plan(group)
        assert isinstance(problem, Problem)
        assert (problem.reason, problem.unmet) == (c.REASON_POD_GROUPS_UNKNOWN, False)
        assert wait == Requeue(POD_GROUP_RETRY)
        assert isinstance(create, Create)

    def test_a_pod_group_of_somebody_else_is_a_problem_and_workers_come(self) -> None:
        of = (OwnerReference("batch/v1", "Job", "other", "uid-other", controller=True),)
        there = KubeObject(ObjectMeta(name="test-sample-0-key", owner_references=of))
        actions = _plan(_group(pod_group=there, leader={"annotations": GANG}))
        assert (_reasons(actions), _kinds(actions)) == ([c.REASON_NAME_TAKEN], ["StatefulSet"])
        assert Requeue(FOREIGN_RETRY) in actions

    def test_the_pod_group_is_of_the_leaders_revision(self) -> None:
        group = _group(a_set(size=5), of=a_set(size=3), leader={"annotations": GANG})
        pod_group, workers = _plan(group)
        assert isinstance(pod_group, Create)
        assert isinstance(workers, Create)
        assert pod_group.document["spec"]["minMember"] == 3 == workers.document["spec"]["replicas"] + 1

    def test_a_pod_group_waits_for_the_revision(self) -> None:
        group = _group(a_set(size=1), revisions=(), leader={"annotations": GANG})
        assert _waits_for_revision(_plan(group))


class TestNothing:
    @pytest.mark.parametrize("policy", [c.RESTART_RECREATE_GROUP, c.RESTART_NONE])
    def test_for_a_terminating_leader(self, policy: str) -> None:
        lws = a_set(subdomain=c.SUBDOMAIN_UNIQUE, restart=policy)
        group = _group(lws, leader={"deleting": True, "annotations": GANG})
        assert _plan(group) == []

    def test_for_a_set_being_deleted(self) -> None:
        lws = a_set(subdomain=c.SUBDOMAIN_UNIQUE, metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
        group = _group(lws)
        assert group.leader is not None
        assert _plan(replace(group, pods=(group.leader, _failing_worker(group.leader)))) == []

    def test_without_set_or_leader(self) -> None:
        group = _group()
        assert _plan(replace(group, lws=None)) == []
        assert _plan(replace(group, leader=None)) == []

    def test_for_a_pod_that_is_no_leader(self) -> None:
        group = _group()
        assert group.leader is not None
        worker = a_worker(group.leader, 1, owner=owner_of(group.leader))
        assert _plan(replace(group, leader=worker)) == []


def _failing_worker(leader: Pod) -> Pod:
    key = leader.labels[c.REVISION_LABEL]
    return a_worker(leader, 1, key=key, owner=owner_of(leader), deleting=True)


def test_restart_comes_before_everything_else() -> None:
    group = _group(a_set(subdomain=c.SUBDOMAIN_UNIQUE))
    assert group.leader is not None
    failing = replace(group, pods=(group.leader, _failing_worker(group.leader)))
    [stored] = _plan(failing)
    assert isinstance(stored, StoreEntry)
    assert (stored.leader, stored.entry.leader) == (group.leader.key, group.leader.uid)


def _stalled_by(pod: Pod) -> Problem:
    lws = a_set()
    problem, event = _plan(ObservedGroup(lws, pod, pods=(pod,), revisions=(_revision(lws),)))
    assert isinstance(problem, Problem)
    assert isinstance(event, Record)
    assert event.reason == c.REASON_FAILED_CREATE
    return problem


def test_a_worker_that_somebody_labelled_as_a_leader_is_named_with_its_label() -> None:
    pod = a_leader("0-2", annotations={c.LEADER_NAME_ANNOTATION: "test-sample-0"})
    problem = _stalled_by(pod)
    assert problem.reason == c.REASON_POD_NOT_ADMITTED
    assert problem.message.startswith(f"Pod {pod.name} has the label {c.WORKER_INDEX_LABEL}=0, which")
    assert "it has to be 2" in problem.message


def test_a_leader_that_somebody_annotated_is_not_taken_for_a_worker_of_its_set() -> None:
    pod = a_leader(2, annotations={c.LEADER_NAME_ANNOTATION: "test-sample"})
    assert _stalled_by(pod).reason == c.REASON_NO_START_ORDINALS


def test_a_leader_that_carries_leader_name_gets_a_warning_only() -> None:
    annotations = {c.LEADER_NAME_ANNOTATION: "test-sample-0"}
    lws = a_set(subdomain=c.SUBDOMAIN_UNIQUE)
    problem, event = _plan(_group(lws, leader={"annotations": annotations, "deleting": False}))
    assert isinstance(problem, Problem)
    assert problem.reason == c.REASON_NO_START_ORDINALS
    assert isinstance(event, Record)
    assert (event.type, event.reason, event.action) == ("Warning", "FailedCreate", "Create")
    assert c.LEADER_NAME_ANNOTATION in event.note
    assert "start ordinals" in event.note
    assert "1.27" in event.note


class TestStartup:
    @pytest.mark.parametrize(
        ("startup", "ready", "created"),
        [("LeaderReady", False, False), ("LeaderReady", True, True), ("LeaderCreated", False, True)],
        ids=["scenario-45-waits", "scenario-45-ready", "scenario-46"],
    )
    def test_policy(self, startup: str, ready: bool, created: bool) -> None:
        assert bool(_plan(_group(a_set(startup=startup), leader={"ready": ready}))) is created

    def test_the_ready_condition_counts_not_the_phase(self) -> None:
        group = _group(a_set(startup="LeaderReady"), leader={"ready": True})
        assert group.leader is not None
        pending = replace(group.leader, status=replace(group.leader.status, phase="Pending"))
        assert _kinds(_plan(replace(group, leader=pending))) == ["StatefulSet"]


class TestWorkerSetOfThatName:
    def test_the_leaders_own_keeps_its_template_and_revision(self) -> None:
        group = _group()
        assert group.leader is not None
        old = a_worker_set(group.leader, key="old")
        assert _plan(replace(group, worker_sets=(old,))) == []

    def test_one_that_was_scaled_gets_its_number_back(self) -> None:
        group = _group()
        assert group.leader is not None
        [patch] = _plan(replace(group, worker_sets=(a_worker_set(group.leader, replicas=7),)))
        assert isinstance(patch, Patch)
        assert patch.document["spec"] == {"replicas": 1}

    def test_nobody_guesses_how_many_there_should_be(self) -> None:
        """The revision is gone, and what is assumed in its place may be the live size."""
        group = _group(revisions=(), of=a_set(size=3))
        assert group.leader is not None
        planned = _plan(replace(group, worker_sets=(a_worker_set(group.leader, replicas=2),)))
        assert not any(isinstance(x, Patch) for x in planned)

    def test_it_needs_no_revision(self) -> None:
        group = _group(revisions=())
        assert group.leader is not None
        assert _plan(replace(group, worker_sets=(a_worker_set(group.leader),))) == []

    def test_one_of_a_former_incarnation_is_waited_for(self) -> None:
        former = a_leader(0, uid="former")
        assert _plan(_group(worker_sets=(a_worker_set(former),))) == [Requeue(PASSING_RETRY)]

    @pytest.mark.parametrize(
        "owner",
        [OwnerReference(), OwnerReference("x/v1", "LeaderWorkerSet", "test-sample-0", "uid-other", True)],
        ids=["nobodys", "another-sets-leader-set"],
    )
    def test_a_strangers_blocks_and_users_are_told(self, owner: OwnerReference) -> None:
        stranger = a_worker_set(a_leader(0), owner=owner)
        problem, event, look_again = _plan(_group(worker_sets=(stranger,)))
        assert isinstance(problem, Problem)
        assert isinstance(event, Record)
        assert (event.type, event.reason) == ("Warning", "FailedCreate")
        assert problem.message.startswith("StatefulSet test-sample-0 exists and is not this group's")
        assert event.note.endswith(f": {problem.message}")
        assert (problem.reason, look_again) == (c.REASON_NAME_TAKEN, Requeue(FOREIGN_RETRY))

    def test_that_of_another_group_does_not_matter(self) -> None:
        assert _kinds(_plan(_group(worker_sets=(a_worker_set(a_leader(1)),)))) == ["StatefulSet"]


class TestRevision:
    @pytest.mark.parametrize("revisions", [(), (_revision(a_set(size=9)),)], ids=["none", "only-others"])
    def test_a_missing_one_is_looked_for_again(self, revisions: tuple[ControllerRevision, ...]) -> None:
        assert _waits_for_revision(_plan(_group(revisions=revisions)))

    def test_a_leader_without_revision_label_waits_too(self) -> None:
        group = _group()
        assert group.leader is not None
        unlabelled = replace(
            group.leader,
            metadata=replace(
                group.leader.metadata,
                labels={x: y for x, y in group.leader.labels.items() if x != c.REVISION_LABEL},
            ),
        )
        assert _waits_for_revision(_plan(replace(group, leader=unlabelled)))

    def test_of_several_the_highest_number_counts(self) -> None:
        lws = a_set()
        low, high = _revision(a_set(size=5), 1), _revision(a_set(size=7), 2)
        key = template_of(lws).key
        both = tuple(
            replace(x, metadata=replace(x.metadata, labels={**x.labels, c.REVISION_LABEL: key}))
            for x in (high, low)
        )
        assert _worker_set(_plan(_group(lws, revisions=both)))["spec"]["replicas"] == 6

    def test_one_of_another_owner_is_not_the_sets(self) -> None:
        revision = _revision(a_set())
        owner = OwnerReference("apps/v1", "StatefulSet", "test-sample", "uid-leader-set", True)
        foreign = replace(revision, metadata=replace(revision.metadata, owner_references=(owner,)))
        assert _waits_for_revision(_plan(_group(revisions=(foreign,))))

    def test_an_old_group_is_rebuilt_entirely_from_its_revision_scenario_42(self) -> None:
        worker = {"spec": {"containers": [{"name": "old-worker"}]}}
        old = a_set(size=4, subdomain=c.SUBDOMAIN_UNIQUE, template={"workerTemplate": worker})
        live = a_set(size=2, metadata={"labels": {"team": "new"}})
        document = _worker_set(_plan(_group(live, of=old)))
        spec, pods = document["spec"], document["spec"]["template"]
        assert (spec["replicas"], spec["serviceName"]) == (3, "test-sample-0")
        assert pods["metadata"]["annotations"][c.SIZE_ANNOTATION] == "4"
        assert pods["metadata"]["labels"][c.REVISION_LABEL] == template_of(old).key
        assert [x["name"] for x in pods["spec"]["containers"]] == ["old-worker"]
        assert document["metadata"]["labels"]["team"] == "new"

    def test_a_group_of_four_gets_its_workers_though_the_live_size_is_one(self) -> None:
        """Its pods say LWS_GROUP_SIZE=4: without workers it is never ready."""
        assert _worker_set(_plan(_group(a_set(size=1), of=a_set(size=4))))["spec"]["replicas"] == 3

    def test_a_group_of_one_gets_none_though_the_live_size_is_two(self) -> None:
        assert _plan(_group(a_set(size=2), of=a_set(size=1))) == []

    def test_its_service_follows_its_own_policy(self) -> None:
        """Else its pods name a leader address that does not resolve."""
        shared, unique = a_set(), a_set(subdomain=c.SUBDOMAIN_UNIQUE)
        assert _kinds(_plan(_group(shared, of=unique))) == ["Service", "StatefulSet"]
        assert _kinds(_plan(_group(unique, of=shared))) == ["StatefulSet"]

    def test_data_that_do_not_decode_are_a_problem(self) -> None:
        broken = replace(_revision(a_set()), data=msgspec.Raw(b'{"spec":{"leaderWorkerTemplate":7}}'))
        assert _reasons(_plan(_group(revisions=(broken,)))) == [c.REASON_REVISION_UNREADABLE]


class TestPlacement:
    def test_an_unbound_leader_is_waited_for_scenario_17(self) -> None:
        assert _plan(_group(a_set(metadata=EXCLUSIVE))) == []

    def test_the_nodes_label_joins_the_users_selector_and_wins(self) -> None:
        user = {TOPOLOGY: "mine", "disk": "ssd"}
        worker = {"spec": {"containers": [{"name": "c"}], "nodeSelector": user}}
        lws = a_set(metadata=EXCLUSIVE, template={"workerTemplate": worker})
        document = _worker_set(_plan(_group(lws, leader={"node": "node-1"}, node=NODE)))
        assert document["spec"]["template"]["spec"]["nodeSelector"] == {TOPOLOGY: "pool-a", "disk": "ssd"}

    def test_an_empty_annotation_is_none(self) -> None:
        lws = a_set(metadata={"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: ""}})
        document = _worker_set(_plan(_group(lws)))
        assert "nodeSelector" not in document["spec"]["template"]["spec"]

    @pytest.mark.parametrize(
        ("node", "reason", "said"),
        [
            pytest.param(None, c.REASON_NODE_MISSING, "node node-1", id="missing"),
            pytest.param(BARE, c.REASON_NODE_UNLABELLED, TOPOLOGY, id="unlabelled"),
        ],
    )
    def test_a_node_that_does_not_tell_is_a_problem_and_is_looked_at_again(
        self, node: Node | None, reason: str, said: str
    ) -> None:
        lws = a_set(metadata=EXCLUSIVE, subdomain=c.SUBDOMAIN_UNIQUE)
        actions = _plan(_group(lws, leader={"node": "node-1"}, node=node))
        assert _kinds(actions) == ["Service"], "what does not depend on it is made"
        [problem] = [x for x in actions if isinstance(x, Problem)]
        [event] = [x for x in actions if isinstance(x, Record)]
        assert (problem.reason, said in problem.message, said in event.note) == (reason, True, True)
        assert Requeue(NODE_RETRY) in actions

    def test_once_there_are_workers_the_node_does_not_matter(self) -> None:
        group = _group(a_set(metadata=EXCLUSIVE), leader={"node": "node-1"})
        assert group.leader is not None
        assert _kinds(_plan(replace(group, worker_sets=(a_worker_set(group.leader),)))) == []


def test_workers_learn_that_their_leader_requests_tpus() -> None:
    group = _group()
    assert group.leader is not None
    tpu = Container(ContainerResources(limits=TpuQuantity("4")))
    leader = replace(group.leader, spec=replace(group.leader.spec, containers=(tpu,)))
    for pod, expected in ((leader, "true"), (group.leader, None)):
        pods = _worker_set(_plan(replace(group, leader=pod)))["spec"]["template"]
        assert pods["metadata"]["annotations"].get(c.LEADER_REQUESTS_TPUS_ANNOTATION) == expected


def test_the_controllers_labels_win_on_the_worker_set() -> None:
    labels = {c.GROUP_INDEX_LABEL: "user-value", "team": "a"}
    document = _worker_set(_plan(_group(a_set(metadata={"labels": labels}))))
    assert document["metadata"]["labels"][c.GROUP_INDEX_LABEL] == "0"
    assert document["metadata"]["labels"]["team"] == "a"


@st.composite
def _groups(draw: st.DrawFn) -> ObservedGroup:
    lws = a_set(
        size=draw(st.integers(1, 3)),
        subdomain=draw(st.sampled_from([c.SUBDOMAIN_SHARED, c.SUBDOMAIN_UNIQUE])),
        startup=draw(st.sampled_from([c.STARTUP_LEADER_CREATED, c.STARTUP_LEADER_READY])),
        restart=draw(st.sampled_from([c.RESTART_NONE, c.RESTART_RECREATE_GROUP])),
        metadata=draw(st.sampled_from([None, EXCLUSIVE])),
    )
    leader = {
        "ready": draw(st.booleans()),
        "deleting": draw(st.booleans()),
        "node": draw(st.sampled_from(["", "node-1"])),
        "restarts": draw(st.integers(0, 1)),
        "annotations": draw(st.sampled_from([{}, GANG])),
    }
    group = _group(
        lws,
        of=a_set(size=draw(st.integers(1, 3))),
        leader=leader,
        node=NODE,
        pod_groups_known=draw(st.booleans()),
    )
    assert group.leader is not None
    sets = [(), (a_worker_set(group.leader),), (a_worker_set(a_leader(0, uid="former")),)]
    return replace(group, worker_sets=draw(st.sampled_from(sets)))


@settings(max_examples=200, deadline=None)
@given(_groups())
def test_planning_twice_gives_the_same_and_a_leader_on_its_way_out_gets_nothing(group: ObservedGroup) -> None:
    actions = _plan(group)
    assert msgspec.json.encode(_plan(group), order="deterministic") == msgspec.json.encode(
        actions, order="deterministic"
    )
    creates = [x for x in actions if isinstance(x, Create)]
    assert group.leader is not None
    assert not (creates and group.leader.deleting)
    assert not (creates and any(isinstance(x, Delete) for x in actions))
    for create in creates:
        [owner] = create.document["metadata"]["ownerReferences"]
        assert owner["uid"] == group.leader.uid
        assert create.kind != "StatefulSet" or not group.worker_sets
