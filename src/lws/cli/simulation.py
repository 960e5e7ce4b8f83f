"""What a roll will do, found by letting the planners run on a model of the set.

The controller's decisions are the planners' own. The StatefulSet controller and the nodes are modelled: what
is to be created is there at once, what is deleted is gone at once, and of the groups that start, all become
ready together before the next step. Groups that are down now and are not replaced stay down.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import (
    Pod,
    PodCondition,
    PodStatus,
    RollingUpdate,
    StatefulSet,
    StatefulSetSpec,
    StatefulSetStatus,
    UpdateStrategy,
)
from lws.objects import ObjectMeta, OwnerReference
from lws.planning.groups import Groups, groups_of
from lws.planning.observed import ObservedSet, group_index
from lws.planning.rollout import Rollout, past_groups_down, plan_replacements, rollout_parameters

_LEADER_SET: Final = "uid-leader-set"
_UPDATE: Final = "update"


class ModelGroup(NamedTuple):
    """A group: the key it was made from, and whether all its pods are ready."""

    key: str
    ready: bool


class Model(Struct):
    """A set in the model. ``key``: the revision wanted; ``applied``: that of the leader StatefulSet.

    ``current``: what a missing group below the partition is made from. ``annotation``: spec.replicas of the
    last apply, as the leader StatefulSet notes it.
    """

    lws: LeaderWorkerSet
    key: str
    applied: str
    current: str
    rollout: Rollout
    annotation: str
    groups: dict[int, ModelGroup]


class Step(Struct, rename="camel"):
    """One step: indexes of groups. ``ready``: how many groups serve while it lasts.

    ``replaced`` are torn down and made anew from the new template, ``created`` are new ones, surge groups
    among them, ``removed`` go for good. ``partition`` and ``replicas`` of the leader StatefulSet at its end.
    """

    number: int
    replaced: list[int]
    created: list[int]
    removed: list[int]
    partition: int
    replicas: int
    ready: int


def steps(model: Model) -> Iterator[Step]:
    """All steps to the end; ``model`` is as the roll leaves it afterwards."""
    number = 1
    while True:
        step = _settle(model, number)
        if not (step.replaced or step.created or step.removed):
            return
        yield step
        number += 1
        for index in (*step.replaced, *step.created):
            if index in model.groups:
                model.groups[index] = model.groups[index]._replace(ready=True)


def _settle(model: Model, number: int) -> Step:
    """Everything that happens until only starting groups are waited for."""
    before = dict(model.groups)
    replaced: set[int] = set()
    while True:
        state = (dict(model.groups), model.rollout, model.applied, model.annotation)
        _apply(model)
        _scale(model)
        for index in _torn_down(model):
            model.groups[index] = ModelGroup(model.key, ready=False)
            replaced.add(index)
        if state == (model.groups, model.rollout, model.applied, model.annotation):
            break
    if len(model.groups) == model.rollout.replicas and all(
        x.ready and x.key == model.key for x in model.groups.values()
    ):
        model.current = model.key
    return Step(
        number=number,
        replaced=sorted(replaced & before.keys(), reverse=True),
        created=sorted(model.groups.keys() - before.keys()),
        removed=sorted(before.keys() - model.groups.keys(), reverse=True),
        partition=model.rollout.partition,
        replicas=model.rollout.replicas,
        ready=sum(x.ready for x in model.groups.values()),
    )


def _apply(model: Model) -> None:
    """The controller's pass."""
    states = _groups(model).states(model.key, model.rollout.replicas)
    changed = model.applied != model.key
    rollout = rollout_parameters(model.lws, _leader(model), states, template_changed=changed)
    model.rollout = past_groups_down(model.lws, rollout, states)
    model.applied, model.annotation = model.key, str(model.lws.replicas)


def _scale(model: Model) -> None:
    """The StatefulSet controller makes what is missing, and removes what is too many."""
    for index in [x for x in model.groups if x >= model.rollout.replicas]:
        del model.groups[index]
    for index in range(model.rollout.replicas):
        if index not in model.groups:
            key = model.key if index >= model.rollout.partition else model.current
            model.groups[index] = ModelGroup(key, ready=False)


def _torn_down(model: Model) -> list[int]:
    """What the controller deletes; else the one that the StatefulSet controller deletes by itself."""
    planned = plan_replacements(model.lws, _groups(model), _leader(model), model.key)
    found = [int(x.key.name.rpartition("-")[2]) for x in planned]
    if found:
        return found
    for index in range(model.rollout.replicas - 1, model.rollout.partition - 1, -1):
        group = model.groups[index]
        if group.key != model.key:
            return [index]
        if not group.ready:
            return []
    return []


def _groups(model: Model) -> Groups:
    leaders = [_pod(model.lws, index, group) for index, group in model.groups.items()]
    sets = [
        _worker_set(model.lws, pod, group) for pod, group in zip(leaders, model.groups.values(), strict=True)
    ]
    return groups_of(ObservedSet(model.lws, leaders=tuple(leaders), worker_sets=tuple(sets)))


def _leader(model: Model) -> StatefulSet:
    """The leader StatefulSet, which its controller has seen."""
    metadata = ObjectMeta(
        name=model.lws.name,
        namespace=model.lws.namespace,
        uid=_LEADER_SET,
        labels={c.NAME_LABEL: model.lws.name, c.REVISION_LABEL: model.applied},
        annotations={c.REPLICAS_ANNOTATION: model.annotation},
    )
    strategy = UpdateStrategy(c.ROLLING_UPDATE, RollingUpdate(model.rollout.partition))
    status = StatefulSetStatus(current_revision=model.current, update_revision=_UPDATE)
    return StatefulSet(metadata, StatefulSetSpec(model.rollout.replicas, strategy), status)


def _pod(lws: LeaderWorkerSet, index: int, group: ModelGroup) -> Pod:
    metadata = _metadata(lws, index, group.key)
    owner = OwnerReference("apps/v1", "StatefulSet", lws.name, _LEADER_SET, controller=True)
    conditions = (PodCondition("Ready", "True" if group.ready else "False"),)
    return Pod(
        metadata=replace(metadata, uid=metadata.name, owner_references=(owner,)),
        status=PodStatus(phase="Running", conditions=conditions),
    )


def _worker_set(lws: LeaderWorkerSet, leader: Pod, group: ModelGroup) -> StatefulSet:
    owner = OwnerReference("v1", "Pod", leader.name, leader.uid, controller=True)
    metadata = _metadata(lws, group_index(leader) or 0, group.key)
    return StatefulSet(
        metadata=replace(metadata, uid=f"set-{leader.uid}", owner_references=(owner,)),
        spec=StatefulSetSpec(replicas=1),
        status=StatefulSetStatus(available_replicas=int(group.ready)),
    )


def _metadata(lws: LeaderWorkerSet, index: int, key: str) -> ObjectMeta:
    labels = {
        c.NAME_LABEL: lws.name,
        c.WORKER_INDEX_LABEL: "0",
        c.GROUP_INDEX_LABEL: str(index),
        c.REVISION_LABEL: key,
    }
    return ObjectMeta(name=f"{lws.name}-{index}", namespace=lws.namespace, labels=labels)
