"""A real control plane for a test: ``hack/cluster up`` before, ``down`` after, whatever comes between.

``running_cluster(directory)`` is a context manager; make one session fixture of it per test module or run::

    @pytest.fixture(scope="session")
    def cluster(tmp_path_factory):
        with running_cluster(tmp_path_factory.mktemp("cluster") / "c") as cluster:
            yield cluster
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from hack.controlplane import layout, lifecycle
from hack.controlplane.components import components
from lws.kube.client import Client
from lws.kube.connection import connect
from support.rights import COLLECTED
from support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
COMMAND = str(ROOT / "hack" / "cluster")
UP_SECONDS = 1800  # the first run builds the control plane
# Per cent by which Go lets the heap grow between two collections, 100 by default: several control planes at
# once have more memory than time.
COLLECT = {"GOGC": "300"}
T = TypeVar("T")


class Cluster:
    """A control plane that is up. ``client`` acts as its administrator.

    ``defined``: a controller has applied the CRDs. The next need not, which spares the API server seconds;
    whoever changes them puts them back.
    """

    def __init__(self, directory: Path, client: Client) -> None:
        self.directory = directory
        self.client = client
        self.defined = False

    @property
    def kubeconfig(self) -> Path:
        return layout.kubeconfig(self.directory)

    @property
    def audit_log(self) -> Path:
        """One JSON line a request; ``support.audit`` counts them."""
        return self.directory / "audit.log"

    @property
    def settings(self) -> layout.Settings:
        found = layout.load(self.directory)
        assert found is not None, f"no cluster in {self.directory}"
        return found

    def stop(self, component: str) -> None:
        """End one component, for instance ``kube-apiserver``, and leave the others."""
        lifecycle.stop_component(self.settings, component)

    def kill(self, component: str) -> None:
        """As ``stop``, by SIGKILL."""
        lifecycle.stop_component(self.settings, component, grace=0.0)

    def start(self, component: str) -> None:
        """Start one that was stopped, and wait until it is healthy."""
        found = next(entry for entry in components(self.settings) if entry.name == component)
        pid = lifecycle.start_component(self.settings, found)
        lifecycle.await_healthy(self.settings, {component: pid}, seconds=60)


@contextlib.contextmanager
def running_cluster(directory: Path, *flags: str) -> Iterator[Cluster]:
    """A cluster in ``directory``, which ``up`` creates; ``flags`` go to ``up`` (``--nodes=4``)."""
    command("up", directory, *flags)
    try:
        connection = connect(kubeconfig=str(layout.kubeconfig(directory)), user_agent="tests")
        with contextlib.closing(connection):
            yield Cluster(directory, Client(connection, field_manager="tests"))
    finally:
        COLLECTED.read(directory / "audit.log")
        command("down", directory)


def command(word: str, directory: Path, *flags: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
    """Run ``hack/cluster``; it must succeed, or fail with code 1 where ``fails`` says so."""
    done = subprocess.run(
        [COMMAND, word, "--dir", str(directory), *flags],
        capture_output=True,
        text=True,
        check=False,
        timeout=UP_SECONDS,
        env=COLLECT | os.environ,
    )
    assert done.returncode == (1 if fails else 0), f"{word}: code {done.returncode}: {done.stderr}"
    return done


def eventually(look: Callable[[], T]) -> T:
    """What ``look`` returns once it is true; AssertionError with its last result when it never is."""
    return until("it", look)
