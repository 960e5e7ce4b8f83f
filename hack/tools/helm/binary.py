"""Where ``helm`` comes from: ``KUBEBUILDER_ASSETS``, the cache, or a build into it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from hack.controlplane import binaries, toolchain
from hack.controlplane.layout import ClusterError

MODULE = Path(__file__).parent
PACKAGE = "helm.sh/helm/v3/cmd/helm"
Say = Callable[[str], None]


def locate(*, say: Say, environ: Mapping[str, str] = os.environ) -> Path:
    """The path of ``helm``, built first where that is needed. Raises ClusterError."""
    given = Path(environ.get("KUBEBUILDER_ASSETS") or os.devnull, "helm")
    if os.access(given, os.X_OK):
        return given
    cache = binaries.cache_directory(environ, MODULE)
    binaries.fill(cache, ["helm"], lambda directory: _build(directory, say), say)
    return cache / "helm"


def linker_flags(module: str) -> str:
    """What tells ``helm`` its version and which Kubernetes it renders for, read from the text of go.mod."""
    helm = re.search(r"helm\.sh/helm/v3 (v\S+)", module)
    kubernetes = re.search(r"k8s\.io/client-go v0\.(\d+)\.", module)
    if not helm or not kubernetes:
        raise ClusterError("hack/tools/helm/go.mod requires no helm.sh/helm/v3: restore it from git")
    library = "helm.sh/helm/v3"
    values = [f"{library}/internal/version.version={helm[1]}"]
    for package in (f"{library}/pkg/chartutil", f"{library}/pkg/lint/rules"):
        values += [f"{package}.k8sVersionMajor=1", f"{package}.k8sVersionMinor={kubernetes[1]}"]
    return " ".join(["-s -w", *(f"-X {value}" for value in values)])


def _build(directory: Path, say: Say) -> None:
    module = (MODULE / "go.mod").read_text()
    go = toolchain.find_go(module, directory.parent, say)
    say("building helm from Go modules: minutes, and only once")
    started = time.monotonic()
    command = ["build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", linker_flags(module)]
    command += ["-o", str(directory / "helm"), PACKAGE]
    toolchain.run_go(go, command, MODULE, say, packages=900, what="helm")
    say(f"built in {time.monotonic() - started:.0f} s, kept in {directory.with_suffix('')}")
