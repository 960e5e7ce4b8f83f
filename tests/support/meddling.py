"""What people and other programs do to a set's children and status by hand, on the model of a cluster.

None of it is a wish that lasts: whatever it was, the set ends as if it had not been.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeVar

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import GroupStatus, LeaderWorkerSet, LeaderWorkerSetStatus
from lws.api.workloads import Pod, Service, StatefulSet
from lws.objects import KubeObject
from support.cluster_model import Cluster, is_leader_set, restarted

T = TypeVar("T", bound=KubeObject)
MOST_GROUPS = 5
FORGED = GroupStatus(leader="nobody", revision="none", workers="0", restart_counts="x=1,0=9", restarts=-3)


def meddle(cluster: Cluster, random: Random) -> None:
    """One of all these things, where it can be done."""
    random.choice(DEEDS)(cluster, random)


def _pick(cluster: Cluster, random: Random, kind: type[T], fits: Callable[[T], bool]) -> T | None:
    found = [x for x in cluster.all(kind) if fits(x) and not x.deleting]
    return random.choice(found) if found else None


def _any(_: KubeObject) -> bool:
    return True


def delete_pod(cluster: Cluster, random: Random) -> None:
    if (pod := _pick(cluster, random, Pod, _any)) is not None:
        cluster.delete(pod, force=random.random() < 0.5)


def restart_container(cluster: Cluster, random: Random) -> None:
    if (pod := _pick(cluster, random, Pod, lambda x: x.status.phase == "Running")) is not None:
        cluster.put(restarted(pod))


def delete_stateful_set(cluster: Cluster, random: Random) -> None:
    if (one := _pick(cluster, random, StatefulSet, _any)) is not None:
        cluster.delete(one, foreground=random.random() < 0.5)


def delete_service(cluster: Cluster, random: Random) -> None:
    if (one := _pick(cluster, random, Service, _any)) is not None:
        cluster.delete(one)


def scale_stateful_set(cluster: Cluster, random: Random) -> None:
    if (one := _pick(cluster, random, StatefulSet, _any)) is not None:
        _edited(cluster, replace(one, spec=replace(one.spec, replicas=random.randint(0, MOST_GROUPS))))


def move_partition(cluster: Cluster, random: Random) -> None:
    if (one := _pick(cluster, random, StatefulSet, is_leader_set)) is not None:
        strategy = one.spec.update_strategy
        rolling = replace(strategy.rolling_update, partition=random.randint(0, MOST_GROUPS))
        spec = replace(one.spec, update_strategy=replace(strategy, rolling_update=rolling))
        _edited(cluster, replace(one, spec=spec))


def edit_replicas_annotation(cluster: Cluster, random: Random) -> None:
    if (one := _pick(cluster, random, StatefulSet, is_leader_set)) is not None:
        annotations = {x: y for x, y in one.annotations.items() if x != c.REPLICAS_ANNOTATION}
        if (text := random.choice(("", "9", "x", "-1"))) != "":
            annotations[c.REPLICAS_ANNOTATION] = text
        cluster.put(replace(one, metadata=replace(one.metadata, annotations=annotations)))


def edit_status(cluster: Cluster, random: Random) -> None:
    lws = cluster.all(LeaderWorkerSet)[0]
    groups, index = dict(lws.status.groups), str(random.randrange(MOST_GROUPS))
    groups[index] = FORGED
    dropped = {x: y for x, y in groups.items() if x != index}
    forged = (replace(lws.status, groups=x) for x in (groups, dropped, {}))
    cluster.put(replace(lws, status=random.choice((*forged, LeaderWorkerSetStatus()))))


def _edited(cluster: Cluster, one: StatefulSet) -> None:
    meta = replace(one.metadata, generation=one.metadata.generation + 1)
    cluster.put(replace(one, metadata=meta))


DEEDS = (
    delete_pod,
    restart_container,
    delete_stateful_set,
    delete_service,
    scale_stateful_set,
    move_partition,
    edit_replicas_annotation,
    edit_status,
)
