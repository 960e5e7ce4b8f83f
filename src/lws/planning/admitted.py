"""Whether a group's pods went through our webhook, which gives them their place in the group.

One that did not, because the webhook was not registered when it was made, knows neither its leader nor its
number; and one whose labels were edited since passes for another one's. Neither heals by itself, so whoever
can mend it is told. What a pod should carry is the webhook's to say.
"""

from __future__ import annotations

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import Pod
from lws.planning.actions import Problem
from lws.planning.observed import ObservedGroup, members, number_in


def leader_problems(lws: LeaderWorkerSet, leader: Pod) -> tuple[Problem, ...]:
    """Of a leader by whose labels nothing may be built: its workers' selector would be another group's."""
    index = leader.name.removeprefix(f"{lws.name}-")
    if leader.labels.get(c.GROUP_INDEX_LABEL) != index:
        return (_problem(leader, c.GROUP_INDEX_LABEL, index),)
    if not leader.labels.get(c.GROUP_KEY_LABEL):
        return (_problem(leader, c.GROUP_KEY_LABEL, ""),)
    return ()


def worker_problems(group: ObservedGroup, leader: Pod) -> tuple[Problem, ...]:
    """Of the first worker that is not what its name says; it may be ready all the same."""
    for pod in members(group):
        index = pod.name.removeprefix(f"{leader.name}-")
        if pod.uid != leader.uid and not pod.deleting and pod.labels.get(c.WORKER_INDEX_LABEL) != index:
            return (_problem(pod, c.WORKER_INDEX_LABEL, index),)
    return ()


def worker_that_says_it_leads(lws: LeaderWorkerSet, pod: Pod) -> Problem | None:
    """Of a worker that was given the label of leaders; None of leaders, and where StatefulSets begin at 0."""
    leader = pod.annotations.get(c.LEADER_NAME_ANNOTATION, "")
    ordinal = pod.name.removeprefix(f"{leader}-")
    if leader == lws.name or not number_in(ordinal):
        return None
    return _problem(pod, c.WORKER_INDEX_LABEL, ordinal)


def _problem(pod: Pod, label: str, wanted: str) -> Problem:
    found = pod.labels.get(label)
    if found:
        fault = f"has the label {label}={found}, which somebody edited: it has to be {wanted}"
    else:
        fault = (
            f"lacks the label {label}: it lost it, or was made while the webhook for pods was not registered"
        )
    advice = "Delete the pod, so that it is made anew"
    return Problem(c.REASON_POD_NOT_ADMITTED, f"Pod {pod.name} {fault}. {advice}")
