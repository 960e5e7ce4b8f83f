"""The environment variables that let TPU processes of a group find each other (api.md, 5.6).

Only what is to be appended is computed here; the pod is put together elsewhere. Who is in a subgroup is told
by ``subgroups``, as for the labels (docs/decisions/132). Nothing is computed for host lists too long to be
stored in a pod.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from lws.api import constants as c
from lws.api.quantities import parse_quantity
from lws.webhooks.documents import Container, ContainerResources, Document
from lws.webhooks.errors import STORABLE_BYTES, AdmissionError, shown
from lws.webhooks.pods.names import required_int, split_ordinal
from lws.webhooks.pods.subgroups import subgroup_members, subgroup_size

HOSTNAMES_ENV: Final = "TPU_WORKER_HOSTNAMES"
WORKER_ID_ENV: Final = "TPU_WORKER_ID"
NAME_ENV: Final = "TPU_NAME"
ADDRESSES_ENV: Final = "TPU_PROCESS_ADDRESSES"
PORT_ENV: Final = "TPU_PROCESS_PORT"
DEFAULT_PORT: Final = 8476


class TpuPod(NamedTuple):
    """What the rules ask of a pod, after its role in the group is settled. ``size`` is pods per group."""

    name: str
    subdomain: str
    size: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def is_leader(self) -> bool:
        return self.labels.get(c.WORKER_INDEX_LABEL) == "0"

    @property
    def leader_has_tpus(self) -> bool:
        """Whether the leader of the group takes part; only workers are told."""
        return self.annotations.get(c.LEADER_REQUESTS_TPUS_ANNOTATION) == "true"

    @property
    def leader(self) -> tuple[str, int]:
        """Name of the leader pod, and the ordinal of this pod (0 on the leader); no name is a denial."""
        parent, ordinal = (self.name, 0) if self.is_leader else split_ordinal(self.name)
        if not parent:
            raise AdmissionError(
                f"metadata.name is {shown(self.name)}: a worker pod that requests {c.TPU_RESOURCE}"
                " must be named <leader pod>-<worker index>"
            )
        return parent, ordinal


def requests_tpus(container: Container | None) -> bool:
    """The container's limit is nonzero or, if that is missing or zero, its request is."""
    resources = (container and container.resources) or ContainerResources()
    return any(
        bounds is not None and bounds.tpu is not None and not _is_zero(bounds.tpu)
        for bounds in (resources.limits, resources.requests)
    )


def env_value(container: Container | None, name: str) -> str | None:
    """The literal value of the first env entry of this name (``""`` for a valueFrom), None without one."""
    entries = (container and container.env) or ()
    return next((e.value or "" for e in entries if e is not None and e.name == name), None)


def tpu_environment(pod: TpuPod, containers: Sequence[Container | None]) -> dict[int, list[Document]]:
    """The entries to append to ``env``, by index into ``containers`` (regular ones, then init containers).

    Every TPU container of every pod of the slice is one process; a slice is a subgroup, or the whole group
    where there are none. Empty when no container requests TPUs, or when the first that does already has its
    place spelled out.
    """
    chosen = [index for index, container in enumerate(containers) if requests_tpus(container)]
    if not chosen or _is_configured(containers[chosen[0]]):
        return {}
    one = _subgroup_slice(pod) if c.SUBGROUP_SIZE_ANNOTATION in pod.annotations else _group_slice(pod)
    ports = [_port(containers[index], DEFAULT_PORT + position) for position, index in enumerate(chosen)]
    hosts = _hosts(pod, one, ports)
    hostnames = ",".join(host for host in hosts for _ in ports)
    addresses = ",".join(f"{host}:{port}" for host in hosts for port in ports)
    return {
        index: _entries(hostnames, str(one.place * len(ports) + position), one.leader, addresses)
        + _port_entry(containers[index], ports[position])
        for position, index in enumerate(chosen)
    }


class _Slice(NamedTuple):
    """The pods that work together. ``leader``: name of the group's leader pod, ``with_leader``: whether it is
    one of them; ``workers``: the others, by worker index. ``place``: of the pod that is asked about.
    """

    leader: str
    with_leader: bool
    workers: range
    place: int


