"""An OCI layout as a container runtime reads it: blobs checked by their digests, layer laid on layer."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any, NamedTuple


class Layout(NamedTuple):
    """The archive's files."""

    files: dict[str, bytes]

    @classmethod
    def read(cls, path: Path) -> Layout:
        with tarfile.open(path) as archive:
            opened = {x.name: archive.extractfile(x) for x in archive if x.isfile()}
            return cls({name: file.read() for name, file in opened.items() if file})

    @property
    def digest(self) -> str:
        (image,) = json.loads(self.files["index.json"])["manifests"]
        return str(image["digest"])

    def blob(self, descriptor: dict[str, Any]) -> bytes:
        algorithm, _, value = descriptor["digest"].partition(":")
        content = self.files[f"blobs/{algorithm}/{value}"]
        assert hashlib.sha256(content).hexdigest() == value
        assert len(content) == descriptor["size"]
        return content

    def manifests(self) -> dict[str, dict[str, Any]]:
        """By architecture."""
        index = json.loads(self.blob({"digest": self.digest, "size": self._size()}))
        return {x["platform"]["architecture"]: json.loads(self.blob(x)) for x in index["manifests"]}

    def config(self, architecture: str) -> dict[str, Any]:
        return dict(json.loads(self.blob(self.manifests()[architecture]["config"])))

    def unpack(self, architecture: str, root: Path) -> int:
        """The root file system; returns the bytes of its files."""
        manifest, config = self.manifests()[architecture], self.config(architecture)
        size = 0
        for descriptor, diff in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
            content = gzip.decompress(self.blob(descriptor))
            assert f"sha256:{hashlib.sha256(content).hexdigest()}" == diff
            with tarfile.open(fileobj=io.BytesIO(content)) as layer:
                size += sum(x.size for x in layer)
                layer.extractall(root, filter="tar")
        return size

    def _size(self) -> int:
        return int(json.loads(self.files["index.json"])["manifests"][0]["size"])
