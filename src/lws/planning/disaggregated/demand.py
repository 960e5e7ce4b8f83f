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
    """What a pass works towards: ``demands``, one for each role of the spec, in its order. ``taken``: names
    that are not free; what bears them is not touched. ``readable``: False when nobody can tell what is
    wanted; nothing is planned then but the status.
    """

    ds: DisaggregatedSet
    revision: str
    demands: Sequence[Demand]
    taken: Collection[Taken] = ()
    readable: bool = True


def unknown_of(ds: DisaggregatedSet) -> Wanted:
    """Of a set whose spec cannot be read: the names of its roles."""
    roles = {x.name: x for x in ds.spec.roles}
    return Wanted(ds, "", [Demand(x, RoleSpec(), None, 1) for x in roles.values()], readable=False)


def wanted_of(
    ds: DisaggregatedSet,
    revision: str,
    scalers: Mapping[str, DisaggregatedSetRoleScaler],
    taken: Collection[Taken] = (),
) -> Wanted:
    """``scalers``: the set's own, by role. Raises ValueError for a role's spec that cannot be read."""
    demands = [_demand(x, x.read_spec(), scalers.get(x.name), ds.slices) for x in ds.spec.roles]
    return Wanted(ds, revision, demands, taken)


def desired_groups(
    ds: DisaggregatedSet, scalers: Mapping[str, DisaggregatedSetRoleScaler]
) -> Mapping[str, int]:
    """Of each role whose spec can be read; of an External one without scaler what it has."""
    there = {x.name: x.replicas for x in ds.status.role_statuses}
    try:
        demands = wanted_of(ds, "", scalers).demands
    except ValueError:
        return {}
    return {x.name: there.get(x.name, 0) if x.total is None else x.total for x in demands}


def _demand(role: Role, spec: RoleSpec, scaler: DisaggregatedSetRoleScaler | None, slices: int) -> Demand:
    if role.external:
        return Demand(role, spec, None if scaler is None else scaler.spec.replicas, slices)
    replicas = 1 if spec.replicas is None else spec.replicas
    return Demand(role, spec, replicas * slices, slices)
