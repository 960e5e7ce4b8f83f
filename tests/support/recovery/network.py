"""The network between the manager and the API server is bad for a while."""

from __future__ import annotations

import time
from collections.abc import Callable

from support.recovery.arena import Arena, Desk, Fault
from support.tcpproxy import TcpProxy, Traffic

HEALED = "the network is well again"


def bad(how: Callable[[TcpProxy], object]) -> Callable[[Desk], float]:
    def strike(arena: Desk) -> float:
        how(arena.proxy)
        arena.grow()
        arena.hold()
        arena.proxy.heal()
        return time.time()

    return strike


def half_open(arena: Arena) -> float:
    """Nobody tells the manager that its connections are dead; new ones work at all times."""
    assert arena.proxy.forget()
    arena.grow()
    return time.time()


REFUSED = Fault("network cut: connections end, new ones are refused", HEALED, bad(TcpProxy.refuse))
HUNG_UP = Fault("a balancer whose backend is gone: connections end at once", HEALED, bad(TcpProxy.hang_up))
HALF_OPEN = "half-open connections: dead, and nobody says so"
FAULTS = (
    REFUSED,
    HUNG_UP,
    Fault("packets dropped", HEALED, bad(lambda x: x.carry(Traffic(stalled=True)))),
    Fault("half a second of delay", HEALED, bad(lambda x: x.carry(Traffic(delay=0.5)))),
    Fault("slow bytes: 400 a second", HEALED, bad(lambda x: x.carry(Traffic(rate=400)))),
    Fault("half-open connections, and no lease to find out", "the edit after it", half_open),
)
