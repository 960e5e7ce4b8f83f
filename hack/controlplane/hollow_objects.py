"""The members of pods and claims that a kubelet without containers reads. No behaviour may live here."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from lws.objects import KubeObject

PREFIX = "hollow.lws/"
SIDECAR = "Always"  # the restartPolicy of an init container that stays
RESTARTS_CONTAINER = "RestartContainer"


class ResizePolicy(Struct, frozen=True, gc=False, rename="camel"):
    resource_name: str
    restart_policy: str


class Resources(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """Requests and limits, quantities as the API server writes them."""

    limits: dict[str, str] = {}
    requests: dict[str, str] = {}


class Container(Struct, frozen=True, gc=False, rename="camel"):
    name: str
    image: str = ""
    restart_policy: str = ""
    resources: Resources = Resources()
    resize_policy: tuple[ResizePolicy, ...] = ()


class ReadinessGate(Struct, frozen=True, gc=False, rename="camel"):
    condition_type: str


class PodClaim(Struct, frozen=True, gc=False, rename="camel"):
    """An entry of ``spec.resourceClaims``: a claim by name, or one that is made for this pod."""

    name: str
    resource_claim_name: str | None = None


class PodSpec(Struct, frozen=True, gc=False, rename="camel"):
    node_name: str = ""
    restart_policy: str = "Always"
    host_network: bool = False
    termination_grace_period_seconds: int = 30
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    readiness_gates: tuple[ReadinessGate, ...] = ()
    resource_claims: tuple[PodClaim, ...] = ()


class Waiting(Struct, frozen=True, gc=False, rename="camel"):
    reason: str = ""


class Running(Struct, frozen=True, gc=False, rename="camel"):
    started_at: str = ""


class Terminated(Struct, frozen=True, gc=False, rename="camel"):
    exit_code: int = 0


class ContainerState(Struct, frozen=True, gc=False, rename="camel"):
    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Struct, frozen=True, gc=False, rename="camel"):
    name: str
    image: str = ""
    container_id: str = field(default="", name="containerID")
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: dict[str, Any] = {}
    resources: Resources | None = None


class ClaimStatus(Struct, frozen=True, gc=False, rename="camel"):
    """Which claim kube-controller-manager made for an entry of ``spec.resourceClaims``."""

    name: str
    resource_claim_name: str | None = None


class PodCondition(Struct, frozen=True, gc=False, rename="camel"):
    """Without its times: the API server writes null for one that somebody left out."""

    type: str = ""
    status: str = ""
    message: str = ""


class PodStatus(Struct, frozen=True, gc=False, rename="camel"):
    phase: str = "Pending"
    observed_generation: int = 0
    start_time: str | None = None
    conditions: tuple[PodCondition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    resource_claim_statuses: tuple[ClaimStatus, ...] = ()

    def condition(self, type_: str) -> PodCondition | None:
        return next((entry for entry in self.conditions if entry.type == type_), None)

    def holds(self, type_: str) -> bool:
        found = self.condition(type_)
        return found is not None and found.status == "True"


class HollowPod(KubeObject, frozen=True, gc=False, rename="camel"):
    """The members of a pod that a kubelet without containers reads."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class Consumer(Struct, frozen=True, gc=False, rename="camel"):
    uid: str = ""


class ClaimAllocation(Struct, frozen=True, gc=False, rename="camel"):
    allocation: dict[str, Any] | None = None
    reserved_for: tuple[Consumer, ...] = ()


class HollowClaim(KubeObject, frozen=True, gc=False, rename="camel"):
    """A ResourceClaim, as far as a kubelet asks whether a pod may use it."""

    status: ClaimAllocation = ClaimAllocation()
