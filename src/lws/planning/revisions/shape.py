"""What a revision says about a group as a whole, read without the rest of its templates.

A group keeps the shape of its own revision until its leader is replaced, whatever the live spec says by then.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Struct, UnsetType

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet, RetentionPolicy
from lws.api.workloads import ControllerRevision


class Shape(Struct, frozen=True, gc=False):
    """``size``: pods, leader included. Policies are values of the API, never empty.

    ``retention``: of volume claims.
    """

    size: int
    restart_policy: str
    subdomain_policy: str
    retention: RetentionPolicy = RetentionPolicy(c.RETAIN, c.RETAIN)


class _Template(Struct, rename="camel"):
    size: int | None = None
    restart_policy: str | None = None
    persistent_volume_claim_retention_policy: RetentionPolicy | None = None


class _Network(Struct, rename="camel"):
    subdomain_policy: str | None = None


class _Spec(Struct, rename="camel"):
    leader_worker_template: _Template | UnsetType = UNSET
    network_config: _Network | UnsetType | None = UNSET


class _Data(Struct):
    spec: _Spec


_decoder = msgspec.json.Decoder(_Data)


def live_shape(lws: LeaderWorkerSet) -> Shape:
    """What the live spec says: the shape of groups that are yet to be made."""
    policy = lws.spec.leader_worker_template.persistent_volume_claim_retention_policy
    return Shape(lws.live_size, lws.live_restart_policy, lws.live_subdomain_policy, _of_claims(policy))


def shape_of(revision: ControllerRevision, live: Shape) -> Shape:
    """The shape that ``revision`` stores; members it lacks are those of ``live``, as in ``restore``.

    Raises ValueError when the data cannot be read.
    """
    try:
        spec = _decoder.decode(revision.data).spec
    except RecursionError:
        raise ValueError("nested too deeply") from None
    template, network = spec.leader_worker_template, spec.network_config
    size, restarts, subdomain = live.size, live.restart_policy, live.subdomain_policy
    retention = live.retention
    if template is not UNSET:
        size = 1 if template.size is None else template.size
        restarts = template.restart_policy or c.RESTART_RECREATE_GROUP
        retention = _of_claims(template.persistent_volume_claim_retention_policy)
    if network is not UNSET:
        subdomain = (network and network.subdomain_policy) or c.SUBDOMAIN_SHARED
    return Shape(size, restarts, subdomain, retention)


def _of_claims(policy: RetentionPolicy | None) -> RetentionPolicy:
    return (policy or RetentionPolicy()).complete
