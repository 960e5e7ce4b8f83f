"""The SBOM of what is published: the locked wheels, as ``make sbom`` writes them, and Debian's packages."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from hack.controlplane.layout import ROOT, ClusterError
from hack.release.debian import SUITE, Package

WHEELS: Final = ROOT / "build" / "sbom.cdx.json"


def build(packages: Mapping[str, Sequence[Package]]) -> bytes:
    """CycloneDX; ``packages`` by architecture."""
    done = subprocess.run(["make", "--silent", "sbom"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"make sbom: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
    return merged(json.loads(WHEELS.read_text()), packages)


def merged(document: dict[str, Any], packages: Mapping[str, Sequence[Package]]) -> bytes:
    """The wheels' document with a component for each package of each architecture."""
    components = list(document.get("components", ()))
    components += [_component(x, name) for name, every in sorted(packages.items()) for x in every]
    return (json.dumps(document | {"components": components}, indent=2, sort_keys=True) + "\n").encode()


def _component(package: Package, architecture: str) -> dict[str, Any]:
    version = quote(package.version, safe="")
    purl = f"pkg:deb/debian/{package.name}@{version}?arch={architecture}&distro={SUITE}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": package.sha256}],
    }
