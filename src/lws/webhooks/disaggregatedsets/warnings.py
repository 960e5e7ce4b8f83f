"""What a DisaggregatedSet may do without its author having meant it: ``kubectl apply`` says so.

That replicas are ignored is upstream's warning and is said each time; of the others an update repeats none
that the stored set had.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from lws.api import constants as c
from lws.webhooks.disaggregatedsets.roles import Judged, judged
from lws.webhooks.documents import Metadata, RoleMetadata, read_disaggregatedset, strings
from lws.webhooks.errors import told
from lws.webhooks.sets.claims import claims_warnings
from lws.webhooks.sets.names import counted, most_groups
from lws.webhooks.sets.replicanodes import replica_nodes_warnings
from lws.webhooks.sets.warnings import MAX_REPLICAS, of_tpus

_ROLLING_UPDATE: Final = "spec.rolloutStrategy.rollingUpdateConfiguration"


def warn(new: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Warnings about a set, valid or not.

    Raises ``msgspec.ValidationError`` when a member that is known here has the wrong JSON type.
    """
    ds = read_disaggregatedset(new)
    if (ds.metadata or Metadata()).deletion_timestamp:
        return ()
    roles, before = judged(ds), () if old is None else judged(read_disaggregatedset(old))
    known = {text for role in before for text in _of_sets(role)}
    return told(
        chain(
            (text for role in roles for text in _ignored(role)),
            (text for role in roles for text in _of_sets(role) if text not in known),
        )
    )


def _ignored(role: Judged) -> Iterator[str]:
    replicas = role.spec.replicas or 0
    if role.external and replicas > 1:
        yield (
            f"{role.path}: spec.replicas is ignored: {replicas} of role {role.name} has no effect, as it is"
            f" External; scale the DisaggregatedSetRoleScaler {role.scaler}"
        )


def _of_sets(role: Judged) -> Iterator[str]:
    """What its LeaderWorkerSets would be warned of."""
    yield from _name(role)
    yield from _in_place(role)
    annotations = strings((role.role.metadata or RoleMetadata()).annotations)
    for text in chain(
        of_tpus(role.template, role.numbers.size),
        replica_nodes_warnings(role.template, annotations),
        claims_warnings(annotations),
    ):
        yield f"{role.path}.{text}"


def _in_place(role: Judged) -> Iterator[str]:
    """Its LeaderWorkerSets never change their images: other ones come with them."""
    rolling = role.rolling_update
    if rolling is not None and rolling.pod_update_policy == c.POD_UPDATE_IN_PLACE:
        yield (
            f"{role.path}.{_ROLLING_UPDATE}.podUpdatePolicy: has no effect: a rollout of a DisaggregatedSet"
            " makes new LeaderWorkerSets, so other pods"
        )


def _name(role: Judged) -> Iterator[str]:
    """A name that has room for the groups that are asked for and not for all that may be."""
    length, room = role.child_name_length, most_groups(role.child_name_length)
    if role.numbers.size > 1 and 0 < room < MAX_REPLICAS:
        yield (
            f"{role.path}.name: the names of its LeaderWorkerSets have {length} characters: no more than"
            f" {counted(room)} can have workers"
        )
