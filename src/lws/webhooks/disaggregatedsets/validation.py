"""What a DisaggregatedSet must obey beyond its schema (disaggregatedset.md, 18).

All violations are collected in the order of the specification's table, whose rows are cited. W6 is none here:
External roles may have several slices. Then come, role by role, those that the role's LeaderWorkerSets would
be refused for (docs/decisions/180). An update answers for what it makes worse only (docs/decisions/130).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from msgspec import structs

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.webhooks.disaggregatedsets.roles import Judged, judged
from lws.webhooks.documents import (
    DisaggregatedSet,
    DisaggregatedSetSpec,
    Document,
    Metadata,
    PlacementPolicy,
    RoleMetadata,
    RollingUpdateConfiguration,
    RolloutStrategy,
    read_disaggregatedset,
    strings,
)
from lws.webhooks.errors import FieldError, first, forbidden, invalid, not_supported, required, worsened
from lws.webhooks.objectmeta import MOST_LABEL, dns1035_label
from lws.webhooks.sets.names import counted
from lws.webhooks.sets.topology import topology_key
from lws.webhooks.sets.validation import history, int_or_percent, violations

_MOST_NAME: Final = 253
_PAUSED: Final = f"metadata.annotations.{d.PAUSED_ANNOTATION}"
_SERVICE_SUFFIX: Final = "-prv"
_ROLLING_UPDATE: Final = "spec.rolloutStrategy.rollingUpdateConfiguration"
_TEMPLATES: Final = ("leaderTemplate", "workerTemplate")
_EXCLUSIVE: Final = (c.EXCLUSIVE_TOPOLOGY_ANNOTATION, c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION)


def validate(new: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> list[FieldError]:
    """The first violations of a set that is to be created, or to replace ``old``, which had them not.

    A set that is being deleted answers for nothing: nothing is made for it any more. Raises
    ``msgspec.ValidationError`` when a member that is known here has the wrong JSON type.
    """
    after = read_disaggregatedset(new)
    if old is None:
        return first(chain(_violations(after, {}), _name(after.metadata or Metadata())))
    if (after.metadata or Metadata()).deletion_timestamp:
        return []
    before = read_disaggregatedset(old)
    groups = {role.name: role.groups for role in judged(before)}
    return worsened(_violations(after, groups), _violations(before, groups))


def _violations(ds: DisaggregatedSet, present: Mapping[str, int]) -> Iterator[FieldError]:
    """``present``: the groups of roles that exist, whose names are judged for so many only.

    As for a LeaderWorkerSet, more of them may be asked for: the name of what is there cannot be mended.
    """
    roles, reported = judged(ds), set[str]()
    for error in _of_upstream(ds, roles):
        reported.add(error.field)
        yield error
    for role in roles:
        groups = present.get(role.name, role.groups)
        own = chain(_pods(role), _room(role, groups), _child(role))
        yield from (error for error in own if error.field not in reported)


def _of_upstream(ds: DisaggregatedSet, roles: Sequence[Judged]) -> Iterator[FieldError]:
    """W1 to W9, then those of the set's own annotations."""
    for role in roles:
        yield from _rollout(role)
        yield from _scaler_name(role)
    for role in roles:
        yield from _service_name(role)
    yield from _placement(roles, (ds.spec or DisaggregatedSetSpec()).placement_policy or PlacementPolicy())
    yield from _own_annotations(strings((ds.metadata or Metadata()).annotations))


def _name(metadata: Metadata) -> Iterator[FieldError]:
    """Only of a new set. Its LeaderWorkerSets' names begin with it; how long it may be, W7 says."""
    name = metadata.name or ""
    if name and len(name.encode()) <= MOST_LABEL:
        for detail in dns1035_label(name.encode()):
            yield invalid("metadata.name", name, detail)


def _own_annotations(annotations: Mapping[str, str]) -> Iterator[FieldError]:
    """Ours; upstream knows neither (decisions 060 and 181)."""
    yield from history(annotations)
    paused = annotations.get(d.PAUSED_ANNOTATION)
    if paused is not None and paused not in (d.PAUSED, "false"):
        yield invalid(_PAUSED, paused, f"must be {d.PAUSED} or false")


def _rollout(role: Judged) -> Iterator[FieldError]:
    """W1 to W4. An External role answers for its inline replicas, too, although they are ignored."""
    kind = (role.spec.rollout_strategy or RolloutStrategy()).type
    if kind and kind != c.ROLLING_UPDATE:
        yield not_supported(f"{role.path}.spec.rolloutStrategy.type", kind, [c.ROLLING_UPDATE])
    numbers = role.rolling_update
    if numbers is None:
        return
    if numbers.partition:
        detail = "must not be set: the groups of a DisaggregatedSet's roles are never updated in place"
        yield forbidden(f"{role.path}.{_ROLLING_UPDATE}.partition", detail)
    if (role.spec.replicas or 0) > 0:
        yield from [*_numbers(role, numbers)] or _pace(role)


