"""Which REST resource and which typed subset stand for a kind that plans name."""

from __future__ import annotations

from typing import Final, NamedTuple

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, DisaggregatedSetRoleScaler
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.resourceclaims import ResourceClaim
from lws.api.workloads import ControllerRevision, Pod, Service, StatefulSet
from lws.kube.resources import CONTROLLER_REVISIONS, PODS, RESOURCE_CLAIMS, SERVICES, STATEFULSETS, Resource
from lws.objects import KubeObject

LEADERWORKERSETS: Final = Resource(c.GROUP, c.VERSION, "leaderworkersets", c.KIND)
DISAGGREGATEDSETS: Final = Resource(d.GROUP, d.VERSION, "disaggregatedsets", d.KIND)
ROLE_SCALERS: Final = Resource(d.GROUP, d.VERSION, "disaggregatedsetrolescalers", d.SCALER_KIND)


class Kind(NamedTuple):
    """A REST resource and the type its answers decode to."""

    resource: Resource
    type: type[KubeObject]


KINDS: Final[dict[str, Kind]] = {
    "LeaderWorkerSet": Kind(LEADERWORKERSETS, LeaderWorkerSet),
    "StatefulSet": Kind(STATEFULSETS, StatefulSet),
    "Pod": Kind(PODS, Pod),
    "Service": Kind(SERVICES, Service),
    "ControllerRevision": Kind(CONTROLLER_REVISIONS, ControllerRevision),
    "ResourceClaim": Kind(RESOURCE_CLAIMS, ResourceClaim),
    d.KIND: Kind(DISAGGREGATEDSETS, DisaggregatedSet),
    d.SCALER_KIND: Kind(ROLE_SCALERS, DisaggregatedSetRoleScaler),
}
"""All but those of a gang scheduling provider, which come from the provider."""
