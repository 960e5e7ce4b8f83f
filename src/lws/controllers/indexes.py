"""Where the reconcilers find what belongs together, without listing anything.

``set``: by (namespace, set name), from the name label. ``group``: by (namespace, leader pod name).
``revision``: by set and revision key. ``marked``: by set, leaders and StatefulSets that an update in place
has left its annotation on. ``template``: by set and the StatefulSet controller's name for their template,
leaders that are not going. ``edited``: by DisaggregatedSet, what is not as it was made. All of it
is a view by names; the planners follow owner UIDs before they decide anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.workloads import Pod
from lws.objects import Key, KubeObject, controller_of
from lws.planning.disaggregated.names import lost_labels, lost_selector

BY_SET = "set"
BY_GROUP = "group"
BY_DISAGGREGATED_SET = "disaggregated set"
BY_REVISION = "revision"
BY_EDITED = "edited"
BY_MARKED = "marked"
BY_TEMPLATE = "template"

_WORKER_NAME = re.compile(r"(.*)-[0-9]+")


def set_of(obj: KubeObject) -> Iterable[Key]:
    """The set an object is labelled with."""
    name = obj.labels.get(c.NAME_LABEL)
    return (Key(obj.namespace, name),) if name else ()


def revision_of(obj: KubeObject) -> Iterable[tuple[Key, str]]:
    """The set and the revision key an object is labelled with."""
    key = obj.labels.get(c.REVISION_LABEL)
    return [(found, key) for found in set_of(obj)] if key else ()


def is_leader(pod: Pod) -> bool:
    return pod.labels.get(c.WORKER_INDEX_LABEL) == "0"


def leader_set_of(pod: Pod) -> Iterable[Key]:
    """The set of a leader pod; nothing for a worker."""
    return set_of(pod) if is_leader(pod) else ()


def template_of_leader(pod: Pod) -> Iterable[tuple[Key, str]]:
    """Of a leader that stays: its set, and which template its StatefulSet controller tells it by."""
    return () if pod.deleting else [(key, pod.controller_revision) for key in leader_set_of(pod)]


def marked_set_of(obj: KubeObject) -> Iterable[Key]:
    """The set of a StatefulSet, or a leader, that has been updated in place, or is."""
    if c.IN_PLACE_ANNOTATION not in obj.annotations or (isinstance(obj, Pod) and not is_leader(obj)):
        return ()
    return set_of(obj)


def group_of_pod(pod: Pod) -> Iterable[Key]:
    """The name of the leader pod of a pod's group: its own, or the one its name extends."""
    if is_leader(pod):
        return (pod.key,)
    match = _WORKER_NAME.fullmatch(pod.name)
    return (Key(pod.namespace, match[1]),) if match else ()


def group_of_owned(obj: KubeObject) -> Iterable[Key]:
    """The leader pod that owns a worker StatefulSet or a group's service; nothing for a set's own."""
    owner = controller_of(obj)
    return (Key(obj.namespace, owner.name),) if owner is not None and owner.kind == "Pod" else ()


def disaggregated_set_of(obj: KubeObject) -> Iterable[Key]:
    """The DisaggregatedSet that an object is labelled with, and that which controls it."""
    owner = controller_of(obj)
    names = {obj.labels.get(d.NAME_LABEL), owner.name if owner is not None and owner.kind == d.KIND else None}
    return tuple(Key(obj.namespace, name) for name in names if name)


def edited_of(obj: KubeObject) -> Iterable[Key]:
    """The DisaggregatedSet that controls an object with labels, or a selector, that somebody has edited."""
    owner = controller_of(obj)
    edited = owner is not None and (lost_labels(obj) or lost_selector(obj))
    return (Key(obj.namespace, owner.name),) if owner is not None and edited else ()


EDITABLE = {BY_DISAGGREGATED_SET: disaggregated_set_of, BY_EDITED: edited_of}
"""How what a DisaggregatedSet has made is found."""