def _numbers(role: Judged, numbers: RollingUpdateConfiguration) -> Iterator[FieldError]:
    """W3."""
    if numbers.max_unavailable is not None:
        yield from int_or_percent(f"{role.path}.{_ROLLING_UPDATE}.maxUnavailable", numbers.max_unavailable)
    if numbers.max_surge is not None:
        yield from int_or_percent(f"{role.path}.{_ROLLING_UPDATE}.maxSurge", numbers.max_surge)


def _pace(role: Judged) -> Iterator[FieldError]:
    """W4. Not the replicas make it another violation: such a set can be scaled."""
    numbers = role.numbers
    if not numbers.unavailable and not numbers.surge:
        detail = (
            "must not be 0 when `maxSurge` is 0, or no group could be updated: with"
            f" {numbers.replicas} replicas a percentage of maxUnavailable is rounded down, one of maxSurge up"
        )
        pace = numbers.max_unavailable, numbers.max_surge
        path = f"{role.path}.{_ROLLING_UPDATE}.maxUnavailable"
        yield invalid(path, numbers.max_unavailable, detail, basis=pace)


def _scaler_name(role: Judged) -> Iterator[FieldError]:
    """W5."""
    length = role.scaler_length
    if role.external and length > _MOST_NAME:
        detail = (
            f"the name of the role's scaler, <set>-<role>, must have no more than {_MOST_NAME} characters,"
            f" not {length}"
        )
        yield invalid(f"{role.path}.name", role.name, detail, basis=("scaler", role.name), excess=length)


def _service_name(role: Judged) -> Iterator[FieldError]:
    """W7."""
    length = role.child_name_length + len(_SERVICE_SUFFIX)
    if length > MOST_LABEL:
        detail = (
            f"the name of the role's service, <set>-<slice>-<revision>-<role>{_SERVICE_SUFFIX}, would exceed"
            f" the DNS-1035 limit of {MOST_LABEL} characters: it would have {length}"
        )
        yield invalid(f"{role.path}.name", role.name, detail, basis=("service", role.name), excess=length)


def _placement(roles: Sequence[Judged], policy: PlacementPolicy) -> Iterator[FieldError]:
    """W8; what the key must be, which is not upstream's; and W9, which names one annotation of a role."""
    if (policy.type or d.PLACEMENT_NONE) == d.PLACEMENT_NONE:
        return
    if not policy.topology:
        detail = f"a placement policy of type {policy.type} must have a topology, the key of a node label"
        yield required("spec.placementPolicy.topology", detail)
    yield from topology_key("spec.placementPolicy.topology", policy.topology or "")
    for role in roles:
        found = _annotations(role)
        key = next((key for key in _EXCLUSIVE if key in found), None)
        if key is not None:
            detail = f"the annotation {key} must not be used together with spec.placementPolicy"
            yield forbidden(role.path, detail)


def _annotations(role: Judged) -> set[str]:
    """The keys that the role's LeaderWorkerSet or its pods are given."""
    keys = set((role.role.metadata or RoleMetadata()).annotations or ())
    for template in (role.template.leader_template, role.template.worker_template):
        metadata = (template or {}).get("metadata")
        annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
        keys.update(annotations if isinstance(annotations, dict) else ())
    return keys


def _pods(role: Judged) -> Iterator[FieldError]:
    """What the schema leaves optional and no pod can be made without."""
    if role.role.spec is None or role.spec.leader_worker_template is None:
        yield required(f"{role.path}.spec", "a role must have the spec of its LeaderWorkerSet")
        return
    templates: tuple[Document | None, ...] = (role.template.leader_template, role.template.worker_template)
    for member, template in zip(_TEMPLATES, templates, strict=True):
        if template is not None and template.get("spec") is None:
            path = f"{role.path}.spec.leaderWorkerTemplate.{member}.spec"
            yield required(path, "a pod template must have containers")


def _room(role: Judged, groups: int) -> Iterator[FieldError]:
    """As for a LeaderWorkerSet (docs/decisions/133); as it is never rolled in place, surge does not count."""
    named = role.named(groups)
    if named.fits:
        return
    detail = (
        "the name of the role's LeaderWorkerSet, <set>-<slice>-<revision>-<role>, must have no more than"
        f" {named.limit} characters for {counted(max(1, groups))} of size {named.size}, not"
        f" {named.length}: their pods get label values of that name, group index and a hash, which may"
        f" have no more than {MOST_LABEL}"
    )
    excess = named.length - named.limit
    yield invalid(f"{role.path}.name", role.name, detail, basis=("room", role.name), excess=excess)


def _child(role: Judged) -> Iterator[FieldError]:
    """What ``webhooks.sets`` has against the role's LeaderWorkerSets, with the role's path."""
    for error in violations(role.child()):
        yield structs.replace(error, field=f"{role.path}.{error.field}")
