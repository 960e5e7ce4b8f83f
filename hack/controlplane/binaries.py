"""Where the control plane's programs come from: ``KUBEBUILDER_ASSETS``, the cache, or a build into it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from hack.controlplane import toolchain
from hack.controlplane.layout import ROOT, ClusterError

MODULE = ROOT / "hack" / "controlplane"
PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
NEEDED_BYTES = 4 << 30  # module sources, build cache and the programs of a first build
PACKAGES_COMPILED = 2700  # `go list -deps`, Go's own among them
Say = Callable[[str], None]


def locate(*, say: Say, environ: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """The path of every program, built first where that is needed. Raises ClusterError."""
    given = _assets(environ)
    missing = [name for name in PACKAGES if name not in given]
    if not missing:
        return given
    cache = cache_directory(environ)
    fill(cache, PACKAGES, lambda directory: _build(directory, say), say)
    return given | {name: cache / name for name in missing}


def cache_root(environ: Mapping[str, str] = os.environ) -> Path:
    home = environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "lws-python" / "cluster"


def cache_directory(environ: Mapping[str, str] = os.environ, module: Path = MODULE) -> Path:
    """Named after what decides the programs: the modules' exact versions and the platform."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((module / name).read_bytes())
    digest.update(f"{platform.system()}/{platform.machine()}".encode())
    return cache_root(environ) / digest.hexdigest()[:16]


def linker_flags(module: str) -> str:
    """What tells the programs their version, read from the text of go.mod."""
    found = re.search(r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)", module)
    if not found:
        raise ClusterError("hack/controlplane/go.mod requires no k8s.io/kubernetes: restore it from git")
    version, major, minor = found.groups()
    package = "k8s.io/component-base/version"
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    return " ".join(["-s -w", *(f"-X {package}.{name}={value}" for name, value in values.items())])


def _assets(environ: Mapping[str, str]) -> dict[str, Path]:
    text = environ.get("KUBEBUILDER_ASSETS", "")
    if not text:
        return {}
    directory = Path(text).resolve()
    found = {name: directory / name for name in PACKAGES if os.access(directory / name, os.X_OK)}
    if not found:
        raise ClusterError(f"KUBEBUILDER_ASSETS={text} holds no kube-apiserver: correct it or unset it")
    return found


def _complete(directory: Path, names: Iterable[str]) -> bool:
    return all(os.access(directory / name, os.X_OK) for name in names)


def fill(cache: Path, names: Collection[str], build: Callable[[Path], None], say: Say) -> None:
    """Have ``build`` put these programs into ``cache``, wholly or not at all, unless they are there."""
    if _complete(cache, names):
        return
    cache.parent.mkdir(parents=True, exist_ok=True)
    with _lock(cache.with_suffix(".lock"), say):
        if _complete(cache, names):  # built by the one we waited for
            return
        _check_room(cache.parent)
        shutil.rmtree(cache, ignore_errors=True)
        building = cache.with_suffix(".building")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        try:
            build(building)
            building.rename(cache)
        finally:
            shutil.rmtree(building, ignore_errors=True)


def _build(directory: Path, say: Say) -> None:
    go = toolchain.find_go((MODULE / "go.mod").read_text(), directory.parent, say)
    say("building etcd, the Kubernetes control plane and kubectl from Go modules: minutes, and only once")
    flags = linker_flags((MODULE / "go.mod").read_text())
    started = time.monotonic()
    command = ["build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", f"{directory}/"]
    toolchain.run_go(go, [*command, *PACKAGES.values()], MODULE, say, packages=PACKAGES_COMPILED)
    (directory / "server").rename(directory / "etcd")
    say(f"built in {time.monotonic() - started:.0f} s, kept in {directory.with_suffix('')}")


def _check_room(directory: Path) -> None:
    free = shutil.disk_usage(directory).free
    if free < NEEDED_BYTES:
        raise ClusterError(
            f"building the control plane needs {NEEDED_BYTES >> 30} GiB and {directory} has "
            f"{free / (1 << 30):.1f}: make room, or set XDG_CACHE_HOME to a larger disk"
        )


@contextlib.contextmanager
def _lock(path: Path, say: Say) -> Iterator[None]:
    """Held while building, so that two ``up`` build once."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another `up` is building the control plane: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
