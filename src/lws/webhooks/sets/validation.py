"""What a LeaderWorkerSet must obey beyond its schema (api.md, 4.3 and 4.4).

All violations are collected, in the order of the specification's table; numbers in comments are its rows. A
member that is missing reads as the schema's default, as it does for the controller. ``maxGroupRestarts``, the
length of the history, topologies, names that pods are made from, updates in place, nodes and claims of a
group's own are not upstream's and come last. An update answers for what it makes worse only
(docs/decisions/130).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.intorpercent import is_percent
from lws.planning.revisions import MAX_HISTORY, history_limit
from lws.webhooks.documents import (
    Document,
    LeaderWorkerSet,
    LeaderWorkerSetSpec,
    LeaderWorkerTemplate,
    Metadata,
    NetworkConfig,
    SubGroupPolicy,
    read_leaderworkerset,
    strings,
)
from lws.webhooks.errors import FieldError, aggregate, first, invalid, required, worsened
from lws.webhooks.objectmeta import MOST_LABEL, dns1123_label, validate_metadata
from lws.webhooks.sets.claims import claims_violations
from lws.webhooks.sets.inplace import in_place_violations
from lws.webhooks.sets.names import Named, counted
from lws.webhooks.sets.numbers import Numbers, numbers_of
from lws.webhooks.sets.replicanodes import replica_nodes_violations
from lws.webhooks.sets.subgroups import subgroup_change, subgrouping
from lws.webhooks.sets.topology import topologies

__all__ = ["FieldError", "aggregate", "int_or_percent", "validate_create", "validate_update", "violations"]

MAX_REPLICAS: Final = 1_000_000
MOST: Final = 2**31 - 1

_REPLICAS: Final = "spec.replicas"
_SIZE: Final = "spec.leaderWorkerTemplate.size"
_ROLLING_UPDATE: Final = "spec.rolloutStrategy.rollingUpdateConfiguration"
_MAX_UNAVAILABLE: Final = f"{_ROLLING_UPDATE}.maxUnavailable"
_MAX_SURGE: Final = f"{_ROLLING_UPDATE}.maxSurge"
_PARTITION: Final = f"{_ROLLING_UPDATE}.partition"
_CLAIMS: Final = "spec.leaderWorkerTemplate.volumeClaimTemplates"
_MAX_GROUP_RESTARTS: Final = "spec.maxGroupRestarts"
_SUBDOMAIN_POLICY: Final = "spec.networkConfig.subdomainPolicy"
_HISTORY_LIMIT: Final = f"metadata.annotations.{c.HISTORY_LIMIT_ANNOTATION}"

_GROUP_READINESS: Final = (c.GROUP_READINESS_NONE, c.GROUP_READINESS_LEADER_GATE)
LEAST_DEADLINE: Final = 30
"""Seconds: less than a restart of the controller may take."""

_NOT_NEGATIVE: Final = "must be greater than or equal to 0"


def validate_create(document: Mapping[str, Any]) -> list[FieldError]:
    """The first violations of a LeaderWorkerSet that is to be created, after defaulting.

    Raises ``msgspec.ValidationError`` when a member that is known here has the wrong JSON type.
    """
    lws = read_leaderworkerset(document)
    return first(chain(violations(lws), _naming(lws)))


def validate_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[FieldError]:
    """Violations of a LeaderWorkerSet that is to replace ``old``, which that had not: those of create, and of
    change.

    Of a set that is being deleted only the metadata counts: its spec is not carried out any more, and the
    garbage collector's removal of its finalizer is an update, too. Raises ``msgspec.ValidationError`` when a
    member that is known here has the wrong JSON type.
    """
    after, before = read_leaderworkerset(new), read_leaderworkerset(old)
    if _metadata(after).deletion_timestamp:
        return worsened(validate_metadata(_metadata(after)), validate_metadata(_metadata(before)))
    return [
        *worsened(violations(after), violations(before)),
        *subgroup_change(_subgroups(after), _subgroups(before)),
        *_network_change(_network(after), _network(before)),
    ]


def violations(lws: LeaderWorkerSet) -> Iterator[FieldError]:
    """Of whatever holds at any time; not of the room that the name of a new set leaves."""
    numbers, spec, metadata = numbers_of(lws), lws.spec or LeaderWorkerSetSpec(), _metadata(lws)
    annotations = strings(metadata.annotations)
    yield from validate_metadata(metadata)
    yield from _shape(numbers.replicas, numbers.size)
    yield from _rolling_update(numbers)
    yield from subgrouping(_subgroups(lws), numbers.size, annotations)
    yield from _restarts(spec.max_group_restarts)
    yield from _deadline(spec.progress_deadline_seconds)
    yield from history(annotations)
    yield from topologies(annotations, subgroups=_subgroups(lws) is not None)
    yield from _readiness(spec)
    yield from in_place_violations(spec)
    yield from _claims(_template(lws).volume_claim_templates or ())
    yield from replica_nodes_violations(_template(lws), annotations)
    yield from claims_violations(_template(lws), numbers.size)


def _naming(lws: LeaderWorkerSet) -> Iterator[FieldError]:
    """Only of a new set: the name of one that is there cannot be mended. One that is no label is reported.

    A DisaggregatedSet has answered for the names of its own sets (docs/decisions/180).
    """
    numbers = numbers_of(lws)
    name = _metadata(lws).name or ""
    named = Named(len(name), numbers.most_groups, numbers.size)
    if named.fits or named.length > MOST_LABEL or _of_disaggregated_set(_metadata(lws)):
        return
    detail = (
        f"must be no more than {named.limit} characters for {counted(max(1, named.groups))} of size"
        f" {named.size}, surge included: their pods get label values of name, group index and a hash, which"
        f" may have no more than {MOST_LABEL}"
    )
    yield invalid("metadata.name", name, detail)


def _of_disaggregated_set(metadata: Metadata) -> bool:
    """Whether its controller is one, by its own word."""
    owner = next((x for x in metadata.owner_references or () if x is not None and x.controller), None)
    return owner is not None and (owner.api_version, owner.kind) == (d.API_VERSION, d.KIND)


def _shape(replicas: int, size: int) -> Iterator[FieldError]:
    """Rules 4 to 7. A set that has too many pods already can be scaled down in steps."""
    if replicas < 0:
        yield invalid(_REPLICAS, replicas, _NOT_NEGATIVE)
    if replicas > MAX_REPLICAS:
        detail = f"must be less than or equal to {MAX_REPLICAS}"
        yield invalid(_REPLICAS, replicas, detail, basis=("replicas",), excess=replicas)
    if size < 1:
        yield invalid(_SIZE, size, "must be greater than or equal to 1")
    if replicas * size > MOST:
        detail = f"replicas times size ({size}) must be less than or equal to {MOST}"
        yield invalid(_REPLICAS, replicas, detail, basis=("pods",), excess=replicas * size)


def _rolling_update(numbers: Numbers) -> Iterator[FieldError]:
    """Rules 8 to 15."""
    replicas, unavailable, surge = numbers.replicas, numbers.max_unavailable, numbers.max_surge
    yield from int_or_percent(_MAX_UNAVAILABLE, unavailable)
    yield from int_or_percent(_MAX_SURGE, surge)
    if numbers.partition < 0:
        yield invalid(_PARTITION, numbers.partition, _NOT_NEGATIVE)
    for path, value, scaled in (
        (_MAX_UNAVAILABLE, unavailable, numbers.unavailable),
        (_MAX_SURGE, surge, numbers.surge),
    ):
        if scaled is None:
            yield invalid(path, value, f"must be a number or a percentage that can be taken of {_REPLICAS}")
    if not numbers.unavailable and not numbers.surge and replicas != 0:
        detail = (
            f"must not come to 0 when maxSurge does, or no group could be updated: with {replicas} replicas"
            " a percentage of maxUnavailable is rounded down, one of maxSurge up"
        )
        # Not the replicas: such a set can be scaled, as its rolls take one group at a time.
        yield invalid(_MAX_UNAVAILABLE, unavailable, detail, basis=(unavailable, surge))


def int_or_percent(path: str, value: int | str) -> Iterator[FieldError]:
    """Rules 8 to 11, of what is at ``path``. A percentage may have any number of digits, so it is not made a
    number.
    """
    if isinstance(value, int):
        if not 0 <= value <= MOST:
            beyond = f"must be less than or equal to {MOST}"
            yield invalid(path, value, _NOT_NEGATIVE if value < 0 else beyond)
    elif not is_percent(value):
        yield invalid(path, value, "must be a non-negative integer, or digits and a final '%', such as '25%'")
    else:
        digits = value[:-1].lstrip("0")
        if len(digits) > 3 or int(digits or "0") > 100:
            yield invalid(path, value, "must not be greater than 100%")


def _restarts(limit: int | None) -> Iterator[FieldError]:
    if limit is not None and limit < 0:
        yield invalid(_MAX_GROUP_RESTARTS, limit, _NOT_NEGATIVE)


def _deadline(seconds: int | None) -> Iterator[FieldError]:
    if seconds is not None and seconds < LEAST_DEADLINE:
        detail = f"must be greater than or equal to {LEAST_DEADLINE}"
        yield invalid("spec.progressDeadlineSeconds", seconds, detail)


def _readiness(spec: LeaderWorkerSetSpec) -> Iterator[FieldError]:
    """A worker with the gate would never be ready: the condition is written for leaders only."""
    if spec.group_readiness not in (None, *_GROUP_READINESS):
        detail = f"must be {' or '.join(_GROUP_READINESS)}"
        yield invalid("spec.groupReadiness", spec.group_readiness, detail)
    if spec.min_ready_seconds is not None and spec.min_ready_seconds < 0:
        yield invalid("spec.minReadySeconds", spec.min_ready_seconds, _NOT_NEGATIVE)
    template = spec.leader_worker_template or LeaderWorkerTemplate()
    pod_spec = (template.worker_template or {}).get("spec")
    gates = pod_spec.get("readinessGates") if isinstance(pod_spec, dict) else None
    for index, gate in enumerate(gates if isinstance(gates, list) else ()):
        if isinstance(gate, dict) and gate.get("conditionType") == c.GROUP_READY_GATE:
            path = f"spec.leaderWorkerTemplate.workerTemplate.spec.readinessGates[{index}].conditionType"
            detail = "must not be set by hand: spec.groupReadiness gives it to leaders, and no worker gets it"
            yield invalid(path, c.GROUP_READY_GATE, detail)


def history(annotations: Mapping[str, str]) -> Iterator[FieldError]:
    """An annotation, because it has to survive the upstream controller's schema."""
    text = annotations.get(c.HISTORY_LIMIT_ANNOTATION)
    if text is not None and history_limit(annotations) is None:
        yield invalid(_HISTORY_LIMIT, text, f"must be an integer from 0 to {MAX_HISTORY}")


