"""The model of a cluster in which images change: pods have containers, kubelets start them anew, and the
StatefulSet controller tells pods by the label that it reads from a cache of its own, which is late.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import msgspec
from msgspec.structs import replace

from lws.api import constants as c
from lws.api.workloads import (
    Container,
    ContainerStatus,
    ControllerRevision,
    Pod,
    PodCondition,
    PodStatus,
    StatefulSet,
)
from support.cluster_model import Cluster, Move, is_leader_set, owner_uid
from support.rolling_cluster import RollingCluster, _made, _ordinals

BAD = "bad"
"""An image that no node can pull."""

READY = (PodCondition("ContainersReady", "True"), PodCondition("Ready", "True"))


class ChangingCluster(RollingCluster):
    """See the module's docstring. ``deleted_by_sets``: pods that StatefulSets replaced. ``kubelets_away``: no
    kubelet sees anything for now, and what runs goes on.
    """

    def __init__(self) -> None:
        super().__init__()
        self._starts = 0
        self._runs: dict[str, dict[str, str]] = {}  # by pod UID, the image of each container that was started
        self._labels: dict[str, str] = {}  # by pod UID, as the StatefulSet controller has seen it
        self._specs: dict[str, Pod] = {}  # by UID, the pod as its kubelet has seen its spec
        self._told = 0  # how many changes of pods its watch has told
        self.deleted_by_sets: list[str] = []
        self.kubelets_away = False

    def moves(self) -> list[Move]:
        self._moves_at = (-1, 0, 0)  # what the controller's cache shows changes without a version
        return super().moves()

    # The StatefulSet controller.

    def _stateful_sets(self) -> Iterator[Move]:
        yield from super()._stateful_sets()
        if self._told < len(self.history[Pod]):
            yield self.tell

    def tell(self) -> None:
        """Its watch brings the next change of a pod, in the order in which they were made."""
        pod = self.history[Pod][self._told].obj
        assert isinstance(pod, Pod)
        self._labels[pod.uid] = pod.controller_revision
        self._told += 1

    def _synced(self, owner: StatefulSet) -> StatefulSet:
        """With the pods that are of that template, counted in the same write."""
        synced = super()._synced(owner)
        pods = [x for x in self.all(Pod) if owner_uid(x) == owner.uid and not x.deleting]
        updated = sum(self._seen(x) == synced.status.update_revision for x in pods)
        return replace(synced, status=replace(synced.status, updated_replicas=updated))

    def _seen(self, pod: Pod) -> str:
        return self._labels.get(pod.uid, "")

    def _scale(self, owner: StatefulSet, pods: dict[int, Pod]) -> Iterator[Move]:
        wanted = _ordinals(owner)
        here = {x.name for x in self.all(Pod)}
        for ordinal in wanted:
            if f"{owner.name}-{ordinal}" not in here:
                yield partial(self._make, owner, ordinal)
        yield from (partial(self.delete, x) for i, x in pods.items() if i not in wanted and not x.deleting)

    def _make(self, owner: StatefulSet, ordinal: int) -> None:
        pod = _made(owner, ordinal)
        key = pod.labels[c.REVISION_LABEL]
        labels = pod.labels | {c.CONTROLLER_REVISION_LABEL: key}
        containers = tuple(Container(name=x, image=y) for x, y in self._images(owner, key).items())
        spec = replace(pod.spec, containers=containers)
        annotations = {c.SIZE_ANNOTATION: str(self._size(key))}
        metadata = replace(pod.metadata, labels=labels, annotations=annotations)
        made = self.create(replace(pod, metadata=metadata, spec=spec))
        self._labels[made.uid] = key

    def _template(self, key: str) -> dict[str, object]:
        """What the newest revision of this key stores."""
        found = [x for x in self.all(ControllerRevision) if x.labels.get(c.REVISION_LABEL) == key]
        newest = max(found, key=lambda x: x.revision)
        template: dict[str, object] = msgspec.json.decode(newest.data)["spec"]["leaderWorkerTemplate"]
        return template

    def _size(self, key: str) -> int:
        size = self._template(key).get("size")
        return size if isinstance(size, int) else 1

    def _images(self, owner: StatefulSet, key: str) -> dict[str, str]:
        template = self._template(key)
        role = "leaderTemplate" if is_leader_set(owner) and "leaderTemplate" in template else "workerTemplate"
        pods = msgspec.convert(template[role], dict)
        return {x["name"]: x["image"] for x in pods["spec"]["containers"]}

    def _roll(self, owner: StatefulSet, pods: dict[int, Pod]) -> Iterator[Move]:
        """As its base, by what the cache shows of the labels; under OnDelete nothing."""
        if owner.spec.update_strategy.type == c.ON_DELETE:
            return
        for ordinal in sorted(_ordinals(owner), reverse=True):
            pod = pods.get(ordinal)
            if pod is None or pod.deleting or ordinal < owner.spec.update_strategy.rolling_update.partition:
                return
            if self._seen(pod) != owner.status.update_revision:
                yield partial(self._replace, pod)
            if not pod.ready or self._seen(pod) != owner.status.update_revision:
                return

    def _replace(self, pod: Pod) -> None:
        self.deleted_by_sets.append(pod.uid)
        self.delete(pod)

    def _report(self, owner: StatefulSet, pods: dict[int, Pod]) -> Iterator[Move]:
        update = owner.status.update_revision
        carrying = sum(self._seen(x) == update and not x.deleting for x in pods.values())
        ready = sum(x.ready and not x.deleting for x in pods.values())
        settled = owner.spec.update_strategy.type != c.ON_DELETE and (
            len(pods) == owner.spec.replicas == ready == carrying
        )
        status = replace(
            owner.status,
            replicas=len(pods),
            available_replicas=ready,
            updated_replicas=carrying,
            current_revision=update if settled else owner.status.current_revision,
        )
        if status != owner.status:
            yield partial(self.put, replace(owner, status=status))

    # The kubelets.

    def _kubelets(self) -> Iterator[Move]:
        for pod in () if self.kubelets_away else self.all(Pod):
            if pod.deleting:
                if pod.uid not in self._ended:
                    yield partial(self._end, pod)
                continue
            yield from self._sync(pod)

    def _sync(self, pod: Pod) -> Iterator[Move]:
        """Heard of, seen, killed and pulled, started, ready: each on its own. What it does by a spec that is
        not the last one any more it reports of the pod as it is by now.
        """
        known = self._specs.get(pod.uid)
        if known is None or known.metadata.generation < pod.metadata.generation:
            yield partial(self._specs.__setitem__, pod.uid, pod)
        if known is None:
            return
        running = self._runs.get(pod.uid, {})
        wanted = {x.name: x.image for x in known.spec.containers}
        if pod.status.observed_generation < known.metadata.generation:
            seen = replace(pod.status, observed_generation=known.metadata.generation)
            yield partial(self.put, replace(pod, status=seen))
            return
        changed = [name for name, image in wanted.items() if running.get(name) != image]
        if changed:
            yield partial(self._restart, pod, changed[0], wanted[changed[0]])
        elif not pod.has_ready_condition:
            yield partial(self.put, replace(pod, status=replace(pod.status, conditions=READY)))

    def _restart(self, pod: Pod, name: str, image: str) -> None:
        before = {x.name: x for x in pod.status.container_statuses}
        runs = self._runs.setdefault(pod.uid, {})
        was = before.get(name)
        if image == BAD:
            status = ContainerStatus(was.restart_count if was else 0, name)
        else:
            self._starts += 1
            count = was.restart_count + 1 if was is not None and runs.get(name) else 0
            status = ContainerStatus(count, name, image, container_id=f"cri://{self._starts}")
        runs[name] = image
        phase = "Running" if pod.status.phase == "Running" or image != BAD else "Pending"
        statuses = tuple((before | {name: status}).values())
        shown = PodStatus(phase, (), statuses, observed_generation=pod.status.observed_generation)
        self.put(replace(pod, status=shown))

    def waits(self, pod: Pod) -> bool:
        """A container of it can never start."""
        return BAD in self._runs.get(pod.uid, {}).values()

    def runs(self, pod: Pod) -> dict[str, str]:
        """The images that its containers were started from."""
        return self._runs.get(pod.uid, {})


def groups_down(cluster: Cluster) -> int:
    """Groups of which a pod is not ready, is going or is missing, or runs what it should not."""
    down = 0
    for leader in [x for x in cluster.all(Pod) if x.labels.get(c.WORKER_INDEX_LABEL) == "0"]:
        mine = [
            x
            for x in cluster.all(Pod)
            if x.labels.get(c.GROUP_INDEX_LABEL) == leader.labels[c.GROUP_INDEX_LABEL]
        ]
        down += not all(x.ready and not x.deleting for x in mine)
    return down
