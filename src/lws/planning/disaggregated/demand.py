"""How many groups each role is to have (section 15.3), also where several slices share one scaler."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from lws.api.disaggregatedset import DisaggregatedSet, DisaggregatedSetRoleScaler, Role, RoleSpec


class Taken(NamedTuple):
    kind: str
    name: str


class Demand(NamedTuple):
    """``total``: groups over all slices; None for an External role whose scaler is not there."""

    role: Role
    spec: RoleSpec
    total: int | None
    slices: int

    @property
    def name(self) -> str:
        return self.role.name

    def in_slice(self, index: int, *, otherwise: int) -> int:
        """Groups in one slice: an even share, the lower slices first. ``otherwise``: when nobody knows."""
        if self.total is None:
            return otherwise
        each, left = divmod(self.total, self.slices)
        return each + (index < left)


class Wanted(NamedTuple):
    """What a pass works towards: ``demands``, one for each role of the spec, in its order. ``taken``: others'
    objects that stand where the set's own should; they are not touched.
    """

    ds: DisaggregatedSet
    revision: str
    demands: Sequence[Demand]
    taken: Collection[Taken] = ()


def wanted_of(
    ds: DisaggregatedSet,
    revision: str,
    scalers: Mapping[str, DisaggregatedSetRoleScaler],
    taken: Collection[Taken] = (),
) -> Wanted:
    """``scalers``: the set's own, by role. Raises ValueError for a role's spec that cannot be read."""
    demands = [_demand(x, x.read_spec(), scalers.get(x.name), ds.slices) for x in ds.spec.roles]
    return Wanted(ds, revision, demands, taken)


def _demand(role: Role, spec: RoleSpec, scaler: DisaggregatedSetRoleScaler | None, slices: int) -> Demand:
    if role.external:
        return Demand(role, spec, None if scaler is None else scaler.spec.replicas, slices)
    replicas = 1 if spec.replicas is None else spec.replicas
    return Demand(role, spec, replicas * slices, slices)
