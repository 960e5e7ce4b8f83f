"""Why a set is not ready or not up to date: findings about the set, its groups and their pods.

Pure: from what was seen and the events about it. The most telling finding of a group comes first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.timestamps import epoch, instant
from lws.api.workloads import Node
from lws.cli.drawing import count, numbers
from lws.cli.kinds import Event, Pod
from lws.cli.observing import Group, Seen, groups_of
from lws.cli.pause import is_paused
from lws.cli.placing import advice_on_claims, advice_on_nodes, advice_on_volumes
from lws.cli.podcauses import Cause, pod_cause
from lws.cli.status import AnySet, standing_condition
from lws.planning.recreation.backoff import in_a_row, recorded_of, speaks_of, stored_entry

Events = Mapping[str, Sequence[Event]]
"""Warnings by the UID of the object they are about, the newest last."""


_ADVICE: Final = {
    c.REASON_LEADER_REFUSED: "take the edit back, or delete the set and make it anew",
    c.REASON_PODS_REFUSED: "mend what refuses the pod: a quota, a LimitRange, a policy, a webhook",
    c.REASON_DELETION_REFUSED: "see which policy or right keeps it from going",
    c.REASON_NAME_TAKEN: "delete what has the name, or make the set anew under another one",
    c.REASON_NODE_MISSING: "recreate the group, so that it gets a node that is there: {restart}",
    c.REASON_NODE_UNLABELLED: "label the node, or recreate the group, so that it gets another one: {restart}",
    c.REASON_REVISION_MISSING: "recreate the group, so that it is of the present revision: {restart}",
    c.REASON_REVISION_UNREADABLE: "recreate the group, so that it is of the present revision: {restart}",
    c.REASON_POD_GROUPS_UNKNOWN: "see whether the scheduler's resources are installed",
    c.REASON_NO_START_ORDINALS: "upgrade the cluster",
    c.REASON_INVALID_SPEC: "edit the spec",
    c.REASON_RECONCILE_FAILING: "mend what the message names, often a webhook; the controller's log has more",
}
"""By the reason of ``Stalled``: what helps, where the message does not say it. ``{restart}``: the command."""


_OF_THE_RECORD: Final = frozenset({c.FAILED, "BackOff"})
"""Findings that say themselves how often it was recreated."""

_TOLD_BELOW: Final = frozenset({c.REASON_DEADLINE_EXCEEDED, d.REASON_CHILD_STALLED})
"""Reasons of ``Stalled`` whose message goes on with what is found of the group, or of the role, itself."""


def set_causes(seen: Seen, events: Events) -> list[Cause]:
    """What holds the set as a whole."""
    lws, leader = seen.lws, seen.leader
    event = _failed(events, lws.uid) if leader is not None else None
    found, stalled = own_causes(lws, event), standing_condition(lws, c.STALLED)
    if leader is None and stalled is None:
        found.append(_no_leader_set(seen, events))
    elif (
        leader is not None
        and (stalled is None or stalled.reason != c.REASON_PODS_REFUSED)  # which says the same
        and len(seen.observed.leaders) < leader.spec.replicas
        and (event := _failed(events, leader.uid))
    ):
        found.append(Cause(event.reason, _once(event.message), advice=_advice(event.message)))
    return found


def own_causes(one: AnySet, event: Event | None = None) -> list[Cause]:
    """What a set of either kind says of itself. ``event``: that its controller failed at something."""
    found = []
    if one.deleting:  # a new generation, of which no controller tells that it has seen it
        held = ", ".join(one.metadata.finalizers)
        found.append(Cause("Deleting", f"the set is being deleted{held and f'; it is held by {held}'}"))
    elif one.status.observed_generation != one.metadata.generation:
        found.append(_behind(one, event))
    stalled = standing_condition(one, c.STALLED)
    if stalled is not None:
        helps = _ADVICE.get(stalled.reason, "").format(restart=f"'kubectl lws restart {one.name} GROUP'")
        advice = _advice(stalled.message) or helps
        message = _once(stalled.message)
        if stalled.reason in _TOLD_BELOW:
            message = message.partition(": ")[0]
        found.append(Cause(c.STALLED, message, advice=advice))
    return found


def _behind(one: AnySet, event: Event | None) -> Cause:
    """The controller does not run, or what it tries does not succeed."""
    message = (
        f"the controller has not acted on the present spec (generation {one.metadata.generation},"
        f" it has seen {one.status.observed_generation})"
    )
    if event is not None:
        return Cause(event.reason, f"{message}; {_once(event.message)}", advice=_advice(event.message))
    return Cause("ControllerBehind", message, advice="see whether lws-controller-manager runs")


def _no_leader_set(seen: Seen, events: Events) -> Cause:
    event = _failed(events, seen.lws.uid)
    if event is not None:
        return Cause(event.reason, _once(event.message), advice=_advice(event.message))
    advice = "see whether lws-controller-manager runs"
    return Cause("NoStatefulSet", "the leader StatefulSet has not been created", advice=advice)


def _failed(events: Events, uid: str) -> Event | None:
    """The newest event that says that something could not be made."""
    return next((x for x in reversed(events.get(uid, ())) if x.reason.startswith("Failed")), None)


def _advice(message: str) -> str:
    if "failed calling webhook" in message:
        return "the webhook does not answer: see whether lws-controller-manager runs and its Service finds it"
    if "exceeded quota" in message:
        return "raise the ResourceQuota of the namespace, or scale down"
    if "must be no more than 63" in message:  # a label that StatefulSets make of their names
        return "the name is too long for its groups: scale down, or make the set anew under a shorter one"
    return ""


def _once(message: str) -> str:
    """One line."""
    return " ".join(message.split())


def group_causes(
    seen: Seen, events: Events, *, now: float, nodes: Sequence[Node] | None = None
) -> list[Cause]:
    """What keeps groups from being ready, or will not leave them so: the first finding of each.

    ``now``: seconds since 1970. ``nodes``: all of the cluster, where they are known.
    """
    found = []
    for group in groups_of(seen, seen.revision.key):
        if group.index < seen.expected and (cause := _group_cause(seen, group, events, now=now)) is not None:
            cause.group = group.index
            if not group.state.ready:
                cause.message += _recreated(seen, cause, events)
            pod = next((x for x in group.pods if x.name == cause.pod), None)
            if pod is not None and not cause.advice:
                cause.advice = (
                    advice_on_nodes(pod, nodes)
                    or advice_on_claims(pod)
                    or advice_on_volumes(pod, cause.message)
                    or (f"if it hangs, {_restart(seen, group)}" if cause.reason == "NotReady" else "")
                )
            found.append(cause)
    return found


def _recreated(seen: Seen, cause: Cause, events: Events) -> str:
    """That it has failed before, for one that may just seem to be on its way; and the newest pod that did."""
    row = in_a_row(recorded_of(seen.lws, str(cause.group)))
    if not row or cause.reason in _OF_THE_RECORD:
        return ""
    mark = f", recreating group {cause.group} in "
    failed = (
        x.message.partition(mark)[0] for x in reversed(events.get(seen.lws.uid, ())) if mark in x.message
    )
    why = next((f", as {x[:1].lower()}{x[1:]}" for x in failed), "")
    return f"; recreated {'once' if row == 1 else f'{row} times in a row'}{why}"


def _group_cause(seen: Seen, group: Group, events: Events, *, now: float) -> Cause | None:
    leader = group.leader
    if leader is None:
        left = [x.name for x in group.pods]
        gone = "is gone" if len(left) == 1 else "are gone"
        message = f"waits until {', '.join(left)} {gone}" if left else "has no leader pod yet"
        return Cause("NoLeader", message)
    if (kept := _kept_down(seen, group, now=now)) is not None:
        return kept
    if group.state.ready:
        return _young(seen, group, leader, now=now)
    # A leader that only its workers keep from traffic has nothing to say that they do not say.
    for pod in sorted(group.pods, key=lambda pod: pod.gated and not pod.gate_open and pod.serves):
        if (cause := pod_cause(pod, now=now)) is not None:
            if pod.uid == leader.uid:
                cause.message += _held_up(seen, group, leader)
            return cause
    return _workers_cause(seen, group, events)


def _held_up(seen: Seen, group: Group, leader: Pod) -> str:
    """What a leader that is not ready keeps from being made."""
    if group.workers is not None or group.alone:
        return ""
    if seen.lws.startup_policy == c.STARTUP_LEADER_READY:
        return "; its workers are created once it is ready"
    if leader.annotations.get(c.EXCLUSIVE_TOPOLOGY_ANNOTATION) and not leader.spec.node_name:
        return "; its workers are created once it has a node, beside which they are placed"
    return ""


def _kept_down(seen: Seen, group: Group, *, now: float) -> Cause | None:
    """The controller has found it dead, and leaves it as it is, for a while or for good."""
    assert group.leader is not None
    entry = stored_entry(seen.lws, group.leader)
    if entry is None or not speaks_of(entry, group.leader):
        return None
    failing = next((x for x in (pod_cause(pod, now=now) for pod in group.pods) if x is not None), None)
    told = f"; {failing.message}" if failing is not None else ""
    pod = failing.pod if failing is not None else group.leader.name
    if entry.failed:
        message = f"left failed after {count(entry.restarts, 'recreation')} in a row{told}"
        advice = f"mend it, then {_restart(seen, group)}"
        return Cause(c.FAILED, message, pod=pod, advice=advice)
    if entry.backoff_until and epoch(entry.backoff_until) > now:
        left = epoch(entry.backoff_until) - now
        so_far = f"{count(entry.restarts, 'recreation')} so far"
        message = f"is recreated at {entry.backoff_until}, in {left:.0f}s: {so_far}{told}"
        return Cause("BackOff", message, pod=pod)
    return None


def _restart(seen: Seen, group: Group) -> str:
    return f"run 'kubectl lws restart {seen.lws.name} {group.index}'"


def _young(seen: Seen, group: Group, leader: Pod, *, now: float) -> Cause | None:
    """It is ready, and nothing counts on that yet."""
    entry = stored_entry(seen.lws, leader)
    if not seen.lws.min_ready_seconds or entry is None or not speaks_of(entry, leader):
        return None
    since = instant(entry.ready_since)
    left = 0.0 if since is None else since + seen.lws.min_ready_seconds - now
    if left <= 0:
        return None
    seconds = seen.lws.min_ready_seconds
    return Cause("MinReadySeconds", f"is ready, and counts in {left:.0f}s: minReadySeconds is {seconds}")


def _workers_cause(seen: Seen, group: Group, events: Events) -> Cause:
    """No pod says anything: workers are missing, or all are about to be ready."""
    leader, workers = group.leader, group.workers
    assert leader is not None
    if workers is None and not group.alone:
        return _no_workers(seen, leader, events)
    if workers is not None and len(group.pods) - 1 < workers.spec.replicas:
        if (event := _failed(events, workers.uid)) is not None:
            return Cause(event.reason, _once(event.message), advice=_advice(event.message))
        message = f"{len(group.pods) - 1} of {count(workers.spec.replicas, 'worker')} exist"
        return Cause("CreatingWorkers", message)
    return Cause("Starting", "is about to be ready")


def _no_workers(seen: Seen, leader: Pod, events: Events) -> Cause:
    event = _about_leader(events.get(seen.lws.uid, ()), leader.name)
    if event is not None:
        return Cause(event.reason, _once(event.message), pod=leader.name, advice=_advice(event.message))
    return Cause("NoWorkers", "its worker StatefulSet has not been created", pod=leader.name)


def _about_leader(events: Sequence[Event], name: str) -> Event | None:
    failed = (x for x in reversed(events) if x.reason.startswith("Failed"))
    return next((x for x in failed if f"leader pod {name}" in x.message), None)


def update_causes(seen: Seen) -> list[Cause]:
    """Why outdated groups are not replaced now."""
    lws, key = seen.lws, seen.revision.key
    groups = groups_of(seen, key)
    outdated = [x for x in groups if x.outdated(key) and x.index < lws.replicas]
    held = [x.index for x in outdated if x.index < lws.partition]
    found = []
    if held and is_paused(lws):
        advice = f"run 'kubectl lws resume {lws.name}' to go on"
        found.append(Cause("Paused", f"{_named(held)} not updated: the set is paused", advice=advice))
    elif held:
        message = f"{_named(held)} not updated, by design: partition is {lws.partition}"
        found.append(Cause("Partition", message, advice="lower the partition to update them"))
    if due := [x.index for x in outdated if x.index >= lws.partition]:
        down = [x.index for x in groups if not x.state.ready]
        message = f"{_named(due)} still to be updated"
        found.append(Cause("Updating", f"{message}, waiting until {_named(down)} ready" if down else message))
    return found


def _named(indexes: Sequence[int]) -> str:
    one = len(indexes) == 1
    return f"group {indexes[0]} is" if one else f"groups {numbers(indexes)} are"
