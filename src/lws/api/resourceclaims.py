"""Typed subsets of resource.k8s.io/v1: claims of devices, and the templates that they are made from."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from lws.objects import KubeObject


class Allocation(Struct, frozen=True, gc=False):
    """That there is one counts; which devices it has is nobody's business here."""


class ClaimStatus(Struct, frozen=True, gc=False, omit_defaults=True):
    allocation: Allocation | None = None


class ResourceClaim(KubeObject, frozen=True, gc=False):
    """Devices for all pods that name it."""

    status: ClaimStatus = ClaimStatus()

    @property
    def allocated(self) -> bool:
        """Whether the scheduler has chosen its devices."""
        return self.status.allocation is not None


class ClaimMetadata(Struct, frozen=True, omit_defaults=True):
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


class ClaimTemplateSpec(Struct, frozen=True, omit_defaults=True):
    """Of the claims to be made; ``spec`` is copied through."""

    metadata: ClaimMetadata = ClaimMetadata()
    spec: dict[str, Any] = field(default_factory=dict)


class ResourceClaimTemplate(KubeObject, frozen=True):
    """What claims are made from; read when one is made."""

    spec: ClaimTemplateSpec = ClaimTemplateSpec()
