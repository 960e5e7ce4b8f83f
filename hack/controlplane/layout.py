"""What a cluster leaves in its directory, and the settings that describe it.

Only names and the settings file live here: starting and stopping is ``processes`` and ``lifecycle``.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]
ETCD, APISERVER, CONTROLLER_MANAGER, SCHEDULER, KUBELET = COMPONENTS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "hollow-kubelet",
)
CLIENTS = (CONTROLLER_MANAGER, SCHEDULER, KUBELET)
SETTINGS = "cluster.json"


class ClusterError(Exception):
    """One line for the person at the terminal: what is wrong and what to do about it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything ``up`` decided; written before anything else, so that ``down`` can undo a crashed ``up``."""

    directory: str
    made_directories: list[str] = []  # what up created to have `directory`, innermost first
    ports: dict[str, int] = {}  # etcd, etcd-peer and one for each serving component
    nodes: int = 8
    kcm_qps: float = 20.0
    start_delay: str = "0s"
    seed: int = 0
    extra: list[tuple[str, str]] = []  # (component, flag), appended to that component's command
    binaries: dict[str, str] = {}

    @property
    def path(self) -> Path:
        return Path(self.directory)

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self.ports[APISERVER]}"


def kubeconfig(directory: Path, client: str = "") -> Path:
    """The administrator's kubeconfig, or that of one component."""
    return directory / (f"{client}.kubeconfig" if client else "kubeconfig")


def pid_file(directory: Path, component: str) -> Path:
    return directory / f"{component}.pid"


def log_file(directory: Path, component: str) -> Path:
    return directory / f"{component}.log"


def save(settings: Settings) -> None:
    path = settings.path / SETTINGS
    path.write_bytes(msgspec.json.format(msgspec.json.encode(settings)) + b"\n")


def load(directory: Path) -> Settings | None:
    """The settings ``up`` wrote, None where there are none. Raises ClusterError on another's file."""
    try:
        return msgspec.json.decode((directory / SETTINGS).read_bytes(), type=Settings)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, OSError) as error:
        raise ClusterError(
            f"{directory / SETTINGS} cannot be read ({error}): remove {directory} by hand"
        ) from error


def create_directory(directory: Path) -> list[str]:
    """Make ``directory`` and its parents; returns the ones that did not exist, innermost first."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    return [str(path) for path in missing]


def written_names() -> list[str]:
    """Everything ``up`` may write into its directory."""
    names = ["etcd", "pki", "audit.log", "audit-policy.yaml", "kubeconfig"]
    names += [f"{client}.kubeconfig" for client in CLIENTS]
    names += [f"{name}.{suffix}" for name in COMPONENTS for suffix in ("pid", "log")]
    return [*names, SETTINGS]  # last: while it is there, `down` knows the rest for the cluster's


def remove(directory: Path, made: list[str]) -> None:
    """Remove what ``up`` writes and the directories it made; other files stay, and so does their home."""
    for path in (directory / name for name in written_names()):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # the first that is not empty ends it
        for directory_made in made:
            Path(directory_made).rmdir()
