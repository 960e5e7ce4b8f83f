"""What a cluster is given: the objects of ``manifests/default`` in one file, and the chart, for one image."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import yaml

from hack.controlplane import binaries
from hack.controlplane.layout import ROOT, ClusterError
from hack.release.archives import Entry, compressed, files_below, tar
from hack.release.distributions import addresses
from hack.tools.chart import copies, present
from lws import __version__

DEFAULT: Final = ROOT / "manifests" / "default"
CHART: Final = ROOT / "manifests" / "chart"
IMAGE: Final = "lws-python"  # as the manifests name it
FILES: Final = "Files"
"""The label of pyproject.toml's address of the repository's files, which the site takes, too."""


def install(repository: str, digest: str) -> bytes:
    """All objects of an installation, with the image by its digest."""
    with tempfile.TemporaryDirectory(prefix="lws-install-") as directory:
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(DEFAULT, Path(directory).resolve())],
            "images": [{"name": IMAGE, "newName": repository, "digest": digest}],
        }
        Path(directory, "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        done = subprocess.run(
            [_kubectl(), "kustomize", directory], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise ClusterError(f"kubectl kustomize: {done.stderr.strip()}")
    if f"image: {repository}@{digest}\n" not in done.stdout:
        raise ClusterError(f"the manifests do not name the image {IMAGE}: nothing was replaced")
    head = f"# LeaderWorkerSet {__version__}: kubectl apply --server-side --force-conflicts -f install.yaml\n"
    return f"{head}{done.stdout}".encode()


def chart(repository: str, digest: str, *, time: int) -> tuple[str, bytes]:
    """File name and bytes of the packaged chart, whose values name the image."""
    if {x for x in copies() if x.read_text() != copies()[x]} or present() != set(copies()):
        raise ClusterError("the chart's copies are not up to date: make chart")
    tree = {x: Entry(y.content) for x, y in files_below(CHART).items() if not Path(x).name.startswith(".")}
    values = tree["values.yaml"].content.decode()
    named = re.sub(r"(?m)^(    repository:) \S+$", rf"\1 {repository}", values, count=1)
    named = re.sub(r'(?m)^(    digest:) ""', rf"\1 {digest}", named, count=1)
    if (
        yaml.safe_load(named)["image"]["manager"] | {"repository": repository, "digest": digest}
        != (yaml.safe_load(named)["image"]["manager"])
    ):
        raise ClusterError("the chart's values.yaml has no image.manager.repository and digest to fill in")
    tree["values.yaml"] = Entry(with_runbooks(named, addresses().get(FILES, "")).encode())
    packed = {f"lws/{name}": entry for name, entry in tree.items()}
    return f"lws-{__version__}.tgz", compressed(tar(packed, time=time, directories={"lws": 0o755}))


def with_runbooks(values: str, address: str) -> str:
    """The chart's values, by which alerts lead to ``address``, where the repository's files are."""
    if not address:
        return values
    named = re.sub(r'(?m)^(  runbooks:) ""$', rf"\1 {address}", values, count=1)
    if yaml.safe_load(named)["prometheus"]["runbooks"] != address:
        raise ClusterError("the chart's values.yaml has no prometheus.runbooks to fill in")
    return named


def _kubectl() -> str:
    return shutil.which("kubectl") or str(binaries.locate(say=print)["kubectl"])
