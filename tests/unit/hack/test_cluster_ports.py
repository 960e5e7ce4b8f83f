"""The choice of ports, and naming the one who has them."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Iterator

import pytest

from hack.controlplane import ports
from hack.controlplane.layout import ClusterError


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


@pytest.fixture
def row() -> Iterator[dict[str, int]]:
    """Free ports by role, kept from others, and below those that the kernel gives to connections."""
    chosen, reservation = ports.reserve(None)
    with contextlib.closing(reservation):
        yield chosen


def test_a_fixed_port_in_use_names_its_owner(row: dict[str, int]) -> None:
    taken = row["kube-scheduler"]
    with socket.create_server(("127.0.0.1", taken)), pytest.raises(ClusterError) as caught:
        ports.reserve(min(row.values()))
    owner = rf"port {taken} \(for kube-scheduler\) is in use by pid {os.getpid()} \(.*\): stop it or choose "
    assert re.match(owner, str(caught.value))


def test_the_port_of_a_connection_that_has_ended_has_no_owner_to_name(row: dict[str, int], busy: int) -> None:
    """Whoever closes first keeps the port in TIME_WAIT, as clients on the ports of this range would."""
    taken = row["etcd"]
    here = ("127.0.0.1", taken)
    with socket.create_connection(("127.0.0.1", busy), source_address=here) as client:
        client.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ClusterError) as caught:
        ports.reserve(min(row.values()))
    assert "(for etcd) is in use by a connection that has ended: wait a minute or choose" in str(caught.value)


def test_a_port_that_is_bound_and_no_more_is_in_no_table(row: dict[str, int]) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", row["etcd"]))
        with pytest.raises(ClusterError, match="not yours to see: have it stopped or"):
            ports.reserve(min(row.values()))


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


def test_the_message_is_one_line(busy: int) -> None:
    line = ports.in_use("etcd", 2379, ports.holder_of(busy))
    assert line.startswith("port 2379 (for etcd) is in use by pid ")
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
