"""The choice of ports, and naming the one who has them."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

import pytest

from hack.controlplane import ports
from hack.controlplane.layout import ClusterError
from hack.controlplane.ports import Owner


@pytest.fixture
def busy() -> Iterator[int]:
    """A port this test listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_the_owner_of_a_port_is_found(busy: int) -> None:
    owner = ports.owner_of(busy)
    assert owner is not None
    assert owner.pid == os.getpid()
    assert "py" in owner.command


def test_a_busy_port_is_not_free_and_answers(busy: int) -> None:
    assert not ports.is_free(busy)
    assert ports.answers(busy)


def test_a_fixed_port_in_use_names_its_owner(busy: int) -> None:
    base = busy - list(ports.numbered(0)).index("kube-scheduler")
    with pytest.raises(ClusterError) as caught:
        ports.reserve(base)
    # The ports below it may be somebody's too; then that one is named, with its own pid.
    assert "is in use by pid" in str(caught.value)
    assert "choose another --port-base" in str(caught.value)


def test_the_one_who_listens_owns_a_port_before_those_who_are_connected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def row(port: int, state: str, inode: str) -> list[str]:
        return ["0:", f"0100007F:{port:04X}", "00000000:0000", state, "", "", "", "0", "0", inode]

    rows = [row(80, "01", "11"), row(80, ports.LISTEN, "22"), row(81, "01", "33")]
    monkeypatch.setattr(ports, "_rows", lambda table: rows if table.name == "tcp" else [])
    assert ports.inodes(80) == ["22"]
    assert ports.inodes(81) == ["33"]
    assert ports.inodes(82) == []


@pytest.mark.parametrize(
    ("owner", "text"),
    [
        (
            Owner(42, "/usr/bin/etcd --name=x"),
            "port 2379 (for etcd) is in use by pid 42 (/usr/bin/etcd --name=x):",
        ),
        (None, "port 2379 (for etcd) is in use by a process of another user:"),
    ],
)
def test_the_message_is_one_line(owner: Owner | None, text: str) -> None:
    line = ports.in_use("etcd", 2379, owner)
    assert line.startswith(text)
    assert "\n" not in line


def test_free_ports_are_found_in_a_row_and_not_twice() -> None:
    first, reservation = ports.reserve(None)
    with contextlib.closing(reservation):
        second, other = ports.reserve(None)
        other.close()
        values = sorted(first.values())
        assert values == list(range(values[0], values[0] + len(ports.ROLES)))
        assert not set(values) & set(second.values())


def test_two_starting_clusters_cannot_have_one_range() -> None:
    chosen, reservation = ports.reserve(None)
    base = min(chosen.values())
    with contextlib.closing(reservation), pytest.raises(ClusterError, match="another `up` is starting"):
        ports.reserve(base)
    again, reservation = ports.reserve(base)
    reservation.close()
    assert again == chosen


@pytest.mark.parametrize("base", [0, -5, 65533, 70000])
def test_a_range_beyond_the_ports_is_refused(base: int) -> None:
    with pytest.raises(ClusterError, match="choose one from"):
        ports.reserve(base)
