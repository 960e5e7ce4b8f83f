"""What a LeaderWorkerSet may do and its author may not have meant: said by ``kubectl apply``, never refused.

An update warns of what the stored set did not ask for. A warning has at most 256 characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import msgspec

from lws.api import constants as c
from lws.planning.rollout import surge_shortfall
from lws.webhooks.documents import (
    Document,
    LeaderWorkerSet,
    LeaderWorkerSetSpec,
    LeaderWorkerTemplate,
    Metadata,
    PodTemplate,
    read_leaderworkerset,
    strings,
)
from lws.webhooks.errors import told
from lws.webhooks.pods.tpu import requests_tpus
from lws.webhooks.sets.claims import claims_warnings
from lws.webhooks.sets.inplace import in_place_warnings
from lws.webhooks.sets.names import Named, counted, most_groups
from lws.webhooks.sets.numbers import Numbers, numbers_of
from lws.webhooks.sets.replicanodes import replica_nodes_warnings

MAX_REPLICAS: Final = 1_000_000
_ROLLING_UPDATE: Final = "spec.rolloutStrategy.rollingUpdateConfiguration"
_TEMPLATE: Final = "spec.leaderWorkerTemplate"


def warn(new: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Warnings about a set that was found valid; without those that ``old``, which it replaces, had too.

    Raises ``msgspec.ValidationError`` when a member that is known here has the wrong JSON type.
    """
    lws, before = read_leaderworkerset(new), None if old is None else read_leaderworkerset(old)
    known = set() if before is None else set(_warnings(before))
    texts = (text for text in _warnings(lws) if text not in known)
    return told(chain(texts, () if before is None else _untracked(lws, before)))


def _warnings(lws: LeaderWorkerSet) -> Iterator[str]:
    metadata, numbers = lws.metadata or Metadata(), numbers_of(lws)
    if metadata.deletion_timestamp:
        return
    yield from _name(Named(len(metadata.name or ""), numbers.most_groups, numbers.size))
    yield from _surge(numbers)
    template = (lws.spec or LeaderWorkerSetSpec()).leader_worker_template or LeaderWorkerTemplate()
    yield from of_tpus(template, numbers.size)
    yield from in_place_warnings(lws.spec or LeaderWorkerSetSpec())
    yield from replica_nodes_warnings(template, strings(metadata.annotations))
    yield from claims_warnings(strings(metadata.annotations))


def _untracked(new: LeaderWorkerSet, old: LeaderWorkerSet) -> Iterator[str]:
    """Exclusive placement is in the pods of all leaders and in no revision, so its edit alone is no roll."""
    spec, former = new.spec or LeaderWorkerSetSpec(), old.spec or LeaderWorkerSetSpec()
    rolls = spec.leader_worker_template != former.leader_worker_template
    rolls |= spec.network_config != former.network_config
    metadata = new.metadata or Metadata()
    if rolls or metadata.deletion_timestamp or not numbers_of(new).replicas or not numbers_of(old).replicas:
        return
    after, before = (strings((x.metadata or Metadata()).annotations) for x in (new, old))
    for name in (c.EXCLUSIVE_TOPOLOGY_ANNOTATION, c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION):
        if after.get(name) != before.get(name):
            yield (
                f"metadata.annotations.{name}: this edit alone replaces all leaders at once, outside"
                " maxUnavailable, as StatefulSets do not wait for workers; with one of a pod template it is a"
                " roll"
            )


def _name(named: Named) -> Iterator[str]:
    """A name that is too long already, as an update may make it; one that a scale-up makes so."""
    room, length = most_groups(named.length), named.length
    if not named.fits:
        yield (
            f"metadata.name: {length} characters are too many for {counted(named.groups)} of size"
            f" {named.size}, surge groups included: {_room(room)}, the pods of others may be refused"
        )
    elif room == 0 or (named.size > 1 and room < MAX_REPLICAS):
        yield f"metadata.name: {length} characters: {_room(room)}, surge groups included"


def _room(groups: int) -> str:
    return f"no more than {counted(groups)} can have workers" if groups else "no group can have workers"


def _surge(numbers: Numbers) -> Iterator[str]:
    """kubernetes-sigs/lws#688: the formula is upstream's, and its result is seldom meant."""
    if numbers.unavailable is None or numbers.surge is None:
        return
    replicas, down = numbers.replicas, max(0, numbers.unavailable)
    missing = surge_shortfall(replicas, max_unavailable=down, max_surge=numbers.surge)
    if missing:
        used = min(replicas, numbers.surge) - missing
        yield (
            f"{_ROLLING_UPDATE}.maxSurge: as replicas ({replicas}) is not above it, a roll begins with {used}"
            f" surge groups, and {min(down, replicas)} of the groups may be down at once;"
            " with maxUnavailable: 0 surge groups come first"
        )


def of_tpus(template: LeaderWorkerTemplate, size: int) -> Iterator[str]:
    """What the lists of TPU hosts cannot tell from one pod (docs/decisions/132); each begins with a path."""
    workers = _tpu_containers(template.worker_template)
    leader = workers if template.leader_template is None else _tpu_containers(template.leader_template)
    if not leader:
        return
    policy = template.sub_group_policy
    if policy is not None and policy.sub_group_policy_type == c.SUBGROUP_LEADER_EXCLUDED:
        yield (
            f"{_TEMPLATE}.subGroupPolicy: the leader asks for {c.TPU_RESOURCE} and LeaderExcluded leaves it"
            " out of every subgroup: its pods will be refused"
        )
    elif size > 1 and leader != workers:
        yield (
            f"{_TEMPLATE}: the leader has {leader} containers that ask for {c.TPU_RESOURCE} and workers have"
            f" {workers}: the lists of TPU hosts that they get will not agree"
        )


def _tpu_containers(template: Document | None) -> int:
    """Of a pod of this template; 0 where it is none that the schema would let through."""
    try:
        spec = msgspec.convert(template or {}, PodTemplate).spec
        containers: Sequence[Any] = (*(spec.containers or ()), *(spec.init_containers or ())) if spec else ()
        return sum(requests_tpus(x) for x in containers)
    except msgspec.ValidationError:
        return 0
