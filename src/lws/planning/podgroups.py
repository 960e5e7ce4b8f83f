"""PodGroups for gang scheduling, one for each group (reconcilers.md, 7.6; operations.md, 6.3).

A scheduler is a ``GangProvider``. When a PodGroup is due is decided in ``group``; the annotation that names
it is put on pods at admission.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.resources import pod_requests, total
from lws.api.workloads import Pod
from lws.planning.actions import Document
from lws.planning.documents import owned_by_pod
from lws.planning.revisions import Template

VOLCANO_ANNOTATIONS: Final = "volcano.sh/"
VOLCANO_QUEUE_ANNOTATION: Final = "scheduling.volcano.sh/queue-name"


class GangProvider(Protocol):
    """A scheduler that starts all pods of a group or none."""

    @property
    def kind(self) -> str:
        """The kind of the object that stands for a group, for ``Create`` actions."""

    def document(self, lws: LeaderWorkerSet, leader: Pod, live: Template) -> Document:
        """That object for the group of this leader; its name is in the leader's annotation."""


class Volcano:
    """``scheduling.volcano.sh/v1beta1``."""

    kind = "PodGroup"

    def document(self, lws: LeaderWorkerSet, leader: Pod, live: Template) -> Document:
        """Numbers come from the live set, not from the leader's revision (reconcilers.md, 7.7)."""
        labels = (c.NAME_LABEL, c.GROUP_INDEX_LABEL, c.REVISION_LABEL)
        inherited = {k: v for k, v in lws.annotations.items() if k.startswith(VOLCANO_ANNOTATIONS)}
        return {
            "apiVersion": "scheduling.volcano.sh/v1beta1",
            "kind": self.kind,
            "metadata": {
                "name": leader.annotations[c.POD_GROUP_ANNOTATION],
                "namespace": lws.namespace,
                "labels": {x: leader.labels.get(x, "") for x in labels},
                "annotations": inherited,
                "ownerReferences": [owned_by_pod(leader)],
            },
            "spec": _volcano_spec(lws, live),
        }


VOLCANO: Final = Volcano()
PROVIDERS: Final[Mapping[str, GangProvider]] = {"volcano": VOLCANO}
"""By the name that configures them."""


def group_requests(template: Template) -> dict[str, str]:
    """Requests of a whole group: one leader and all its workers, canonically spelled."""
    leader = pod_requests(template.leader_template.get("spec") or {})
    worker = pod_requests(template.worker_template.get("spec") or {})
    count = template.size - 1
    workers = {name: quantity.times(count) for name, quantity in worker.items() if count}
    return {name: str(quantity) for name, quantity in total((leader, workers)).items()}


def _volcano_spec(lws: LeaderWorkerSet, live: Template) -> Document:
    """With LeaderReady the leader must be able to start alone, but is queued with the whole group's needs."""
    alone = lws.startup_policy == c.STARTUP_LEADER_READY
    spec: Document = {"minMember": 1 if alone else lws.size, "minResources": group_requests(live)}
    queue = lws.annotations.get(VOLCANO_QUEUE_ANNOTATION)
    return spec if queue is None else {**spec, "queue": queue}
