"""A role as admission sees it, and the LeaderWorkerSets that its sets are judged by.

What a LeaderWorkerSet must obey may not live here (``webhooks.sets``).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import structs

from lws.api import disaggregation as d
from lws.webhooks.documents import (
    DisaggregatedSet,
    DisaggregatedSetSpec,
    LeaderWorkerSet,
    LeaderWorkerSetSpec,
    LeaderWorkerTemplate,
    Metadata,
    Role,
    RoleMetadata,
    RollingUpdateConfiguration,
    StringMap,
)
from lws.webhooks.sets.names import Named
from lws.webhooks.sets.numbers import Numbers, numbers_of

REVISION_LENGTH: Final = 8
_SYSTEM_LABELS: Final = frozenset({d.NAME_LABEL, d.ROLE_LABEL, d.SLICE_LABEL, d.REVISION_LABEL, d.APP_LABEL})


class Judged(NamedTuple):
    """A role at ``path``, such as ``spec.roles[0]``. ``set_name_length``: in bytes."""

    path: str
    set_name: str
    set_name_length: int
    slices: int
    role: Role

    @property
    def name(self) -> str:
        return self.role.name or ""

    @property
    def external(self) -> bool:
        """Whether a scaler says how many groups there are."""
        return self.role.scaling is not None and self.role.scaling.mode == d.SCALING_EXTERNAL

    @property
    def scaler(self) -> str:
        """The name of that scaler."""
        return f"{self.set_name}-{self.name}"

    @property
    def spec(self) -> LeaderWorkerSetSpec:
        return self.role.spec or LeaderWorkerSetSpec()

    @property
    def template(self) -> LeaderWorkerTemplate:
        return self.spec.leader_worker_template or LeaderWorkerTemplate()

    @property
    def rolling_update(self) -> RollingUpdateConfiguration | None:
        """Absent and empty are not the same: only what is there is judged by the numbers in it."""
        strategy = self.spec.rollout_strategy
        return None if strategy is None else strategy.rolling_update_configuration

    @property
    def numbers(self) -> Numbers:
        """A missing one is the schema's default."""
        return numbers_of(LeaderWorkerSet(spec=self.spec))

    @property
    def groups(self) -> int:
        """Groups of a slice as far as this set says; 0 where a scaler does."""
        return 0 if self.external else max(0, self.numbers.replicas)

    @property
    def scaler_length(self) -> int:
        """Bytes of that name, which is not built for it: there may be many roles, and a long name."""
        return self.set_name_length + len(f"-{self.name}".encode())

    @property
    def child_name_length(self) -> int:
        """Bytes of ``<set>-<slice>-<revision>-<role>``, of the last slice, whose name is the longest."""
        last = str(max(1, self.slices) - 1)
        return self.set_name_length + len(f"-{last}-{'0' * REVISION_LENGTH}-{self.name}".encode())

    def named(self, groups: int) -> Named:
        """That name, for so many groups: only its length counts."""
        return Named(self.child_name_length, groups, self.numbers.size)

    def child(self) -> LeaderWorkerSet:
        """A LeaderWorkerSet of this role with good names; how those are judged is no affair of its spec.

        Labels that the controller overwrites are left out. No groups where nothing says how many.
        """
        metadata = self.role.metadata or RoleMetadata()
        labels: StringMap = {
            key: value for key, value in (metadata.labels or {}).items() if key not in _SYSTEM_LABELS
        }
        replicas = 0 if self.spec.replicas is None else self.groups
        return LeaderWorkerSet(
            metadata=Metadata(
                name=d.KIND.lower(), namespace=d.KIND.lower(), labels=labels, annotations=metadata.annotations
            ),
            spec=structs.replace(self.spec, replicas=replicas),
        )


def judged(ds: DisaggregatedSet) -> tuple[Judged, ...]:
    """The roles of a set, in its order; a null is a role that has nothing."""
    metadata, spec = ds.metadata or Metadata(), ds.spec or DisaggregatedSetSpec()
    slices = 1 if spec.slices is None else spec.slices
    name = metadata.name or ""
    length = len(name.encode())
    return tuple(
        Judged(f"spec.roles[{index}]", name, length, slices, role or Role())
        for index, role in enumerate(spec.roles or ())
    )
