"""Pods that a StatefulSet is to have and that nobody makes: what keeps them away (docs/decisions/114).

Pods are made by the StatefulSet controller, whose troubles are in no object's status. What is refused to it
it tells in events; that a pod's name is taken it tells nobody. How either is found out is the shell's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import CreationFailure, Pod, StatefulSet
from lws.objects import controlled_by, controller_of, resource_version
from lws.planning.actions import Action, Problem, Requeue
from lws.planning.events import pod_reference, warning
from lws.planning.ownership import name_taken

NAMED: Final = 100
"""Missing pods that are looked for; a set may ask for a million."""

REFUSED_GRACE: Final = 5.0
"""Seconds that a pod is missing before what was said of one of its name, perhaps a while ago, counts."""

_FAILED: Final = re.compile(r"Pod (\S+) in StatefulSet \S+ failed error: (.*)", re.DOTALL)
"""As the StatefulSet controller puts it, of a pod or of a claim that it needs, be several told in one."""

_SIGNS: Final = frozenset({c.NAME_LABEL, c.WORKER_INDEX_LABEL, c.GROUP_INDEX_LABEL, c.GROUP_KEY_LABEL})
"""Labels of pods of groups; whoever takes all of them from one makes a stranger of it."""


class Lack(Struct, frozen=True, gc=False):
    """Pods that ``owner`` is to have and has not.

    ``missing``: their names, in the order of their ordinals. ``refusals``: by such names, what the API server
    said when they were to be created. ``found``: what bears the first name and is not the owner's. ``again``:
    seconds until another look.
    """

    owner: StatefulSet
    missing: tuple[str, ...]
    refusals: Mapping[str, str] = {}
    found: Pod | None = None
    again: float = 0.0


def missing_pods(owner: StatefulSet, pods: Iterable[Pod]) -> tuple[str, ...]:
    """Names of the first pods of ``owner`` that are not among ``pods``, those on their way out included."""
    there = {x.name for x in pods if controlled_by(x, owner.uid)}
    first = owner.spec.ordinals.start
    names = (f"{owner.name}-{x}" for x in range(first, first + owner.spec.replicas))
    return tuple(islice((x for x in names if x not in there), NAMED))


def looks_whole(leaders: StatefulSet, groups: Iterable[int]) -> bool:
    """Whether the leader StatefulSet says that it has its pods, and no group, by its index, is too many.

    It counts that one, too, and lets it go only once it could make what it lacks.
    """
    wanted = leaders.spec.replicas
    return leaders.status.replicas >= wanted and all(x < wanted for x in groups)


def refusals_in(failures: Iterable[CreationFailure]) -> dict[str, str]:
    """By names of pods, what was said of each last."""
    matches = (_FAILED.search(x.message) for x in sorted(failures, key=resource_version))
    return {found[1]: " ".join(found[2].split()) for found in matches if found is not None}


def plan_lack(lws: LeaderWorkerSet, lack: Lack | None, leader: Pod | None = None) -> tuple[Action, ...]:
    """Tell what keeps the pods away, as far as it is known. ``leader``: of the group that lacks them."""
    if lack is None:
        return ()
    problem = _problem(lack, _identity(lws, leader))
    if problem is None:
        return (Requeue(lack.again),)
    note = f"Failed to create pods of statefulset {lack.owner.name}: {problem.message}"
    related = pod_reference(leader) if leader is not None else None
    told = warning(lws, c.REASON_FAILED_CREATE, "Create", note, related=related)
    return (problem, told, Requeue(lack.again))


def _identity(lws: LeaderWorkerSet, leader: Pod | None) -> dict[str, str]:
    """The labels by which the StatefulSet selects its pods. Workers share those of their leader."""
    if leader is None:
        return {c.NAME_LABEL: lws.name, c.WORKER_INDEX_LABEL: "0"}
    return {x: leader.labels.get(x, "") for x in (c.NAME_LABEL, c.GROUP_INDEX_LABEL, c.GROUP_KEY_LABEL)}


def _problem(lack: Lack, identity: Mapping[str, str]) -> Problem | None:
    if lack.found is not None:
        owner = {"kind": "StatefulSet", "name": lack.owner.name, "uid": lack.owner.uid}
        taken = name_taken(lack.found, {"kind": "Pod", "metadata": {"ownerReferences": [owner]}})
        return replace(taken, message=taken.message + _let_go(lack.found, identity))
    refused = next((x for x in lack.missing if x in lack.refusals), None)
    if refused is None:
        return None
    message = f"The API server refuses Pod {refused}: {lack.refusals[refused]}"
    return Problem(c.REASON_PODS_REFUSED, message, grace=REFUSED_GRACE)


def _let_go(pod: Pod, identity: Mapping[str, str]) -> str:
    """What a pod without an owner has lost by which its StatefulSet knew it; empty of a stranger.

    The StatefulSet controller takes its reference off a pod that it does not select any more, and makes no
    other of this name (docs/decisions/251).
    """
    lost = [f"{key}={value}" for key, value in identity.items() if pod.labels.get(key) != value]
    if controller_of(pod) is not None or not lost or not _SIGNS & pod.labels.keys():
        return ""
    return f" and has lost the label {', '.join(lost)}, so it was let go. Put it back, or delete the pod"
