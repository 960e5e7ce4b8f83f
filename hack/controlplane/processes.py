"""Starting, recognising and ending the processes of a cluster.

A process is known by its pid file *and* its command line, so that a pid the kernel gave to somebody else is
never signalled. Linux only: it reads ``/proc`` and holds processes by pidfd.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath

from hack.controlplane.layout import pid_file


def command_line(pid: int) -> list[str]:
    """The arguments of a process; empty when it has ended (a zombie has none)."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def belongs(arguments: Sequence[str], program: str, directory: Path) -> bool:
    """Whether a command line runs ``program`` for the cluster in ``directory``."""
    runs = any(PurePath(argument).name == program for argument in arguments[:3])
    return runs and any(f"{directory}/" in argument for argument in arguments)


def spawn(command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> int:
    """Start a process in its own session, with its output appended to ``log``; returns its pid.

    ``posix_spawn`` and not ``Popen``: the process is meant to outlive us and nobody waits for it.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(command[0], list(command), environment, file_actions=actions, setsid=True)


def read_pid(directory: Path, component: str) -> int | None:
    try:
        return int(pid_file(directory, component).read_text())
    except (OSError, ValueError):
        return None


def running(directory: Path, component: str, program: str) -> int | None:
    """The pid of a live component, None where the pid file is missing or names something else."""
    pid = read_pid(directory, component)
    return pid if pid and belongs(command_line(pid), program, directory) else None


def strays(directory: Path, programs: Iterable[str]) -> list[int]:
    """Every process of this cluster, with or without a pid file: what a killed ``up`` may have left."""
    names = tuple(programs)
    pids = sorted(int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return [pid for pid in pids if any(belongs(command_line(pid), name, directory) for name in names)]


def exit_code(pid: int) -> int | None:
    """How a child ended; None while it runs or when it is not ours to wait for."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None if command_line(pid) else 0
    # Not by its command line: a child has none for a moment after its start.
    return os.waitstatus_to_exitcode(status) if ended else None


def end(pids: Iterable[int], *, programs: Iterable[str], directory: Path, grace: float) -> None:
    """SIGTERM to all, SIGKILL to those alive ``grace`` seconds later; returns once all are gone."""
    names = tuple(programs)
    held = [handle for pid in pids if (handle := _hold(pid, names, directory)) is not None]
    try:
        _signal(held, signal.SIGTERM)
        left = _await_end(held, time.monotonic() + grace)
        _signal(left, signal.SIGKILL)
        _await_end(left, time.monotonic() + 10.0)
    finally:
        for handle in held:
            os.close(handle)
    for pid in pids:
        exit_code(pid)  # reaps our own child


def _hold(pid: int, programs: Sequence[str], directory: Path) -> int | None:
    """A pidfd of the process, taken before it is recognised: it cannot become another process later."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if any(belongs(command_line(pid), program, directory) for program in programs):
        return handle
    os.close(handle)
    return None


def _signal(handles: Iterable[int], number: int) -> None:
    for handle in handles:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, number)


def _await_end(handles: Iterable[int], deadline: float) -> list[int]:
    """Wait until every process has ended or the deadline; returns those that have not."""
    left = set(handles)
    poller = select.poll()
    for handle in left:
        poller.register(handle, select.POLLIN)
    while left and (remaining := deadline - time.monotonic()) > 0:
        for handle, _ in poller.poll(remaining * 1000):
            poller.unregister(handle)
            left.discard(handle)
    return sorted(left)
