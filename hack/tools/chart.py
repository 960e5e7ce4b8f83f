"""``make chart``: bring the chart's copies up to date, check it, and package it.

A packaged chart holds real files only, so what it shares with the kustomize manifests is copied into it: the
CustomResourceDefinitions, and objects that the templates take over as they are (``lws.copies``). A test
compares them (``tests/unit/hack/test_chart.py``).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hack.controlplane.layout import ROOT, ClusterError
from hack.tools.helm import binary

MANIFESTS = ROOT / "manifests"
CHART = MANIFESTS / "chart"
SHARED = {
    "rbac": ["*.yaml"],
    "webhook": ["webhooks.yaml"],
    "disaggregatedset": ["user-roles.yaml"],
    "certmanager": ["certificates.yaml"],
    "volcano": ["role.yaml"],
    "prometheus": ["*.yaml", "dashboard.json"],
}
OWN = {"kustomization.yaml", "service-account.yaml"}  # what the chart has templates for, or no need of
CRD_METADATA = """\
metadata:
  annotations:
    helm.sh/resource-policy: keep
  labels:
    app.kubernetes.io/instance: lws
    app.kubernetes.io/name: lws
"""


def copies() -> dict[Path, str]:
    """What each copied file of the chart must hold."""
    found = {
        CHART / "files" / directory / path.name: path.read_text()
        for directory, patterns in SHARED.items()
        for pattern in patterns
        for path in (MANIFESTS / directory).glob(pattern)
        if path.name not in OWN
    }
    definitions = {CHART / "crds" / path.name: _kept(path) for path in (MANIFESTS / "crd").glob("*.yaml")}
    return dict(sorted((found | definitions).items()))


def present() -> set[Path]:
    """The copied files that the chart has."""
    return {path for name in ("files", "crds") for path in (CHART / name).rglob("*") if path.is_file()}


def write() -> None:
    """Make the chart's copies those of ``copies``, and no others."""
    wanted = copies()
    for path in present() - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _kept(definition: Path) -> str:
    """A CustomResourceDefinition as kustomize labels and annotates it: Helm renders nothing in crds/."""
    return definition.read_text().replace("metadata:\n", CRD_METADATA, 1)


def main() -> int:
    write()
    try:
        helm = str(binary.locate(say=lambda line: print(line, file=sys.stderr)))
    except ClusterError as error:
        print(f"chart: {error}", file=sys.stderr)
        return 1
    target = ROOT / "build"
    target.mkdir(exist_ok=True)
    for command in (["lint", "--strict", "--quiet", str(CHART)], ["package", str(CHART), "-d", str(target)]):
        if code := subprocess.run([helm, *command], check=False).returncode:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