def _group_slice(pod: TpuPod) -> _Slice:
    leader, ordinal = pod.leader
    with_leader = pod.leader_has_tpus or pod.is_leader
    return _Slice(leader, with_leader, range(1, pod.size), ordinal if with_leader else ordinal - 1)


def _subgroup_slice(pod: TpuPod) -> _Slice:
    """The pods with this one's subgroup index that request TPUs: workers all do when one does.

    A pod whose template presets another index than its own place has (api.md, 6 #16) is alone: which
    others got that index cannot be told from here.
    """
    size = subgroup_size(pod.annotations)
    index = _number(pod.labels, c.SUBGROUP_INDEX_LABEL)
    worker = _number(pod.labels, c.WORKER_INDEX_LABEL)
    leader, _ = pod.leader
    members = subgroup_members(size=pod.size, subgroup=size, index=index)
    if worker not in members:
        members = range(worker, worker + 1)
    excluded = pod.annotations.get(c.SUBGROUP_POLICY_TYPE_ANNOTATION) == c.SUBGROUP_LEADER_EXCLUDED
    with_leader = pod.is_leader or (pod.leader_has_tpus and members.start == 0 and not excluded)
    workers = range(max(1, members.start), members.stop)
    place = 0 if pod.is_leader else worker - workers.start + with_leader
    return _Slice(leader, with_leader, workers, place)


def _hosts(pod: TpuPod, one: _Slice, ports: Sequence[str]) -> list[str]:
    """The host name of each pod; lists that could not be stored with the pod are a denial.

    Each pod has a process for each of ``ports``. All of them are in both lists, one of which has the ports,
    too; and both lists are in each process, beside the leader's name.
    """
    count, copies = max(0, one.workers.stop - one.workers.start) + one.with_leader, len(ports)
    host = len(one.leader) + len(pod.subdomain) + 2
    lists = count * (2 * copies * host + sum(len(port) + 1 for port in ports))
    if copies * (lists + len(one.leader)) > STORABLE_BYTES:
        raise AdmissionError(
            f"annotations {c.SIZE_ANNOTATION} and {c.SUBGROUP_SIZE_ANNOTATION} ask for {count} TPU hosts"
            f" of {copies} processes: must name few enough for {HOSTNAMES_ENV} and {ADDRESSES_ENV} to fit"
            f" into a pod of {STORABLE_BYTES} bytes"
        )
    first = [f"{one.leader}.{pod.subdomain}"] if one.with_leader else []
    return first + [f"{one.leader}-{worker}.{pod.subdomain}" for worker in one.workers]


def _entries(hostnames: str, identity: str, leader: str, addresses: str) -> list[Document]:
    return [
        {"name": HOSTNAMES_ENV, "value": hostnames},
        {"name": WORKER_ID_ENV, "value": identity},
        {"name": NAME_ENV, "value": leader},
        {"name": ADDRESSES_ENV, "value": addresses},
    ]


def _port(container: Container | None, default: int) -> str:
    """The user's port, taken as it is spelled, or the default."""
    value = env_value(container, PORT_ENV)
    return str(default) if value is None else value


def _port_entry(container: Container | None, port: str) -> list[Document]:
    return [] if env_value(container, PORT_ENV) is not None else [{"name": PORT_ENV, "value": port}]


def _is_configured(container: Container | None) -> bool:
    return env_value(container, HOSTNAMES_ENV) is not None or env_value(container, WORKER_ID_ENV) is not None


def _number(labels: Mapping[str, str], label: str) -> int:
    """A label as a 64-bit integer; missing or anything else is a denial."""
    why = f"a pod of a subgroup that requests {c.TPU_RESOURCE} must have a decimal integer there"
    return required_int(labels.get(label), f"label {label}", why)


def _is_zero(quantity: int | float | str) -> bool:
    if not isinstance(quantity, str):
        return not quantity
    try:
        return parse_quantity(quantity).mantissa == 0
    except ValueError:
        raise msgspec.ValidationError(
            f"Expected a quantity, got {shown(quantity)} - at `{c.TPU_RESOURCE}`"
        ) from None
