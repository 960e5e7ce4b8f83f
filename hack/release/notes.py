"""Release notes: what CHANGELOG.md says of the version, what there is to download, and how to check it."""

from __future__ import annotations

import re
from typing import Final

from hack.controlplane.layout import ROOT, ClusterError

CHANGELOG: Final = ROOT / "CHANGELOG.md"
FILES: Final = """
## Files

| File | What it is |
| --- | --- |
| `install.yaml` | everything for a cluster: `kubectl apply --server-side --force-conflicts -f install.yaml` |
| `lws-{version}.tgz` | the same as a chart: `helm install -n lws-system --create-namespace lws FILE` |
| `kubectl-lws` | `kubectl lws`, for Python 3.11 or newer: make it executable and put it on the PATH |
| `*.whl` | the plugin and the manager for pip |
| `lws-{version}-image.tar` | the image, linux/amd64 and linux/arm64, as an OCI layout |
| `lws-{version}.cdx.json` | what is in the image (CycloneDX) |
| `SHA256SUMS` | `sha256sum --check SHA256SUMS` |

Image: `{image}`
"""


def section(version: str, text: str | None = None) -> str:
    """What the change log says of the version. Raises ClusterError where it says nothing."""
    found = re.search(
        rf"^## {re.escape(version)}\b[^\n]*\n(.*?)(?=^## |\Z)",
        CHANGELOG.read_text() if text is None else text,
        re.MULTILINE | re.DOTALL,
    )
    if found is None or not found[1].strip():
        raise ClusterError(
            f"CHANGELOG.md says nothing of {version}: a release needs its section '## {version}'"
        )
    return found[1].strip()


def notes(version: str, image: str) -> bytes:
    return f"# LeaderWorkerSet in Python {version}\n\n{section(version)}\n{FILES}".format(
        version=version, image=image
    ).encode()
