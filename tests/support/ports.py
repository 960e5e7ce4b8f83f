"""Ports for servers that a test starts: nobody else takes one between the choice and the start."""

from __future__ import annotations

import atexit

from hack.controlplane import ports

_FREE: list[int] = []


def free_port() -> int:
    """Another one each time, below those that the kernel gives to connections, and kept from others."""
    if not _FREE:
        row, reservation = ports.reserve(None)
        _FREE.extend(row.values())
        atexit.register(reservation.close)
    return _FREE.pop()
