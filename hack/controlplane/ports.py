"""Which TCP ports a cluster listens on, and whose a port in use is."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hack.controlplane.layout import APISERVER, CONTROLLER_MANAGER, ETCD, SCHEDULER, ClusterError
from hack.controlplane.processes import command_line

ETCD_PEER = "etcd-peer"
ROLES = (APISERVER, ETCD, ETCD_PEER, CONTROLLER_MANAGER, SCHEDULER)
# Below the range the kernel gives to outgoing connections, so that none of those can sit on a chosen port.
AUTOMATIC = range(20000, 32000, 10)
LISTEN = "0A"
NOBODYS = "0"  # the inode of a socket that no process has any more


class Owner(NamedTuple):
    pid: int
    command: str


class Reservation:
    """Ports taken by an ``up`` that is still starting: two ``up`` at once never choose the same ones.

    An abstract Unix socket is the lock; the kernel drops it with the process, and no file is left behind.
    """

    def __init__(self, base: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.bind(f"\0lws-cluster-ports-{base}")
        except OSError:
            self._socket.close()
            raise

    def close(self) -> None:
        self._socket.close()


def numbered(base: int) -> dict[str, int]:
    """The consecutive ports from ``base`` on, by role."""
    return {role: base + offset for offset, role in enumerate(ROLES)}


def reserve(base: int | None) -> tuple[dict[str, int], Reservation]:
    """Ports from ``base``, or free ones. Raises ClusterError when one of a fixed range is in use."""
    if base is not None:
        return _reserve_fixed(base)
    for candidate in random.sample(AUTOMATIC, len(AUTOMATIC)):
        ports = numbered(candidate)
        if all(map(is_free, ports.values())):
            try:
                return ports, Reservation(candidate)
            except OSError:
                continue
    raise ClusterError(f"no {len(ROLES)} free ports in a row from {AUTOMATIC[0]}: choose with --port-base")


def _reserve_fixed(base: int) -> tuple[dict[str, int], Reservation]:
    if not 1 <= base <= 65536 - len(ROLES):
        raise ClusterError(f"--port-base {base} leaves no {len(ROLES)} ports: choose one from 1024 to 65000")
    ports = numbered(base)
    for role, port in ports.items():
        if not is_free(port):
            raise ClusterError(in_use(role, port, holder_of(port)))
    try:
        return ports, Reservation(base)
    except OSError as error:
        raise ClusterError(
            f"another `up` is starting on the ports from {base}: choose another --port-base"
        ) from error


def in_use(role: str, port: int, holder: str) -> str:
    return f"port {port} (for {role}) is in use by {holder} or choose another --port-base"


def is_free(port: int) -> bool:
    """Whether a server could listen on this port; like Go's, over connections that only linger."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Whether something accepts connections on this port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def holder_of(port: int) -> str:
    """Who holds a port that is not free, and what to do about it.

    The kernel itself holds those of ended connections for about a minute (TIME_WAIT); no process owns them.
    """
    if owner := owner_of(port):
        return f"pid {owner.pid} ({owner.command}): stop it"
    if set(inodes(port)) == {NOBODYS}:
        return "a connection that has ended: wait a minute"
    return "a process that is not yours to see: have it stopped"


def owner_of(port: int) -> Owner | None:
    """The process that holds a local port, None where /proc does not show it (another user's)."""
    sockets = {f"socket:[{inode}]" for inode in inodes(port) if inode != NOBODYS}
    for directory in Path("/proc").glob("[0-9]*"):
        if sockets & set(_open_files(directory)):
            pid = int(directory.name)
            return Owner(pid, _shortened(" ".join(command_line(pid))))
    return None


def inodes(port: int) -> list[str]:
    """The sockets on a local port: those that listen, or else any."""
    rows = [row for table in ("tcp", "tcp6") for row in _rows(Path("/proc/net") / table)]
    mine = [row for row in rows if int(row[1].rpartition(":")[2], 16) == port]
    return [row[9] for row in mine if row[3] == LISTEN] or [row[9] for row in mine]


def _rows(table: Path) -> list[list[str]]:
    try:
        return [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return []


def _open_files(process: Path) -> Iterator[str]:
    try:
        for descriptor in (process / "fd").iterdir():
            yield str(descriptor.readlink())
    except OSError:  # ended meanwhile, or another user's
        return


def _shortened(command: str, limit: int = 100) -> str:
    return command if len(command) <= limit else command[: limit - 1] + "…"
