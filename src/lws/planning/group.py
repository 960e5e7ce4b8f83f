"""The pass over one group, by its leader pod: restart, service, PodGroup, claims, workers (reconcilers.md,
7.2).

Workers are created once for each incarnation of the leader, and changes of their template reach them only by
replacing the leader. The documents themselves are made elsewhere; here is only what is due, in which order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, Pod, StatefulSet
from lws.objects import KubeObject, controlled_by, controller_of
from lws.planning.actions import Action, Create, Document, Problem, Record, Requeue
from lws.planning.admitted import leader_problems, worker_problems, worker_that_says_it_leads
from lws.planning.claims import plan_claims
from lws.planning.documents import owned_by_pod
from lws.planning.events import normal, pod_reference, warning
from lws.planning.gate import close_gate, plan_gate
from lws.planning.groups import Group, group_of
from lws.planning.inplace.steps import in_hand, plan_steps
from lws.planning.lacking import plan_lack
from lws.planning.observed import Certainty, ObservedGroup, is_leader, members, worker_set_named
from lws.planning.ownership import Standing, name_taken, standing
from lws.planning.placement import PlacementError, place_workers
from lws.planning.podgroups import GangProvider, create_pod_group
from lws.planning.problems import invalid
from lws.planning.reclaiming import may_be_ours, reclaim
from lws.planning.recreation.decision import Restart, plan_restart
from lws.planning.recreation.evidence import Mode, mode_of
from lws.planning.recreation.record import plan_excuses
from lws.planning.revisions import Template, labelled_revision, restore, template_of
from lws.planning.services import plan_group_service
from lws.planning.termination import plan_mark, plan_stop
from lws.planning.upkeep import plan_workers_upkeep
from lws.planning.workers import group_identity, worker_document

REVISION_RETRY = 1.0
"""Seconds until another look for a revision that is not there yet."""

UNKNOWN_RETRY = 30.0
"""Seconds until another look at a group whose revision is not there; nothing tells a group when it comes."""

POD_GROUP_RETRY = 10.0
"""Seconds until another look whether the cluster serves PodGroups."""

NODE_RETRY = 10.0
"""Seconds until another look at a node that is missing, or lacks a label: nodes are not watched."""

FOREIGN_RETRY = 20.0
"""Seconds until another look at what bears a name of the group's and is not the group's."""

PASSING_RETRY = 10.0
"""Seconds until another look at a StatefulSet that a former leader left, should nobody tell of its end."""

_ASK: Final = "does the cluster serve them, and may the controller list them?"

MISSING_GRACE = 15.0
"""Seconds for which what other caches or components bring may be missing without being a problem."""


def plan_group(group: ObservedGroup, *, now: float, provider: GangProvider | None = None) -> list[Action]:
    """Everything due for the group, in order; of a set or a leader on its way out only how its pods stop.

    ``now``: seconds since 1970. ``provider``: of gang scheduling, where that is configured. Nothing either
    while it needs more certainty (``certainty_needed``).

    What keeps something from being made is among the actions, as a problem: no failure, since only users can
    mend it, and all else goes on.
    """
    lws, own, leader = group.lws, group_of(group), group.leader
    stop = plan_stop(lws, leader, group.pods, group.worker_sets) if leader is not None else ()
    if lws is None or own is None or lws.deleting:
        return list(stop)
    restart = Restart(False) if in_hand(own) else plan_restart(group, now=now)
    leader = own.leader
    if restart.recreating:
        return [*close_gate(leader, now=now), *stop, *restart.actions]
    if leader.deleting or not is_leader(leader):
        return list(stop) if is_leader(leader) else []
    if unfit := _unfit(lws, leader):
        return unfit
    actions: list[Action] = [*plan_group_service(lws, own, group.service), *worker_problems(group, leader)]
    if not own.known:  # what its policy and shape are, and so whether it has died, cannot be told yet
        actions.append(Requeue(UNKNOWN_RETRY))
    actions += _plan_pod_group(group, lws, leader, provider)
    actions += plan_claims(lws, leader, members(group)[1:], group.claims, known=group.claims_known)
    actions += _plan_workers(group, lws, own)
    actions += plan_mark(lws, leader)
    if own.mark is not None:
        return [*actions, *plan_steps(group, own, now=now).actions]
    return [*actions, *plan_gate(group, own, now=now), *plan_excuses(group)]


def certainty_needed(group: ObservedGroup, *, now: float) -> Certainty:
    """What has to be read from the API server before ``plan_group`` says all that is due."""
    own = group_of(group)
    if own is not None and in_hand(own):
        return plan_steps(group, own, now=now).needs
    return plan_restart(group, now=now).needs


def _plan_pod_group(
    group: ObservedGroup, lws: LeaderWorkerSet, leader: Pod, provider: GangProvider | None
) -> tuple[Action, ...]:
    """Create-if-absent; a leader that was admitted before gang scheduling was configured names no group.

    One of a former leader of this name is on its way out, as its owner is gone: its end leads back here.
    """
    if provider is None or not provider.name_of(leader):
        return ()
    if not group.pod_groups_known:
        message = f"Whether there is a {provider.kind} for leader pod {leader.name} is not known: {_ASK}"
        problem = Problem(c.REASON_POD_GROUPS_UNKNOWN, message, unmet=False, grace=MISSING_GRACE)
        return (problem, Requeue(POD_GROUP_RETRY))
    if group.pod_group is not None:
        return _pod_group_taken(lws, leader, group.pod_group, provider)
    template = _template_of(leader, lws, group.revisions)
    if isinstance(template, Problem):
        return (template, Requeue(REVISION_RETRY))
    try:
        return (create_pod_group(lws, leader, template, provider=provider),)
    except ValueError as error:
        return invalid(lws, str(error), unmet=False)


def _pod_group_taken(
    lws: LeaderWorkerSet, leader: Pod, found: KubeObject, provider: GangProvider
) -> tuple[Action, ...]:
    """Nothing to do for the leader's own; one that is somebody else's is looked at again."""
    needed = {"kind": provider.kind, "metadata": {"ownerReferences": [owned_by_pod(leader)]}}
    if standing(found, needed) is not Standing.FOREIGN:
        return ()
    problem = replace(name_taken(found, needed), unmet=False)
    note = f"Failed to create {provider.kind} for leader pod {leader.name}: {problem.message}"
    told = warning(lws, c.REASON_FAILED_CREATE, "Create", note, related=pod_reference(leader))
    return (problem, told, Requeue(FOREIGN_RETRY))


def _plan_workers(group: ObservedGroup, lws: LeaderWorkerSet, own: Group) -> tuple[Action, ...]:
    """Create the worker StatefulSet, unless it is there, not wanted, or has to wait."""
    leader = own.leader
    if own.alone:
        return ()
    existing = worker_set_named(leader, group.worker_sets)
    if existing is not None and controlled_by(existing, leader.uid):
        upkeep = plan_workers_upkeep(lws, own, existing, stale=group.stale_keys)
        return (*upkeep, *plan_lack(lws, group.lack, leader))
    if existing is not None:
        return _not_its_own(lws, leader, existing)
    too_early = lws.startup_policy == c.STARTUP_LEADER_READY and not leader.serves
    if too_early or any(left_behind(x, leader) for x in group.pods):
        return ()
    return _make_workers(group, lws, own)


def _make_workers(group: ObservedGroup, lws: LeaderWorkerSet, own: Group) -> tuple[Action, ...]:
    """Once it is known from what, and where."""
    leader = own.leader
    template = _template_of(leader, lws, group.revisions)
    if isinstance(template, Problem):
        return (template, Requeue(REVISION_RETRY))
    try:
        placement = place_workers(lws, leader, group.node, refused=group.node_refused)
    except PlacementError as error:
        told = _creation_failed(lws, leader, f": {error}")
        return (Problem(error.reason, str(error)), told, Requeue(NODE_RETRY))
    if placement.waiting:
        return ()
    # It would have been recreated, had it not been under another policy, or resized, when it restarted.
    uncounted = leader.restarts > 0 and mode_of(lws, own) == Mode.ALWAYS
    node_selector = placement.node_selector
    document = worker_document(lws, leader, template, node_selector=node_selector, uncounted=uncounted)
    return (_create(lws, leader, document),)


def left_behind(pod: Pod, leader: Pod) -> bool:
    """A worker of a former StatefulSet of this name, which goes as that has gone; its end leads back here.

    Until then its name is taken, and a StatefulSet that cannot make its pods tries ever more rarely.
    """
    owner = controller_of(pod)
    return owner is not None and owner.kind == "StatefulSet" and owner.name == leader.name


def _template_of(
    leader: Pod, lws: LeaderWorkerSet, revisions: Sequence[ControllerRevision]
) -> Template | Problem:
    """Of the set's revision that the leader's label names; of several, the one with the highest number."""
    key = leader.labels.get(c.REVISION_LABEL)
    revision = labelled_revision(lws, key or "", revisions)
    if revision is None:
        message = f"There is no ControllerRevision with the key {key!r} of leader pod {leader.name}"
        return Problem(c.REASON_REVISION_MISSING, message, grace=MISSING_GRACE)
    try:
        return restore(revision, template_of(lws))
    except ValueError as error:
        message = f"ControllerRevision {revision.name} of leader pod {leader.name} cannot be read: {error}"
        return Problem(c.REASON_REVISION_UNREADABLE, message)


def _create(lws: LeaderWorkerSet, leader: Pod, document: Document) -> Create:
    note = f"Created worker statefulset for leader pod {leader.name}"
    created = normal(lws, c.REASON_GROUPS_PROGRESSING, "Create", note, related=pod_reference(leader))
    return Create("StatefulSet", document, then=(created,), failed=_creation_failed(lws, leader, ""))


def _not_its_own(lws: LeaderWorkerSet, leader: Pod, existing: StatefulSet) -> tuple[Action, ...]:
    """One of a former incarnation is waited for: its end leads back here, unless no watch ever showed it (it
    was made for a leader that was gone already, and a new list brings neither its coming nor its going). One
    that is the group's, and has lost its owner, is given it back.

    One that is not a worker set of any leader of this name will not go away by itself, so users are told, and
    the name is looked at again: nobody else's end leads here.
    """
    owner = controller_of(existing)
    if owner is not None and (owner.kind, owner.name) == ("Pod", leader.name):
        return (Requeue(PASSING_RETRY),)
    reference = owned_by_pod(leader)
    problem = name_taken(existing, {"kind": "StatefulSet", "metadata": {"ownerReferences": [reference]}})
    told = _creation_failed(lws, leader, f": {problem.message}")
    taken = (problem, told, Requeue(FOREIGN_RETRY))
    same = existing.revision_of_pods == leader.labels.get(c.REVISION_LABEL)
    if same and may_be_ours(existing, group_identity(lws, leader), leader):
        return (reclaim(lws, "StatefulSet", existing, reference, taken),)
    return taken


def _creation_failed(lws: LeaderWorkerSet, leader: Pod, cause: str) -> Record:
    note = f"Failed to create worker statefulset for leader pod {leader.name}{cause}"
    return warning(lws, c.REASON_FAILED_CREATE, "Create", note, related=pod_reference(leader))


def _unfit(lws: LeaderWorkerSet, leader: Pod) -> list[Action]:
    """Why nothing may be built for this leader; empty when it may."""
    if leader.annotations.get(c.LEADER_NAME_ANNOTATION):
        return _nested(lws, leader)
    return [*leader_problems(lws, leader)]


def _nested(lws: LeaderWorkerSet, leader: Pod) -> list[Action]:
    """Without start ordinals worker 0 looks like a leader, and building workers for it would never end.
    Others do only once somebody has edited their label.
    """
    note = (
        f"Leader pod {leader.name} wrongly carries the annotation {c.LEADER_NAME_ANNOTATION}: no workers are"
        " created for it. The cluster must support StatefulSet start ordinals (Kubernetes 1.27 or newer)"
    )
    problem = worker_that_says_it_leads(lws, leader) or Problem(c.REASON_NO_START_ORDINALS, note)
    return [problem, warning(lws, c.REASON_FAILED_CREATE, "Create", note, related=pod_reference(leader))]
