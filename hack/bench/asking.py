"""A client of a manager's own ports: pod reviews at a steady rate, and liveness as the kubelet asks for it.

``python -m hack.bench.asking WEBHOOKS HEALTH`` is the process that asks: reviews over TLS on a kept
connection, every twentieth on a new one, for as many seconds as standard input says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection, HTTPSConnection
from typing import Final, NamedTuple

from hack.bench.hostile import insecure
from hack.bench.podserver import compact, pod
from lws.webhooks.paths import MUTATE_POD

RATE: Final = 200  # reviews a second of one such process
NEW: Final = 20  # every how many a new connection is made, and liveness asked for
JSON: Final = {"Content-Type": "application/json"}
AHEAD: Final = -15  # nice, where it is allowed: that this process waits for a core is no wait of the server's

Waits = dict[str, list[tuple[float, float]]]  # by kind: when it was sent, and seconds until it was answered


class Ports(NamedTuple):
    """Where a process serves."""

    webhooks: int
    health: int


class Percentiles(NamedTuple):
    """What half of them took at most, and 99 of a hundred, and the longest; in ms."""

    p50: float
    p99: float
    longest: float


def review() -> bytes:
    """An AdmissionReview of a worker pod that has not been mutated yet."""
    request = {"uid": "u", "operation": "CREATE", "namespace": "default", "object": pod(1)}
    return compact({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})


def load(ports: Ports) -> None:
    """Ask for as many seconds as standard input says; print all waits. Whatever fails ends it."""
    body, context, waits = review(), insecure(), Waits(kept=[], new=[], liveness=[])

    def timed(kind: str, connection: HTTPConnection, ask: Callable[[HTTPConnection], object]) -> None:
        began = time.monotonic()
        ask(connection)
        waits[kind].append((began, time.monotonic() - began))
        if kind != "kept":
            connection.close()

    def admit(connection: HTTPConnection) -> None:
        connection.request("POST", MUTATE_POD, body, JSON)
        answer = json.loads(connection.getresponse().read())
        assert answer["response"]["allowed"], answer

    def live(connection: HTTPConnection) -> None:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok"

    kept = HTTPSConnection("127.0.0.1", ports.webhooks, context=context)
    began, seconds = time.monotonic(), float(sys.stdin.readline())
    for number in range(int(seconds * RATE)):
        time.sleep(max(0.0, began + number / RATE - time.monotonic()))
        timed("kept", kept, admit)
        if number % NEW == 0:
            timed("new", HTTPSConnection("127.0.0.1", ports.webhooks, context=context), admit)
            timed("liveness", HTTPConnection("127.0.0.1", ports.health), live)
    print(json.dumps(waits))


@contextmanager
def asking(ports: Ports, seconds: float, *, rate: int = RATE) -> Iterator[Callable[[], Waits]]:
    """Processes that begin to ask now, ``rate`` times a second together; call what is given for the waits."""
    command = [sys.executable, "-m", "hack.bench.asking", *map(str, ports)]
    with ExitStack() as stack:
        clients = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(rate // RATE)
        ]
        for client in clients:
            assert client.stdin is not None
            client.stdin.write(f"{seconds}\n")
            client.stdin.flush()
        yield lambda: _together([json.loads(x.communicate()[0]) for x in clients])


def _together(answers: Iterable[Waits]) -> Waits:
    found = Waits()
    for answer in answers:
        for kind, those in answer.items():
            found.setdefault(kind, []).extend(those)
    return found


def percentiles(waits: Waits) -> dict[str, Percentiles]:
    """By kind."""
    found = {}
    for kind, those in waits.items():
        ordered = sorted(1000 * waited for _, waited in those)
        p50, p99 = (ordered[int(share * len(ordered))] for share in (0.5, 0.99))
        found[kind] = Percentiles(round(p50, 1), round(p99, 1), round(ordered[-1], 1))
    return found


if __name__ == "__main__":
    with suppress(PermissionError):
        os.nice(AHEAD)
    load(Ports(*map(int, sys.argv[1:])))
