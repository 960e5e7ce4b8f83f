"""A TCP proxy on loopback that can be any bad network: one that refuses, stalls, forgets, crawls, hangs up.

Threads, two for each connection; what passes is never looked at, so TLS goes through.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import NamedTuple

CHUNK = 65536
STEP = 0.05  # seconds between two portions of a slow connection
HOST = "127.0.0.1"


class Traffic(NamedTuple):
    """How bytes go. ``delay``: seconds for each read of up to 64 KiB; ``rate``: bytes a second, 0 for all."""

    stalled: bool = False
    delay: float = 0.0
    rate: int = 0


GOOD = Traffic()


class _Pair(NamedTuple):
    """A connection: what came in, and what it leads to."""

    near: socket.socket
    far: socket.socket


class TcpProxy:
    """Listens on ``port`` and leads to ``target``, a port of this host. A context manager."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._changed = threading.Condition()
        self._traffic = GOOD
        self._hangs_up = False
        self._pairs: set[_Pair] = set()
        self._forgotten: set[_Pair] = set()
        self._listener: socket.socket | None = None
        self.port = self._listen(0)

    def __enter__(self) -> TcpProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()

    def heal(self) -> None:
        """All is well again; connections that were forgotten stay so."""
        with self._changed:
            self._hangs_up = False
        self.carry(GOOD)
        if self._listener is None:
            self._listen(self.port)

    def carry(self, traffic: Traffic) -> None:
        """From now on bytes go like this, those under way included."""
        with self._changed:
            self._traffic = traffic
            self._changed.notify_all()

    def refuse(self) -> None:
        """Nobody listens, and every connection ends."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _end(listener)
        self._end_all()

    def hang_up(self) -> None:
        """As a balancer without a backend: every connection ends, and so does each new one, at once."""
        with self._changed:
            self._hangs_up = True
        self._end_all()

    def forget(self) -> int:
        """No byte passes on any present connection any more, and nobody is told. Returns how many."""
        with self._changed:
            self._forgotten |= self._pairs
            self._changed.notify_all()
            return len(self._pairs)

    def _end_all(self) -> None:
        with self._changed:
            pairs = list(self._pairs)
        for pair in pairs:
            for one in pair:
                _end(one)

    def _listen(self, port: int) -> int:
        self._listener = listener = socket.create_server((HOST, port))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return int(listener.getsockname()[1])

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            if self._hangs_up:
                near.close()
                continue
            try:
                far = socket.create_connection((HOST, self._target))
            except OSError:
                near.close()
                continue
            self._join(_Pair(near, far))

    def _join(self, pair: _Pair) -> None:
        for one in pair:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._changed:
            self._pairs.add(pair)
        for source, sink in (pair, reversed(pair)):
            threading.Thread(target=self._pump, args=(pair, source, sink), daemon=True).start()

    def _pump(self, pair: _Pair, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(CHUNK):
                self._pass(pair, data, sink)
            self._await_passage(pair)
        except OSError:
            pass
        finally:
            self._drop(pair)

    def _drop(self, pair: _Pair) -> None:
        with self._changed:
            self._pairs.discard(pair)
            self._forgotten.discard(pair)
            self._changed.notify_all()
        for one in pair:
            _end(one)

    def _pass(self, pair: _Pair, data: bytes, sink: socket.socket) -> None:
        """Send it on as the traffic is, which may change meanwhile."""
        self._linger(self._traffic.delay)
        while data:
            self._await_passage(pair)
            rate = self._traffic.rate
            portion = max(1, int(rate * STEP)) if rate else len(data)
            sink.sendall(data[:portion])
            data = data[portion:]
            self._linger(STEP if data else 0.0)

    def _linger(self, seconds: float) -> None:
        """For so long, unless the traffic changes."""
        traffic = self._traffic
        with self._changed:
            self._changed.wait_for(lambda: self._traffic != traffic, seconds)

    def _await_passage(self, pair: _Pair) -> None:
        """Until bytes may go on here. Raises OSError when the connection ends meanwhile."""
        with self._changed:
            self._changed.wait_for(
                lambda: pair not in self._pairs or not (self._traffic.stalled or pair in self._forgotten)
            )
            if pair not in self._pairs:
                raise OSError("the connection is gone")


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
