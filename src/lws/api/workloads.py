"""Typed subsets of the core and apps objects the reconcilers watch.

A member is here because some rule reads it; each extra one costs memory for every pod of every set.
"""

from __future__ import annotations

from msgspec import Raw, Struct, field
from msgspec.structs import force_setattr

from lws.api.constants import (
    CONTROLLER_REVISION_LABEL,
    GROUP_CLAIMS_TOKEN_ANNOTATION,
    GROUP_READY_GATE,
    IN_PLACE_ANNOTATION,
    REVISION_LABEL,
)
from lws.api.leaderworkerset import RetentionPolicy
from lws.objects import KubeObject, ObjectMeta

Quantity = str | int | float


class TpuQuantity(Struct, frozen=True, gc=False, omit_defaults=True):
    """The one extended resource a rule asks about (api.md, 5.6)."""

    tpu: Quantity | None = field(name="google.com/tpu", default=None)


class ContainerResources(Struct, frozen=True, gc=False, omit_defaults=True):
    limits: TpuQuantity = TpuQuantity()
    requests: TpuQuantity = TpuQuantity()


class Container(Struct, frozen=True, gc=False, omit_defaults=True):
    resources: ContainerResources = ContainerResources()
    name: str = ""
    image: str = ""


class ReadinessGate(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    condition_type: str = ""


class SchedulingGate(Struct, frozen=True, gc=False, omit_defaults=True):
    name: str = ""


class PodSpec(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    node_name: str = ""
    scheduling_gates: tuple[SchedulingGate, ...] = ()
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    readiness_gates: tuple[ReadinessGate, ...] = ()


class PodCondition(Struct, frozen=True, gc=False, omit_defaults=True):
    """``reason`` and ``message``: mostly of those that are False, and gone when they are True."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class Waiting(Struct, frozen=True, gc=False, omit_defaults=True):
    reason: str = ""
    message: str = ""


class Terminated(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    container_id: str = field(name="containerID", default="")


class ContainerState(Struct, frozen=True, gc=False, omit_defaults=True):
    """Neither: it runs."""

    waiting: Waiting | None = None
    terminated: Terminated | None = None


class ContainerStatus(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """``container_id`` changes with every start. It is kept of pods that are, or were, updated in place
    (``lean``): no two pods share one.
    """

    restart_count: int = 0
    name: str = ""
    image: str = ""
    ready: bool = False
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    container_id: str = field(name="containerID", default="")


class PodStatus(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    phase: str = ""
    conditions: tuple[PodCondition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    observed_generation: int = 0
    resize: str = ""
    reason: str = ""
    message: str = ""


class Pod(KubeObject, frozen=True, gc=False, rename="camel"):
    """A pod of a group, leader or worker."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def has_ready_condition(self) -> bool:
        """Condition Ready is True, whatever the phase."""
        return self._holds("Ready")

    @property
    def serves(self) -> bool:
        """As far as its own containers are concerned; what waits for that must not wait for the gate."""
        return self._holds("ContainersReady") if self.gated else self.has_ready_condition

    @property
    def containers_ready(self) -> bool:
        """Its own containers are, whatever gates it has."""
        return self._holds("ContainersReady") or self.has_ready_condition

    @property
    def gated(self) -> bool:
        """It has the gate that tells whether its group is whole."""
        return any(x.condition_type == GROUP_READY_GATE for x in self.spec.readiness_gates)

    @property
    def gate_open(self) -> bool:
        return self._holds(GROUP_READY_GATE)

    def condition(self, type_: str) -> PodCondition | None:
        """None while the status has no such condition."""
        return next((x for x in self.status.conditions if x.type == type_), None)

    def _holds(self, type_: str) -> bool:
        return any(x.type == type_ and x.status == "True" for x in self.status.conditions)

    @property
    def ready(self) -> bool:
        """Running and Ready (api.md, 1.6). Of a gated pod the gate is asked, too: the kubelet comes later."""
        if self.status.phase != "Running" or not self.has_ready_condition:
            return False
        return not self.spec.readiness_gates or not self.gated or self.gate_open

    @property
    def controller_revision(self) -> str:
        """The StatefulSet controller's name for the template that the pod is of."""
        return self.labels.get(CONTROLLER_REVISION_LABEL, "")

    @property
    def restarts(self) -> int:
        """Of all its containers together; it only grows."""
        status = self.status
        return sum(x.restart_count for x in (*status.init_container_statuses, *status.container_statuses))

    @property
    def ended(self) -> bool:
        """All its containers have ended for good: the StatefulSet controller will replace it."""
        return self.status.phase in ("Failed", "Succeeded")

    @property
    def disrupted(self) -> bool:
        """Something outside ends it: an eviction, a taint, a preemption, its node (KEP-3329)."""
        return self._holds("DisruptionTarget")

    @property
    def resizing(self) -> bool:
        """The kubelet is changing its resources in place, which may restart containers.

        Told by a condition from Kubernetes 1.33 on, by ``status.resize`` before.
        """
        return self.status.resize == "InProgress" or self._holds("PodResizeInProgress")


def lean(pod: Pod) -> Pod:
    """The same pod, just decoded, without what only in-place updates read: caches hold few of those."""
    if IN_PLACE_ANNOTATION not in pod.annotations:
        for one in (*pod.status.init_container_statuses, *pod.status.container_statuses):
            if one.container_id:
                force_setattr(one, "container_id", "")
    return pod


class RollingUpdate(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    partition: int = 0
    max_unavailable: int | str | None = None


class UpdateStrategy(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    type: str = ""
    rolling_update: RollingUpdate = RollingUpdate()


class Ordinals(Struct, frozen=True, gc=False, omit_defaults=True):
    start: int = 0


class RevisionOfTemplate(Struct, frozen=True, gc=False, omit_defaults=True):
    """The one label of a pod template that a rule asks about."""

    revision: str = field(name=REVISION_LABEL, default="")


class TokenOfTemplate(Struct, frozen=True, gc=False, omit_defaults=True):
    """The one annotation of a pod template that a rule asks about."""

    token: str = field(name=GROUP_CLAIMS_TOKEN_ANNOTATION, default="")


class TemplateMeta(Struct, frozen=True, gc=False, omit_defaults=True):
    labels: RevisionOfTemplate = RevisionOfTemplate()
    annotations: TokenOfTemplate = TokenOfTemplate()


class PodTemplate(Struct, frozen=True, gc=False, omit_defaults=True):
    metadata: TemplateMeta = TemplateMeta()


class StatefulSetSpec(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """``template``: of the pods; it says from what they are made, whatever the object's labels say.

    ``persistent_volume_claim_retention_policy``: None where the cluster does not know it.
    """

    replicas: int = 1
    update_strategy: UpdateStrategy = UpdateStrategy()
    ordinals: Ordinals = Ordinals()
    template: PodTemplate = PodTemplate()
    persistent_volume_claim_retention_policy: RetentionPolicy | None = None


class StatefulSetStatus(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    updated_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    observed_generation: int = 0


class StatefulSet(KubeObject, frozen=True, gc=False, rename="camel"):
    """The leader StatefulSet of a set, or the worker StatefulSet of a group."""

    spec: StatefulSetSpec = StatefulSetSpec()
    status: StatefulSetStatus = StatefulSetStatus()

    @property
    def seen(self) -> bool:
        """Whether the StatefulSet controller has seen this very spec: its status speaks of it."""
        return (
            self.status.observed_generation >= self.metadata.generation and self.status.update_revision != ""
        )

    @property
    def revision_of_pods(self) -> str:
        """The revision key in its pod template; empty where that has none."""
        return self.spec.template.metadata.labels.revision

    @property
    def claims_token(self) -> str:
        """What tells its pods the claims of their group; empty where they have none in common."""
        return self.spec.template.metadata.annotations.token

    @property
    def ready(self) -> bool:
        """All replicas available and on one revision (api.md, 1.6)."""
        status = self.status
        return (
            self.spec.replicas == status.available_replicas
            and status.current_revision == status.update_revision
        )


class ControllerRevision(KubeObject, frozen=True, gc=False, rename="camel"):
    """A stored snapshot of a set's template; ``data`` is the JSON text itself."""

    revision: int = 0
    data: Raw = Raw(b"null")


class ServiceSpec(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """``cluster_ip`` is ``None``, the word, for a headless service."""

    cluster_ip: str = field(name="clusterIP", default="")
    selector: dict[str, str] = {}
    publish_not_ready_addresses: bool = False


class Service(KubeObject, frozen=True, gc=False, rename="camel"):
    """What gives pods their addresses: those of a set or of a group, when it is headless."""

    spec: ServiceSpec = ServiceSpec()


class InvolvedObject(Struct, frozen=True, gc=False, omit_defaults=True):
    """What an event is about."""

    name: str = ""
    uid: str = ""


class CreationFailure(KubeObject, frozen=True, gc=False, rename="camel"):
    """A core event of the StatefulSet controller that says that it could not create something."""

    involved_object: InvolvedObject = InvolvedObject()
    message: str = ""


class Node(KubeObject, frozen=True, gc=False, rename="camel"):
    """A node of which only the labels matter (exclusive placement)."""


__all__ = [
    "ContainerStatus",
    "ControllerRevision",
    "CreationFailure",
    "InvolvedObject",
    "Node",
    "ObjectMeta",
    "Ordinals",
    "Pod",
    "PodCondition",
    "PodSpec",
    "PodStatus",
    "PodTemplate",
    "ReadinessGate",
    "RevisionOfTemplate",
    "RollingUpdate",
    "Service",
    "ServiceSpec",
    "StatefulSet",
    "StatefulSetSpec",
    "StatefulSetStatus",
    "TemplateMeta",
    "UpdateStrategy",
]
