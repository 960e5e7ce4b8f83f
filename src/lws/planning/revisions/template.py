"""What makes a revision: a set's templates and network policy in canonical form, and their key.

``template_of`` takes the snapshot of a live set, ``restore`` reads one back (reconcilers.md, 4.2, 4.6).
Which revision a set should use is decided in ``lifecycle``.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet, SubGroupPolicy
from lws.api.workloads import ControllerRevision
from lws.planning.revisions.encoding import Encoder, EncodingError, encoder_of
from lws.planning.revisions.key import revision_key
from lws.planning.revisions.tokens import read_json

# A template takes some 20 kB and a millisecond; sets made from one chart share theirs.
_REMEMBERED: Final = 512
_SHARED_NETWORK: Final = b'{"subdomainPolicy":"Shared"}'
_encode_template: Final = encoder_of("LeaderWorkerTemplate")
_encode_network: Final = encoder_of("NetworkConfig")


class Template(Struct, frozen=True):
    """A canonical snapshot. Shared between callers: its dicts must never be changed.

    ``data`` are the ControllerRevision's, byte for byte, and ``key`` is always their hash. The key in the
    label of a stored revision can differ from it (a set adopted from a controller without revisions, data
    written by an older encoder), so labels are copied from the revision, never from here.
    """

    data: bytes
    key: str
    leader_worker_template: dict[str, Any]
    network_config: dict[str, Any]

    @property
    def size(self) -> int:
        """Pods per group, leader included."""
        size: int | None = self.leader_worker_template.get("size")
        return 1 if size is None else size

    @property
    def worker_template(self) -> dict[str, Any]:
        """The pod template of workers."""
        template: dict[str, Any] = self.leader_worker_template["workerTemplate"]
        return template

    @property
    def leader_template(self) -> dict[str, Any]:
        """The pod template of leaders; without one, that of workers."""
        template: dict[str, Any] | None = self.leader_worker_template.get("leaderTemplate")
        return self.worker_template if template is None else template

    @property
    def restart_policy(self) -> str:
        policy: str = self.leader_worker_template.get("restartPolicy", "")
        return policy or c.RESTART_RECREATE_GROUP

    @property
    def sub_group_policy(self) -> SubGroupPolicy | None:
        policy = self.leader_worker_template.get("subGroupPolicy")
        return None if policy is None else msgspec.convert(policy, SubGroupPolicy)

    @property
    def volume_claim_templates(self) -> list[dict[str, Any]]:
        claims: list[dict[str, Any]] = self.leader_worker_template.get("volumeClaimTemplates", [])
        return claims

    @property
    def retention_policy(self) -> dict[str, Any] | None:
        """``persistentVolumeClaimRetentionPolicy``; members the user left out are absent."""
        return self.leader_worker_template.get("persistentVolumeClaimRetentionPolicy")

    @property
    def subdomain_policy(self) -> str:
        policy: str | None = self.network_config.get("subdomainPolicy")
        return policy or c.SUBDOMAIN_SHARED


class _StoredSpec(Struct, rename="camel"):
    """Members of stored data; empty text where one is absent."""

    leader_worker_template: Raw = Raw(b"")
    network_config: Raw = Raw(b"")


class _StoredData(Struct):
    spec: _StoredSpec


def template_of(lws: LeaderWorkerSet) -> Template:
    """The snapshot of a live set. Remembers the most recent ones by their text.

    Raises ValueError with the path of a value that Kubernetes' types cannot hold.
    """
    network = lws.spec.network_config
    return _template(
        msgspec.json.encode(lws.spec.leader_worker_template),
        _SHARED_NETWORK if network is None else msgspec.json.encode(network),
    )


def restore(revision: ControllerRevision, live: Template) -> Template:
    """The snapshot that ``revision`` stores, in today's encoding; members it lacks are those of ``live``.

    Raises ValueError when the data cannot be read.
    """
    try:
        spec = msgspec.json.decode(revision.data, type=_StoredData).spec
    except RecursionError:
        raise ValueError("nested too deeply") from None
    template, network = bytes(spec.leader_worker_template), bytes(spec.network_config)
    return _template(
        template or msgspec.json.encode(live.leader_worker_template),
        network or msgspec.json.encode(live.network_config),
    )


@functools.lru_cache(maxsize=_REMEMBERED)
def _template(template: bytes, network: bytes) -> Template:
    """From the text of the two members; a ``$patch`` in them is dropped like any unknown member."""
    members = {
        "leaderWorkerTemplate": _canonical("spec.leaderWorkerTemplate", _encode_template, template),
        "networkConfig": _canonical("spec.networkConfig", _encode_network, network),
    }
    stored = ",".join(f'"{name}":{{"$patch":"replace",{text[1:]}' for name, text in members.items())
    data = f'{{"spec":{{{stored}}}}}'.encode()
    documents = [msgspec.json.decode(text) for text in members.values()]
    return Template(data, revision_key(data), *documents)


def _canonical(path: str, encode: Encoder, text: bytes) -> str:
    try:
        value = read_json(text)
        return encode(read_json(_SHARED_NETWORK) if value is None and encode is _encode_network else value)
    except EncodingError as error:
        raise error.within(path) from None
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply") from None
