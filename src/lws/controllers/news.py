"""What of an object is news to a pass: everything else that moves on it leads to no key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lws.api import constants as c
from lws.api.resourceclaims import ResourceClaim
from lws.api.workloads import ControllerRevision, Pod, Service, StatefulSet
from lws.controllers.indexes import is_leader
from lws.objects import KubeObject
from lws.planning.inplace.marks import open_mark
from lws.planning.reasons import Standing
from lws.planning.reasons.pods import pod_reason

_MEMBERSHIP: Final = (c.GROUP_INDEX_LABEL, c.GROUP_KEY_LABEL, c.WORKER_INDEX_LABEL, c.REVISION_LABEL)
"""Labels that tell of which group a pod is, and what it was made from."""


def appeared(old: KubeObject | None, new: KubeObject) -> bool:
    return old is None


def differs(aspects: Callable[[Any], object]) -> Callable[[Any, Any], bool]:
    return lambda old, new: old is None or aspects(old) != aspects(new)


def owners_changed(old: KubeObject | None, new: KubeObject) -> bool:
    """By somebody's edit; who made it knows its first ones."""
    return old is not None and old.metadata.owner_references != new.metadata.owner_references


def revision_changed(old: ControllerRevision | None, new: ControllerRevision) -> bool:
    """By somebody's edit, or as its template is in use again; what it holds cannot change."""
    return old is not None and _revision_aspects(old) != _revision_aspects(new)


def _revision_aspects(one: ControllerRevision) -> object:
    return (one.metadata.owner_references, one.labels, one.revision)


def stateful_set_aspects(one: StatefulSet) -> object:
    """What a set's pass reads of the leader StatefulSet and of those of its groups."""
    return (
        one.deleting,
        one.metadata.generation,
        # Outdated leaders may be replaced once the StatefulSet controller has seen the new template.
        one.status.observed_generation >= one.metadata.generation,
        one.labels,
        one.annotations,
        one.metadata.owner_references,
        one.ready,
        one.status.replicas,
    )


def upkeep_aspects(one: StatefulSet) -> object:
    """What a group's pass puts right of its worker StatefulSet, if somebody has edited it."""
    spec, metadata = one.spec, one.metadata
    claims = spec.persistent_volume_claim_retention_policy
    about = (metadata.labels, metadata.annotations, metadata.owner_references)
    seen = (one.seen, one.status.updated_replicas) if open_mark(one) is not None else ()
    return (*about, spec.replicas, spec.ordinals, claims, *seen)


def service_aspects(one: Service) -> object:
    """What a pass reads of a service, and puts right."""
    return (one.deleting, one.labels, one.metadata.owner_references, one.spec)


def claim_aspects(one: ResourceClaim) -> object:
    """What a group's pass reads of its claims."""
    return (one.allocated, one.metadata.owner_references)


def member_aspects(pod: Pod) -> object:
    """What makes a pod a started member of its group."""
    return (pod.status.phase, pod.metadata.owner_references)


def pod_aspects(pod: Pod) -> object:
    """What a group's pass reads of a pod; of readiness and annotations only the leader's, of the node also
    whether one that uses a claim of its group has any."""
    led: tuple[object, ...] = ()
    if is_leader(pod):
        led = (pod.serves, pod.gated and pod.gate_open, pod.spec.node_name, _read(pod.annotations))
    placed = bool(pod.spec.node_name) if c.GROUP_CLAIMS_ANNOTATION in pod.annotations else None
    owners = pod.metadata.owner_references  # a worker may be adopted by a new StatefulSet
    member = tuple(pod.labels.get(x) for x in _MEMBERSHIP)
    return (pod.deleting, pod.status.phase, pod.restarts, pod.resizing, owners, member, placed, *led)


def _read(annotations: Mapping[str, str]) -> Mapping[str, str]:
    """Those of a leader that say what its group is like; networks and devices write others as they come."""
    ours = (c.PREFIX, c.POD_GROUP_ANNOTATION)
    return {key: value for key, value in annotations.items() if key.startswith(ours)}


def leader_aspects(pod: Pod) -> object:
    """What a set's pass reads of a leader pod."""
    return (pod.deleting, pod.ready, pod.labels, _read(pod.annotations))


def course_aspects(one: StatefulSet) -> object:
    """What the updates in place of a set wait for of its leader StatefulSet, beside what any set does."""
    partition = one.spec.update_strategy.rolling_update.partition
    return (one.labels.get(c.REVISION_LABEL), partition, one.seen, one.status.updated_replicas)


def changing_aspects(pod: Pod) -> object:
    """What an in-place update waits for of a pod."""
    return (pod.status, pod.labels, pod.annotations.get(c.IN_PLACE_ANNOTATION))


def worker_aspects(pod: Pod) -> object:
    """What a leader's gate depends on, of a worker; that it goes or ends is among ``pod_aspects``."""
    return pod.has_ready_condition and not is_leader(pod)


def reason_aspects(pod: Pod) -> object:
    """What a set tells of a pod of a group that is not ready."""
    return pod_reason(pod, at=0.0)


def changed_reason(old: Pod | None, new: Pod) -> bool:
    """A pod has come to need somebody, or does no more. What every pod meets on its way is no news."""
    before = _needs(old) if old is not None else None
    return before != _needs(new)


def _needs(pod: Pod) -> Standing | None:
    found = None if pod.ready else pod_reason(pod, at=0.0)
    return None if found is None or found.reason.on_its_way else found
