"""An OCI image layout in one tar archive: an index of one manifest for each architecture.

What containerd, podman, skopeo and crane read; the specification is OCI Image Format 1.1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from hack.release.archives import Entry, compressed, sha256, tar
from hack.release.debian import PYTHON
from hack.release.image import USER, Layer

INDEX: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
TITLE: Final = "org.opencontainers.image"
COMMAND: Final = ("python", "-m", "lws")
PORTS: Final = (8081, 8443, 9443)
ENVIRONMENT: Final = {  # the Dockerfile's
    "PATH": "/usr/bin",
    "PYTHONPATH": "/opt/lws",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "MALLOC_ARENA_MAX": "2",
}


class Facts(NamedTuple):
    """What the image says of itself. ``created``: RFC 3339; ``repository``: where it will be."""

    version: str
    commit: str
    created: str
    repository: str


class Image(NamedTuple):
    """``digest``: as registries name it. ``archive``: the layout. ``unpacked``: bytes by architecture."""

    digest: str
    archive: bytes
    unpacked: dict[str, int]


class _Blobs:
    """Content by its digest."""

    def __init__(self) -> None:
        self.tree: dict[str, Entry] = {}

    def add(self, media_type: str, content: bytes) -> dict[str, Any]:
        """The descriptor of what is kept."""
        digest = sha256(content)
        self.tree[f"blobs/sha256/{digest}"] = Entry(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def build(platforms: Mapping[str, Sequence[Layer]], facts: Facts, *, time: int) -> Image:
    """One image of all ``platforms``, by the architecture's name."""
    blobs = _Blobs()
    manifests = []
    for architecture, layers in sorted(platforms.items()):
        described = _manifest(blobs, architecture, layers, facts)
        manifests.append({**described, "platform": {"architecture": architecture, "os": "linux"}})
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
    whole = blobs.add(INDEX, _json({**index, "annotations": _annotations(facts)}))
    names = {f"{TITLE}.ref.name": facts.version}
    names["io.containerd.image.name"] = f"{facts.repository}:{facts.version}"
    top = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{**whole, "annotations": names}]}
    tree = blobs.tree | {"index.json": Entry(_json(top))}
    tree["oci-layout"] = Entry(_json({"imageLayoutVersion": "1.0.0"}))
    sizes = {name: sum(len(x.content) for x in layers) for name, layers in platforms.items()}
    return Image(whole["digest"], tar(tree, time=time), sizes)


def _manifest(blobs: _Blobs, architecture: str, layers: Sequence[Layer], facts: Facts) -> dict[str, Any]:
    packed = [blobs.add(LAYER, compressed(layer.content)) for layer in layers]
    config = blobs.add(CONFIG, _json(_config(architecture, layers, facts)))
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": packed}
    return blobs.add(MANIFEST, _json({**manifest, "annotations": _annotations(facts)}))


def _config(architecture: str, layers: Sequence[Layer], facts: Facts) -> dict[str, Any]:
    variables = ENVIRONMENT | {"LWS_GIT_COMMIT": facts.commit, "LWS_BUILD_DATE": facts.created}
    return {
        "created": facts.created,
        "architecture": architecture,
        "os": "linux",
        "config": {
            "User": f"{USER}:{USER}",
            "WorkingDir": "/",
            "Env": [f"{name}={value}" for name, value in variables.items()],
            "Entrypoint": list(COMMAND),
            "ExposedPorts": {f"{port}/tcp": {} for port in PORTS},
            "Labels": _annotations(facts),
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(x.content)}" for x in layers]},
        "history": [{"created": facts.created, "created_by": layer.name} for layer in layers],
    }


def _annotations(facts: Facts) -> dict[str, str]:
    return {
        f"{TITLE}.title": "LeaderWorkerSet for Kubernetes, in Python",
        f"{TITLE}.version": facts.version,
        f"{TITLE}.revision": facts.commit,
        f"{TITLE}.created": facts.created,
        f"{TITLE}.licenses": "Apache-2.0",
        f"{TITLE}.base.name": f"Debian 12, Python {PYTHON}",
    }


def _json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
