"""PodGroups for gang scheduling, one for each group (reconcilers.md, 7.6; operations.md, 6.3).

A scheduler is a ``GangProvider``: what stands for a group, and what makes a pod a member of it. Another
scheduler is another entry in ``PROVIDERS``; admission, controllers and watches follow from it. When a
PodGroup is due is decided in ``group``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.resources import pod_requests, total
from lws.api.workloads import Pod
from lws.planning.actions import Create, Document
from lws.planning.documents import owned_by_pod
from lws.planning.events import pod_reference, warning
from lws.planning.revisions import Template

VOLCANO_ANNOTATIONS: Final = "volcano.sh/"
VOLCANO_QUEUE_ANNOTATION: Final = "scheduling.volcano.sh/queue-name"


class Membership(NamedTuple):
    """What a pod gets at admission; it wins over what the pod brings. ``spec``: members of the pod's spec."""

    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    spec: Mapping[str, Any] = {}


class GangProvider(Protocol):
    """A scheduler that starts all pods of a group or none.

    ``group``, ``version``, ``plural`` and ``kind`` are those of the resource that stands for a group.
    """

    @property
    def group(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def plural(self) -> str: ...
    @property
    def kind(self) -> str: ...

    def membership(self, labels: Mapping[str, str]) -> Membership:
        """For a pod of a set, leader or worker, that has these labels."""

    def name_of(self, leader: Pod) -> str:
        """The name of the object for this leader's group; empty for one that was admitted without."""

    def document(self, lws: LeaderWorkerSet, leader: Pod, template: Template) -> Document:
        """That object, owned by the leader; ``template`` is that of the leader's revision."""


class Volcano:
    """``scheduling.volcano.sh/v1beta1``."""

    group = "scheduling.volcano.sh"
    version = "v1beta1"
    plural = "podgroups"
    kind = "PodGroup"

    def membership(self, labels: Mapping[str, str]) -> Membership:
        """The name says set, group and revision; a missing label reads as empty."""
        parts = (labels.get(x, "") for x in (c.NAME_LABEL, c.GROUP_INDEX_LABEL, c.REVISION_LABEL))
        return Membership(annotations={c.POD_GROUP_ANNOTATION: "-".join(parts)})

    def name_of(self, leader: Pod) -> str:
        return leader.annotations.get(c.POD_GROUP_ANNOTATION, "")

    def document(self, lws: LeaderWorkerSet, leader: Pod, template: Template) -> Document:
        """Size and requests are those of the leader's revision (docs/decisions/014)."""
        labels = (c.NAME_LABEL, c.GROUP_INDEX_LABEL, c.REVISION_LABEL)
        inherited = {k: v for k, v in lws.annotations.items() if k.startswith(VOLCANO_ANNOTATIONS)}
        return {
            "apiVersion": f"{self.group}/{self.version}",
            "kind": self.kind,
            "metadata": {
                "name": self.name_of(leader),
                "namespace": lws.namespace,
                "labels": {x: leader.labels.get(x, "") for x in labels},
                "annotations": inherited,
                "ownerReferences": [owned_by_pod(leader)],
            },
            "spec": _volcano_spec(lws, template),
        }


VOLCANO: Final = Volcano()
PROVIDERS: Final[Mapping[str, GangProvider]] = {"volcano": VOLCANO}
"""By the name that configures them."""


def provider_named(name: str) -> GangProvider:
    """Raises ValueError, with what there is, for a name that no provider has."""
    provider = PROVIDERS.get(name)
    if provider is None:
        raise ValueError(
            f"gang scheduling provider {name!r} is not supported; allowed: {', '.join(PROVIDERS)}"
        )
    return provider


def create_pod_group(
    lws: LeaderWorkerSet, leader: Pod, template: Template, *, provider: GangProvider
) -> Create:
    """Not essential: sets that use another scheduler must get their workers where this one is missing.

    Raises ValueError as ``group_requests`` does.
    """
    document = provider.document(lws, leader, template)
    note = f"Failed to create {provider.kind} {document['metadata']['name']} for leader pod {leader.name}"
    failed = warning(lws, c.REASON_FAILED_CREATE, "Create", note, related=pod_reference(leader))
    return Create(provider.kind, document, failed=failed, essential=False)


def group_requests(template: Template) -> dict[str, str]:
    """Requests of a whole group: one leader and all its workers, canonically spelled.

    Raises ValueError for those that cannot be added up.
    """
    try:
        leader = pod_requests(template.leader_template.get("spec") or {})
        worker = pod_requests(template.worker_template.get("spec") or {})
        count = template.size - 1
        workers = {name: quantity.times(count) for name, quantity in worker.items() if count}
        return {name: str(quantity) for name, quantity in total((leader, workers)).items()}
    except ValueError as error:
        raise ValueError(f"spec.leaderWorkerTemplate: resources of its containers: {error}") from error


def _volcano_spec(lws: LeaderWorkerSet, template: Template) -> Document:
    """With LeaderReady the leader must be able to start alone, but is queued with the whole group's needs."""
    alone = lws.startup_policy == c.STARTUP_LEADER_READY
    spec: Document = {
        "minMember": 1 if alone else template.size,
        "minResources": group_requests(template),
    }
    queue = lws.annotations.get(VOLCANO_QUEUE_ANNOTATION)
    return spec if queue is None else {**spec, "queue": queue}
