"""``up``, ``down`` and ``status``: what happens in which order."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from hack.controlplane import certs, layout, ports, processes
from hack.controlplane.components import AUDIT_POLICY, PROGRAMS, Component, components, environment
from hack.controlplane.layout import APISERVER, ETCD, ClusterError, Settings
from hack.controlplane.readiness import Probe, has_default_account, nodes_ready, wait_for

START_SECONDS = 120.0
STOP_SECONDS = 5.0


class Row(NamedTuple):
    """One line of ``status``."""

    component: str
    pid: int | None
    state: str  # "up", "down" or "not answering"
    port: int | None


def up(
    wanted: Settings, *, port_base: int | None, binaries: Mapping[str, Path], say: Callable[[str], None]
) -> Settings:
    """Start a cluster and return once a StatefulSet could become ready in it. ``say``: what takes a while.

    Raises ClusterError; whatever goes wrong, nothing of the attempt is left behind.
    """
    directory = wanted.path
    made = layout.create_directory(directory)
    with _locked(directory):
        made = _claim(directory) + made
        try:
            chosen, reservation = ports.reserve(port_base)
            with contextlib.closing(reservation):
                paths = {name: str(path) for name, path in binaries.items()}
                settings = msgspec.structs.replace(
                    wanted, made_directories=made, ports=chosen, binaries=paths
                )
                say("starting etcd, the control plane and hollow nodes, some 10 s")
                _start(settings)
        except BaseException:
            _end_all(directory)
            layout.remove(directory, made)
            raise
    return settings


def down(directory: Path) -> bool:
    """End every process of the cluster and remove what ``up`` made; False where there was nothing to do."""
    settings = layout.load(directory)
    ended = _end_all(directory)
    if settings is not None:  # without it nothing there is known to be ours
        layout.remove(directory, settings.made_directories)
    return ended or settings is not None


def status(directory: Path) -> list[Row]:
    """The state of each component; empty where there is no cluster."""
    settings = layout.load(directory)
    return [_row(directory, component) for component in components(settings)] if settings else []


def start_component(settings: Settings, component: Component) -> int:
    """Start one component of a cluster and note its pid."""
    log = layout.log_file(settings.path, component.name)
    pid = processes.spawn(component.command, log=log, environment=environment())
    layout.pid_file(settings.path, component.name).write_text(f"{pid}\n")
    return pid


def stop_component(settings: Settings, name: str, *, grace: float = STOP_SECONDS) -> None:
    """End one component and leave the others, for tests of what they do without it."""
    pid = processes.running(settings.path, name, PROGRAMS[name])
    if pid is not None:
        processes.end([pid], programs=[PROGRAMS[name]], directory=settings.path, grace=grace)
    layout.pid_file(settings.path, name).unlink(missing_ok=True)


def await_healthy(settings: Settings, pids: Mapping[str, int], *, seconds: float = START_SECONDS) -> None:
    """Wait until the named components say they are healthy."""
    deadline = time.monotonic() + seconds
    with contextlib.closing(Probe(settings)) as probe:
        for component in components(settings):
            if component.name in pids and component.health:
                url = component.health
                wait_for(
                    f"{component.name} did not become healthy",
                    lambda url=url: probe.get(url) is not None,  # type: ignore[misc]
                    pids={component.name: pids[component.name]},
                    directory=settings.path,
                    deadline=deadline,
                )


def _start(settings: Settings) -> None:
    layout.save(settings)
    certs.write_all(settings)
    (settings.path / "audit-policy.yaml").write_text(AUDIT_POLICY)
    by_name = {component.name: component for component in components(settings)}
    first = {name: start_component(settings, by_name.pop(name)) for name in (ETCD, APISERVER)}
    await_healthy(settings, first)
    rest = {name: start_component(settings, component) for name, component in by_name.items()}
    await_healthy(settings, rest)
    _await_cluster(settings, first | rest)


def _await_cluster(settings: Settings, pids: Mapping[str, int]) -> None:
    deadline = time.monotonic() + START_SECONDS
    with contextlib.closing(Probe(settings)) as probe:
        wait_for(
            "no default ServiceAccount appeared",
            lambda: has_default_account(probe),
            pids=pids,
            directory=settings.path,
            deadline=deadline,
        )
        wait_for(
            "the nodes did not become Ready",
            lambda: nodes_ready(probe, settings.nodes),
            pids=pids,
            directory=settings.path,
            deadline=deadline,
        )


def _claim(directory: Path) -> list[str]:
    """Make sure the directory is ours to fill; returns the directories an earlier, ended cluster had made."""
    alive = processes.strays(directory, PROGRAMS.values())
    if alive:
        pids = ", ".join(map(str, alive))
        raise ClusterError(
            f"a cluster is already running in {directory} (pids {pids}): use it, or end it with `down`"
        )
    earlier = layout.load(directory)
    if earlier:
        layout.remove(directory, [])
        return earlier.made_directories
    taken = [name for name in layout.written_names() if (directory / name).exists()]
    if taken:
        raise ClusterError(
            f"{directory} holds {taken[0]}, which `up` would overwrite: choose an empty directory"
        )
    return []


def _end_all(directory: Path) -> bool:
    """End the processes of a cluster, the clients of etcd before etcd; False where there were none."""
    ended = False
    for group in ([name for name in PROGRAMS.values() if name != ETCD], [ETCD]):
        alive = processes.strays(directory, group)
        processes.end(alive, programs=group, directory=directory, grace=STOP_SECONDS)
        ended = ended or bool(alive)
    return ended


def _row(directory: Path, component: Component) -> Row:
    pid = processes.running(directory, component.name, component.program)
    if pid is None:
        return Row(component.name, None, "down", component.port)
    answering = component.port is None or ports.answers(component.port)
    return Row(component.name, pid, "up" if answering else "not answering", component.port)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One ``up`` at a time in a directory; the lock is on the directory itself and leaves no file."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise ClusterError(f"another `up` is at work in {directory}: wait for it") from error
    finally:
        os.close(handle)