def _claims(claims: Sequence[Document | None]) -> Iterator[FieldError]:
    """Not upstream's: a claim's name becomes that of a volume, without which no pod can be made."""
    for index, claim in enumerate(claims):
        metadata = (claim or {}).get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        path = f"{_CLAIMS}[{index}].metadata.name"
        if not name:
            yield required(path, "a claim template must have a name")
        elif isinstance(name, str):
            for detail in dns1123_label(name.encode()):
                yield invalid(path, name, detail)


def _network_change(new: NetworkConfig | None, old: NetworkConfig | None) -> Iterator[FieldError]:
    """Rule U4."""
    lacked = old is not None and old.subdomain_policy is None
    if new is not None and new.subdomain_policy is None and not lacked:
        value = None if old is None else old.subdomain_policy
        detail = f"must be {c.SUBDOMAIN_SHARED} or {c.SUBDOMAIN_UNIQUE}"
        yield invalid(_SUBDOMAIN_POLICY, value, detail)


def _metadata(lws: LeaderWorkerSet) -> Metadata:
    return lws.metadata or Metadata()


def _template(lws: LeaderWorkerSet) -> LeaderWorkerTemplate:
    return (lws.spec and lws.spec.leader_worker_template) or LeaderWorkerTemplate()


def _subgroups(lws: LeaderWorkerSet) -> SubGroupPolicy | None:
    return _template(lws).sub_group_policy


def _network(lws: LeaderWorkerSet) -> NetworkConfig | None:
    return None if lws.spec is None else lws.spec.network_config
