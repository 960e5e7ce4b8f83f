"""LeaderWorkerSet ``leaderworkerset.x-k8s.io/v1``, as the API server hands it out.

Defaults are those of the CRD's schema, so a member the server left out reads as what it means. Pod
templates and claims are ``msgspec.Raw``: the JSON text itself, numbers spelled as they came, which the
revision encoding needs (reconcilers.md, 4.8).
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.structs import replace

from lws.api import constants as c
from lws.objects import Condition, KubeObject

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
IntOrString = int | str
"""The schema bounds only text: one too large must not hide its set from whoever has to say so."""


IN_PLACE_DEADLINE: Final = 1800
"""``deadlineSeconds`` of an in-place update, where the set does not say it."""


class SubGroupPolicy(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """How a group is cut into subgroups; ``sub_group_size`` is pods per subgroup."""

    sub_group_policy_type: str | None = None
    sub_group_size: Int32 | None = None


class RetentionPolicy(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """``persistentVolumeClaimRetentionPolicy``: ``Retain`` or ``Delete``, or empty for the default."""

    when_deleted: str | None = None
    when_scaled: str | None = None

    @property
    def complete(self) -> RetentionPolicy:
        """As the API server stores it in a StatefulSet."""
        return RetentionPolicy(self.when_deleted or c.RETAIN, self.when_scaled or c.RETAIN)


class LeaderWorkerTemplate(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """Templates and shape of a group. Encoding it again gives every member that makes a revision.

    msgspec cannot decode ``Raw | None``, so an absent leader template is UNSET and a null one is the text
    ``null``; ``planning.revisions.Template`` makes both read as absent.
    """

    worker_template: Raw = Raw(b"{}")
    leader_template: Raw | UnsetType = UNSET
    size: Int32 | None = None
    restart_policy: str = ""
    sub_group_policy: SubGroupPolicy | None = None
    volume_claim_templates: tuple[Raw, ...] | None = None
    persistent_volume_claim_retention_policy: RetentionPolicy | None = None


class InPlaceUpdate(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """Seconds: from the end of traffic to the change of images, and until all containers run theirs."""

    grace_period_seconds: Int32 | None = None
    deadline_seconds: Int32 | None = None


class RollingUpdateConfiguration(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """Integers are groups; ``"N%"`` is a share of spec.replicas (api.md, 1.7)."""

    partition: Int32 | None = None
    max_unavailable: IntOrString | None = None
    max_surge: IntOrString | None = None
    pod_update_policy: str | None = None
    in_place_update: InPlaceUpdate | None = None


class RolloutStrategy(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """How a change of the template rolls through the groups."""

    type: str = ""
    rolling_update_configuration: RollingUpdateConfiguration | None = None


class NetworkConfig(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """``Shared``: one headless service for all groups; ``UniquePerReplica``: one for each."""

    subdomain_policy: str | None = None


class LeaderWorkerSetSpec(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """What the user wants."""

    leader_worker_template: LeaderWorkerTemplate
    replicas: Int32 | None = None
    rollout_strategy: RolloutStrategy | None = None
    startup_policy: str | None = None
    network_config: NetworkConfig | None = None
    max_group_restarts: Int32 | None = None
    pod_termination_policy: str | None = None
    group_readiness: str | None = None
    progress_deadline_seconds: Int32 | None = None
    min_ready_seconds: Int32 | None = None


class GroupStatus(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """What outlives the controller about one group: which pods it consists of, and its recreations.

    ``leader`` is the UID of the leader pod that ``workers``, ``restart_counts``, ``ready_time``,
    ``restarting``, ``backoff_until`` and ``failed`` speak of, ``revision`` that pod's revision key.
    ``workers``: digest of the worker pods' UIDs when the group was first complete. ``restart_counts``: of
    containers, by pod, up to which restarts are no failures (``0=2,3=1``: the leader, the third worker).
    ``ready_since``: when all of it became ready, empty while it is not; of sets with minReadySeconds.
    ``restarts`` counts recreations in a row. Times are RFC 3339, empty when there is none. The upstream
    controller knows nothing of it.

    ``phase``, ``reason``, ``since`` and ``message``: of a group that is not ready (``planning.reasons``), and
    no part of its record.
    """

    leader: str = ""
    revision: str = ""
    workers: str = ""
    restart_counts: str = ""
    ready_time: str = ""
    ready_since: str = ""
    restarts: int = 0
    last_restart_time: str = ""
    restarting: bool = False
    backoff_until: str = ""
    failed: bool = False
    phase: str = ""
    reason: str = ""
    since: str = ""
    message: str = ""

    @property
    def record(self) -> GroupStatus | None:
        """What outlives the controller; None where only a phase is told."""
        if not self.phase:
            return self
        return replace(self, phase="", reason="", since="", message="") if self.leader else None


class RolloutStatus(Struct, frozen=True, gc=False, rename={"former": "from"}, omit_defaults=True):
    """The rollout that is going on: from revision ``former`` to ``revision``, both revision keys.

    ``startTime``: RFC 3339 with microseconds, when ``generation`` was first seen to replace groups. The
    upstream controller knows nothing of it.
    """

    revision: str = ""
    former: str = ""
    start_time: str = msgspec.field(default="", name="startTime")
    generation: int = 0


class LeaderWorkerSetStatus(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """What is. Counters are groups; zero and absent are the same. ``groups``: by group index, decimal.

    ``last_progress_time``: RFC 3339, kept of sets with a deadline.
    """

    conditions: tuple[Condition, ...] = ()
    ready_replicas: int = 0
    updated_replicas: int = 0
    replicas: int = 0
    hpa_pod_selector: str = ""
    observed_generation: int = 0
    groups: dict[str, GroupStatus] = {}
    rollout: RolloutStatus | None = None
    last_progress_time: str = ""


class LeaderWorkerSet(KubeObject, frozen=True, gc=False, rename="camel", kw_only=True):
    """A set of groups, each one leader pod and its workers."""

    spec: LeaderWorkerSetSpec
    status: LeaderWorkerSetStatus = LeaderWorkerSetStatus()

    @property
    def replicas(self) -> int:
        """Wanted number of groups; the schema's default is 1."""
        return 1 if self.spec.replicas is None else self.spec.replicas

    @property
    def stalled(self) -> Condition | None:
        """The condition that says what the set cannot go on for; None while it can."""
        found = (x for x in self.status.conditions if x.type == c.STALLED and x.status == "True")
        return next(found, None)

    @property
    def live_size(self) -> int:
        """Pods per group, leader included, of groups yet to be made; the schema's default is 1.

        What is called ``live_`` stands in revisions, too: of a group that is there, ask its ``Group``.
        """
        size = self.spec.leader_worker_template.size
        return 1 if size is None else size

    @property
    def rolling_update(self) -> RollingUpdateConfiguration:
        """The live numbers of the roll; an absent object reads as all defaults."""
        strategy = self.spec.rollout_strategy
        return (strategy and strategy.rolling_update_configuration) or RollingUpdateConfiguration()

    @property
    def partition(self) -> int:
        """Groups with a lower index are not updated; default 0."""
        return self.rolling_update.partition or 0

    @property
    def startup_policy(self) -> str:
        return self.spec.startup_policy or c.STARTUP_LEADER_CREATED

    @property
    def updates_in_place(self) -> bool:
        """Whether a roll changes the images of the pods that are there, where nothing else differs."""
        return self.rolling_update.pod_update_policy == c.POD_UPDATE_IN_PLACE

    @property
    def in_place_grace(self) -> float:
        """Seconds between the end of a leader's traffic and the change of its group's images."""
        return float(self._in_place.grace_period_seconds or 0)

    @property
    def in_place_deadline(self) -> float:
        """Seconds until all containers of a group run their new images; else it is recreated."""
        seconds = self._in_place.deadline_seconds
        return float(IN_PLACE_DEADLINE if seconds is None else seconds)

    @property
    def _in_place(self) -> InPlaceUpdate:
        return self.rolling_update.in_place_update or InPlaceUpdate()

    @property
    def live_restart_policy(self) -> str:
        return self.spec.leader_worker_template.restart_policy or c.RESTART_RECREATE_GROUP

    @property
    def max_group_restarts(self) -> int | None:
        """How many recreations in a row a group gets; None: any number."""
        return self.spec.max_group_restarts

    @property
    def gates_leaders(self) -> bool:
        """Whether leaders that are made from now on get traffic only while their workers are ready."""
        return self.spec.group_readiness == c.GROUP_READINESS_LEADER_GATE

    @property
    def min_ready_seconds(self) -> int:
        """How long a group has to be ready before a roll counts on it; never below 0."""
        return max(0, self.spec.min_ready_seconds or 0)

    @property
    def stable(self) -> bool:
        """Whether its groups, as far as they are ready, have been so for minReadySeconds: where it has some,
        the status has to say that of the present spec.
        """
        if not self.min_ready_seconds:
            return True
        found = (x for x in self.status.conditions if x.type == c.AVAILABLE and x.status == "True")
        return any(x.observed_generation == self.metadata.generation for x in found)

    @property
    def live_subdomain_policy(self) -> str:
        """The live policy; an absent networkConfig means ``Shared``."""
        network = self.spec.network_config
        return (network and network.subdomain_policy) or c.SUBDOMAIN_SHARED
