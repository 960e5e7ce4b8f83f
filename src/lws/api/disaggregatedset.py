"""DisaggregatedSet and DisaggregatedSetRoleScaler ``disaggregatedset.x-k8s.io/v1``, as the server has them.

A role's LeaderWorkerSet spec is ``msgspec.Raw``: it is copied to the child as it stands, members newer than
this code included, and the revision needs its numbers spelled as they came.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from lws.api import disaggregation as d
from lws.api.leaderworkerset import Int32, RollingUpdateConfiguration, RolloutStatus, RolloutStrategy
from lws.objects import Condition, KubeObject


class Scaling(Struct, frozen=True, gc=False, omit_defaults=True):
    """``Static``: the role's inline replicas; ``External``: those of its scaler."""

    mode: str = d.SCALING_STATIC


class RoleMetadata(Struct, frozen=True, gc=False, omit_defaults=True):
    """What the child gets of a role's metadata."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class RoleSpec(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """The members of a role's LeaderWorkerSet spec that a rule reads. ``replicas``: per slice."""

    leader_worker_template: Raw = Raw(b"{}")
    replicas: Int32 | None = None
    rollout_strategy: RolloutStrategy | None = None

    @property
    def rolling_update(self) -> RollingUpdateConfiguration | None:
        """The numbers of the roll; None where the user gave none, which is not the same as their defaults."""
        strategy = self.rollout_strategy
        return None if strategy is None else strategy.rolling_update_configuration


class Role(Struct, frozen=True, gc=False, omit_defaults=True):
    """A template for a LeaderWorkerSet in each slice. ``spec``: JSON text, ``null`` if there is none."""

    name: str
    scaling: Scaling | None = None
    metadata: RoleMetadata | None = None
    spec: Raw = Raw(b"null")

    @property
    def external(self) -> bool:
        """Whether a scaler says how many replicas there are."""
        return self.scaling is not None and self.scaling.mode == d.SCALING_EXTERNAL

    def read_spec(self) -> RoleSpec:
        """The typed members, decoded anew each time; all absent where there is no spec.

        Raises msgspec.ValidationError (a ValueError) with the path of what has another type.
        """
        return msgspec.json.decode(self.spec, type=RoleSpec | None) or RoleSpec()


class PlacementPolicy(Struct, frozen=True, gc=False, omit_defaults=True):
    """Where a slice may stand; ``topology`` is a node label."""

    type: str = d.PLACEMENT_NONE
    topology: str = ""


class DisaggregatedSetSpec(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """What the user wants. The order of ``roles`` is part of the revision."""

    roles: tuple[Role, ...] = ()
    slices: Int32 | None = None
    placement_policy: PlacementPolicy | None = None


class RoleStatus(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """Groups of one role over all slices; ``updated_replicas`` of the present revision only."""

    name: str
    replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0


class RoleRolloutStatus(RolloutStatus, frozen=True, gc=False, rename={"former": "from"}, omit_defaults=True):
    """The rollout that is going on. ``worst_deviation``: the furthest that the ready groups of a role have
    been from the ideal ratio in it, in steps of the role. The upstream controller knows nothing of it.
    """

    worst_deviation: Int32 = msgspec.field(default=0, name="worstDeviation")


class DisaggregatedSetStatus(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """What is: an entry for each role of the present spec, in its order."""

    observed_generation: int = 0
    role_statuses: tuple[RoleStatus, ...] = ()
    conditions: tuple[Condition, ...] = ()
    rollout: RoleRolloutStatus | None = None


class DisaggregatedSet(KubeObject, frozen=True, gc=False, rename="camel", kw_only=True):
    """Roles that serve together, each a LeaderWorkerSet, in ``slices`` independent copies."""

    spec: DisaggregatedSetSpec
    status: DisaggregatedSetStatus = DisaggregatedSetStatus()

    @property
    def slices(self) -> int:
        """Number of copies; the schema's default is 1."""
        return 1 if self.spec.slices is None else self.spec.slices

    @property
    def paused(self) -> bool:
        """Whether its rollout is to stand where it is."""
        return self.annotations.get(d.PAUSED_ANNOTATION) == d.PAUSED


class RoleScalerSpec(Struct, frozen=True, gc=False, omit_defaults=True):
    """``replicas``: groups of the role, over all slices."""

    replicas: Int32 = 0


class RoleScalerStatus(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """What the autoscaler reads: groups that exist, and the selector of their leaders."""

    replicas: int = 0
    selector: str = ""
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()


class DisaggregatedSetRoleScaler(KubeObject, frozen=True, gc=False, rename="camel", kw_only=True):
    """The scale subresource of one External role; made by the controller, set by autoscalers."""

    spec: RoleScalerSpec = RoleScalerSpec()
    status: RoleScalerStatus = RoleScalerStatus()
