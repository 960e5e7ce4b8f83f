"""Typed readings of the objects admission is asked about: the members some rule reads, and their JSON types.

Any member may be missing or null, which reads as missing, as in the API server's own decoder. A member of
another JSON type, or a number that does not fit, is a ``msgspec.ValidationError`` (answered with 400). Pod
templates and claims are not looked into: the API server checks them against the CRD's schema afterwards.
No rule may live here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from lws.api.constants import TPU_RESOURCE

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
IntOrString = int | str  # the schema bounds text only
Document = dict[str, Any]
StringMap = dict[str, str | None]


class OwnerReference(Struct, frozen=True, rename="camel"):
    api_version: str | None = None
    kind: str | None = None
    name: str | None = None
    uid: str | None = None
    controller: bool | None = None


class ManagedFields(Struct, frozen=True, rename="camel"):
    manager: str | None = None
    operation: str | None = None
    fields_type: str | None = None
    subresource: str | None = None


class Metadata(Struct, frozen=True, rename="camel"):
    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    generation: Int64 | None = None
    deletion_timestamp: str | None = None
    labels: StringMap | None = None
    annotations: StringMap | None = None
    owner_references: list[OwnerReference | None] | None = None
    finalizers: list[str | None] | None = None
    managed_fields: list[ManagedFields | None] | None = None


class SubGroupPolicy(Struct, frozen=True, rename="camel"):
    sub_group_policy_type: str | None = None
    sub_group_size: Int32 | None = None


class RetentionPolicy(Struct, frozen=True, rename="camel"):
    when_deleted: str | None = None
    when_scaled: str | None = None


class LeaderWorkerTemplate(Struct, frozen=True, rename="camel"):
    leader_template: Document | None = None
    worker_template: Document | None = None
    size: Int32 | None = None
    restart_policy: str | None = None
    sub_group_policy: SubGroupPolicy | None = None
    volume_claim_templates: list[Document | None] | None = None
    persistent_volume_claim_retention_policy: RetentionPolicy | None = None


class InPlaceUpdate(Struct, frozen=True, rename="camel"):
    grace_period_seconds: Int32 | None = None
    deadline_seconds: Int32 | None = None


class RollingUpdateConfiguration(Struct, frozen=True, rename="camel"):
    partition: Int32 | None = None
    max_unavailable: IntOrString | None = None
    max_surge: IntOrString | None = None
    pod_update_policy: str | None = None
    in_place_update: InPlaceUpdate | None = None


class RolloutStrategy(Struct, frozen=True, rename="camel"):
    type: str | None = None
    rolling_update_configuration: RollingUpdateConfiguration | None = None


class NetworkConfig(Struct, frozen=True, rename="camel"):
    subdomain_policy: str | None = None


class LeaderWorkerSetSpec(Struct, frozen=True, rename="camel"):
    replicas: Int32 | None = None
    leader_worker_template: LeaderWorkerTemplate | None = None
    rollout_strategy: RolloutStrategy | None = None
    startup_policy: str | None = None
    network_config: NetworkConfig | None = None
    max_group_restarts: Int32 | None = None
    progress_deadline_seconds: Int32 | None = None
    group_readiness: str | None = None
    min_ready_seconds: Int32 | None = None


class LeaderWorkerSet(Struct, frozen=True, rename="camel"):
    api_version: str | None = None
    kind: str | None = None
    metadata: Metadata | None = None
    spec: LeaderWorkerSetSpec | None = None


class Scaling(Struct, frozen=True):
    mode: str | None = None


class RoleMetadata(Struct, frozen=True):
    labels: StringMap | None = None
    annotations: StringMap | None = None


class Role(Struct, frozen=True):
    name: str | None = None
    scaling: Scaling | None = None
    metadata: RoleMetadata | None = None
    spec: LeaderWorkerSetSpec | None = None


class PlacementPolicy(Struct, frozen=True):
    type: str | None = None
    topology: str | None = None


class DisaggregatedSetSpec(Struct, frozen=True, rename="camel"):
    roles: list[Role | None] | None = None
    slices: Int32 | None = None
    placement_policy: PlacementPolicy | None = None


class DisaggregatedSet(Struct, frozen=True):
    metadata: Metadata | None = None
    spec: DisaggregatedSetSpec | None = None


class EnvVar(Struct, frozen=True):
    name: str | None = None
    value: str | None = None


class TpuQuantity(Struct, frozen=True):
    tpu: int | float | str | None = field(name=TPU_RESOURCE, default=None)


class ContainerResources(Struct, frozen=True):
    limits: TpuQuantity | None = None
    requests: TpuQuantity | None = None


class Container(Struct, frozen=True):
    env: list[EnvVar | None] | None = None
    resources: ContainerResources | None = None


class AffinityTerm(Struct, frozen=True, rename="camel"):
    topology_key: str | None = None


class PodAffinity(Struct, frozen=True):
    required: list[AffinityTerm | None] | None = field(
        name="requiredDuringSchedulingIgnoredDuringExecution", default=None
    )


class Affinity(Struct, frozen=True, rename="camel"):
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class Toleration(Struct, frozen=True, rename="camel"):
    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None
    toleration_seconds: Int64 | None = None


class PodResourceClaim(Struct, frozen=True, rename="camel"):
    name: str | None = None
    resource_claim_name: str | None = None
    resource_claim_template_name: str | None = None


class PodSpec(Struct, frozen=True, rename="camel"):
    subdomain: str | None = None
    node_selector: StringMap | None = None
    tolerations: list[Toleration | None] | None = None
    resource_claims: list[PodResourceClaim | None] | None = None
    affinity: Affinity | None = None
    containers: list[Container | None] | None = None
    init_containers: list[Container | None] | None = None


class PodTemplate(Struct, frozen=True, rename="camel"):
    metadata: Metadata | None = None
    spec: PodSpec | None = None


class Pod(Struct, frozen=True, rename="camel"):
    metadata: Metadata | None = None
    spec: PodSpec | None = None


def read_leaderworkerset(document: Mapping[str, Any]) -> LeaderWorkerSet:
    """The typed reading of a LeaderWorkerSet; raises ``msgspec.ValidationError``."""
    return msgspec.convert(document, LeaderWorkerSet)


def read_disaggregatedset(document: Mapping[str, Any]) -> DisaggregatedSet:
    """The typed reading of a DisaggregatedSet; raises ``msgspec.ValidationError``."""
    return msgspec.convert(document, DisaggregatedSet)


def read_pod(document: Mapping[str, Any]) -> Pod:
    """The typed reading of a pod; raises ``msgspec.ValidationError``."""
    return msgspec.convert(document, Pod)


def strings(mapping: StringMap | None) -> dict[str, str]:
    """Labels or annotations in a dict of one's own, a null value read as the empty string."""
    return {key: value or "" for key, value in (mapping or {}).items()}
