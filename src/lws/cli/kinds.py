"""Objects as a person wants to see them: pods with what their specs ask for, and core events.

Subsets like those of ``lws.api.workloads``, but with what controllers do not read. No rules here.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api import workloads
from lws.kube.resources import Resource
from lws.objects import KubeObject

LEADERWORKERSETS: Final = Resource(c.GROUP, c.VERSION, "leaderworkersets", c.KIND)
DISAGGREGATEDSETS: Final = Resource(d.GROUP, d.VERSION, "disaggregatedsets", d.KIND)
ROLE_SCALERS: Final = Resource(d.GROUP, d.VERSION, "disaggregatedsetrolescalers", d.SCALER_KIND)
CORE_EVENTS: Final = Resource("", "v1", "events", "Event")


def reference(kind: str, name: str) -> str:
    """A set as kubectl prints it, and takes it."""
    resource = LEADERWORKERSETS if kind == c.KIND else DISAGGREGATEDSETS
    return f"{kind.lower()}.{resource.group}/{name}"


class AffinityTerm(Struct, frozen=True, rename="camel", omit_defaults=True):
    topology_key: str = ""


class PodAffinity(Struct, frozen=True, omit_defaults=True):
    required: tuple[AffinityTerm, ...] = field(
        name="requiredDuringSchedulingIgnoredDuringExecution", default=()
    )


class Affinity(Struct, frozen=True, rename="camel", omit_defaults=True):
    pod_affinity: PodAffinity = PodAffinity()


class PodSpec(workloads.PodSpec, frozen=True, rename="camel", omit_defaults=True):
    node_selector: dict[str, str] = field(default_factory=dict)
    affinity: Affinity = Affinity()
    scheduler_name: str = ""


class Pod(workloads.Pod, frozen=True, rename="camel"):
    """A pod with what a person asks of its spec."""

    spec: PodSpec = PodSpec()

    @property
    def restarts(self) -> int:
        return sum(x.restart_count for x in self.status.container_statuses)


class EventSeries(Struct, frozen=True, rename="camel", omit_defaults=True):
    last_observed_time: str | None = None


class Event(KubeObject, frozen=True, rename="camel"):
    """A core event, whichever API wrote it."""

    type: str = ""
    reason: str = ""
    message: str = ""
    last_timestamp: str | None = None
    event_time: str | None = None
    series: EventSeries | None = None

    @property
    def time(self) -> str:
        """When it was seen last, RFC 3339."""
        series = self.series.last_observed_time if self.series else None
        return series or self.last_timestamp or self.event_time or self.metadata.creation_timestamp or ""
