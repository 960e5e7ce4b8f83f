"""The model of a cluster whose StatefulSets can be edited, too: they scale, and roll one pod after another.

As Kubernetes does with podManagementPolicy Parallel and the feature gate MaxUnavailableStatefulSet off. The
template of a StatefulSet is its revision label here; a pod below the partition is made from the former one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.workloads import Pod, StatefulSet
from lws.objects import Key
from support.cluster_model import Cluster, Move, is_leader_set, new_pod, owner_uid


class RollingCluster(Cluster):
    """See the module's docstring."""

    def _stateful_sets(self) -> Iterator[Move]:
        for owner in self.all(StatefulSet):
            if owner.deleting:
                continue
            if owner.status.observed_generation < owner.metadata.generation:
                yield partial(self.put, self._synced(owner))
                continue
            pods = {_ordinal(x): x for x in self.all(Pod) if owner_uid(x) == owner.uid}
            yield from self._scale(owner, pods)
            yield from self._roll(owner, pods)
            yield from self._report(owner, pods)

    def _synced(self, owner: StatefulSet) -> StatefulSet:
        """Its newest template has been seen."""
        key = owner.labels[c.REVISION_LABEL]
        current = owner.status.current_revision or key
        seen = owner.metadata.generation
        status = replace(
            owner.status, observed_generation=seen, current_revision=current, update_revision=key
        )
        return replace(owner, status=status)

    def _scale(self, owner: StatefulSet, pods: dict[int, Pod]) -> Iterator[Move]:
        wanted = _ordinals(owner)
        for ordinal in wanted:
            if Key(owner.namespace, f"{owner.name}-{ordinal}") not in self.objects[Pod]:
                yield partial(self.create, _made(owner, ordinal))
        yield from (partial(self.delete, x) for i, x in pods.items() if i not in wanted and not x.deleting)

    def _roll(self, owner: StatefulSet, pods: dict[int, Pod]) -> Iterator[Move]:
        """Delete the highest outdated pod once all above it are as they should be."""
        for ordinal in sorted(_ordinals(owner), reverse=True):
            pod = pods.get(ordinal)
            if pod is None or pod.deleting or ordinal < owner.spec.update_strategy.rolling_update.partition:
                return
            if pod.labels[c.REVISION_LABEL] != owner.status.update_revision:
                yield partial(self.delete, pod)
            if not pod.ready or pod.labels[c.REVISION_LABEL] != owner.status.update_revision:
                return

    def _report(self, owner: StatefulSet, pods: dict[int, Pod]) -> Iterator[Move]:
        update = owner.status.update_revision
        ready = sum(x.ready and not x.deleting for x in pods.values())
        rolled = len(pods) == owner.spec.replicas == ready and all(
            x.labels[c.REVISION_LABEL] == update for x in pods.values()
        )
        current = update if rolled else owner.status.current_revision
        status = replace(owner.status, replicas=len(pods), available_replicas=ready, current_revision=current)
        if status != owner.status:
            yield partial(self.put, replace(owner, status=status))


def _ordinals(owner: StatefulSet) -> range:
    first = int(not is_leader_set(owner))
    return range(first, first + owner.spec.replicas)


def _made(owner: StatefulSet, ordinal: int) -> Pod:
    old = ordinal < owner.spec.update_strategy.rolling_update.partition
    key = owner.status.current_revision if old else owner.status.update_revision
    pod = new_pod(owner, ordinal)
    return replace(pod, metadata=replace(pod.metadata, labels=pod.labels | {c.REVISION_LABEL: key}))


def _ordinal(pod: Pod) -> int:
    return int(pod.name.rpartition("-")[2])
