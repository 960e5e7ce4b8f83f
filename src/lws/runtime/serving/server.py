"""A small HTTP/1.1 server for WSGI applications, with or without TLS, on one event loop.

One thread accepts, shakes hands, and reads whole requests within bounds; only those cost a worker thread, and
their answers are written by the loop again. So clients that are slow, silent or many hold nobody up. When
there are too many, those go first that have never asked for anything, the oldest first.
Applications (health, metrics, webhooks) live elsewhere; what one connection does is ``connection``'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import socket
import ssl
from itertools import chain
from threading import Thread
from typing import Any, Final

import msgspec

from lws.runtime.logs import get_logger
from lws.runtime.serving.connection import Connection, Phase
from lws.runtime.serving.exchange import WsgiApp, call
from lws.runtime.serving.limits import Limits, fair_connections
from lws.runtime.serving.workers import Workers

BACKLOG: Final = 1024
AT_ONCE: Final = 16  # connections accepted before the others are looked at again
ACCEPT_AGAIN: Final = 0.005, 1.0  # seconds after a failure, doubled until it works, as Go's net/http does
QUIET: Final = 0.5  # seconds without a request after which nobody is taken to be about to send one

_BUSY: Final = (Phase.ANSWERING, Phase.WRITING)
_log = get_logger("http")


class BindError(OSError):
    """The address cannot be listened on; the text is one line that names it."""


class HttpServer:
    """Serves ``app`` on ``host``:``port`` with ``threads`` threads once started; safe to stop twice.

    ``host`` ``""`` means every address, IPv4 and IPv6. ``port`` 0 asks for a free one; ``port`` is the
    real one after ``start``. The ``ssl_context`` may change its certificate while serving.
    ``drain`` bounds, in seconds, how long ``stop`` waits for requests under way, and ``leave`` how long it
    goes on before that, closing connections with their next answer, while there are requests: a client that
    keeps connections must not find one closed just when it sends.
    """

    def __init__(
        self,
        app: WsgiApp,
        *,
        host: str,
        port: int,
        ssl_context: ssl.SSLContext | None = None,
        threads: int,
        name: str,
        limits: Limits | None = None,
        drain: float = 10.0,
        leave: float = 0.0,
    ) -> None:
        self.name = name
        self.port = port
        self._host = host or ("::" if socket.has_dualstack_ipv6() else "0.0.0.0")
        if ssl_context is not None:
            ssl_context.set_alpn_protocols(["http/1.1"])
        self._app, self._context, self._threads = app, ssl_context, threads
        self._limits, self._drain, self._leave = limits or Limits(), drain, leave
        self._loop: _Loop | None = None
        self._thread: Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether it serves: started, not stopped, and its event loop has not died."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Listen and serve; returns once connections are accepted. Raises BindError."""
        try:
            listener = _listen(self._host, self.port)
        except OSError as error:
            reason = "address already in use" if error.errno == errno.EADDRINUSE else str(error)
            raise BindError(
                f"{self.name}: cannot listen on port {self.port} of {self._host}: {reason}"
            ) from error
        self.port = listener.getsockname()[1]
        workers = Workers(self._threads, self.name)
        workers.start()
        self._loop = _Loop(
            self._app, workers, self._context, self._limits, drain=self._drain, leave=self._leave
        )
        self._thread = Thread(
            target=self._serve, args=(self._loop, listener, workers), name=self.name, daemon=True
        )
        self._thread.start()

    def let_pass(self, port: int) -> None:
        """The client at this port is a check of our own: its handshake does not queue behind strangers'."""
        if self._loop is not None:
            self._loop.own_check = port

    def stop(self) -> None:
        """Take leave of clients, accept no more, let requests under way finish, close everything."""
        if self._loop is not None and self._thread is not None:
            self._loop.stop()
            self._thread.join()

    def _serve(self, loop: _Loop, listener: socket.socket, workers: Workers) -> None:
        try:
            loop.run(listener)
        except BaseException:  # noqa: BLE001 - whatever ends it, alive turns false and the manager acts
            _log.exception("HTTP server died", server=self.name)
        finally:
            listener.close()
            workers.stop()


class _Loop:
    """The event loop of one server, and what its connections share (``connection.Hub``).

    ``_fresh`` have asked for nothing yet, ``_kept`` have; both in the order in which they may have to go.
    """

    def __init__(
        self,
        app: WsgiApp,
        workers: Workers,
        context: ssl.SSLContext | None,
        limits: Limits,
        *,
        drain: float,
        leave: float,
    ) -> None:
        self.limits, self.context, self.leaving = limits, context, False
        self.own_check = 0
        self._app, self._workers = app, workers
        self._drain, self._leave = drain, leave
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_report)
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._last_request = -math.inf
        self._held = 0
        self._delay = 0.0
        self._fresh: dict[Connection, None] = {}
        self._kept: dict[Connection, None] = {}
        self._busy: dict[Connection, None] = {}
        self._unshaken: list[Connection] = []
        self._arriving: set[asyncio.Task[Any]] = set()

    def run(self, listener: socket.socket) -> None:
        """Serve until :meth:`stop` is called by another thread."""
        self.limits = msgspec.structs.replace(
            self.limits, connections=fair_connections(self.limits.connections)
        )
        try:
            self._loop.run_until_complete(self._main(listener))
        finally:
            self._loop.close()

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._stopping.set)

    def joined(self, connection: Connection) -> None:
        """A new connection; another makes room for it where there are too many."""
        self._fresh[connection] = None
        if len(self._fresh) + len(self._kept) + len(self._busy) > self.limits.connections:
            self._part_with_one(connection)

    def moved(self, connection: Connection) -> None:
        """A connection has another phase."""
        if connection.phase in _BUSY:
            self._fresh.pop(connection, None)
            self._kept.pop(connection, None)
            self._busy[connection] = None
        elif connection in self._busy:
            del self._busy[connection]
            those = self._fresh if connection.phase == Phase.LINGERING else self._kept
            those[connection] = None
            self._changed.set()

    def left(self, connection: Connection) -> None:
        for those in (self._fresh, self._kept, self._busy):
            those.pop(connection, None)
        self._changed.set()

    def shake_soon(self, connection: Connection) -> None:
        """Handshakes cost a millisecond each: one a turn, so that requests go on, and the newest first.

        When more come than can be served, those who still wait for their answer are among the newest.
        """
        if connection.port == self.own_check:
            self._loop.call_soon(connection.shake)
            return
        self._unshaken.append(connection)
        if len(self._unshaken) == 1:
            self._loop.call_soon(self._shake_one)

    def holds(self, change: int) -> None:
        """Connections hold more bytes, or fewer; when it is too much, who takes longest for its own goes."""
        self._held += change
        while self._held > self.limits.buffered:
            everybody = chain(self._fresh, self._kept, self._busy)
            waited_for = [one for one in everybody if one.held and one.phase != Phase.ANSWERING]
            if not waited_for:
                break
            _log.debug("Connection closed: too many bytes are held")
            min(waited_for, key=lambda one: one.since).abort()

    def ask(self, connection: Connection, environ: dict[str, Any]) -> None:
        """Have a worker answer."""
        self._last_request = self._loop.time()

        def work() -> None:
            answer = call(self._app, environ)
            with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
                self._loop.call_soon_threadsafe(connection.answer, answer)

        self._workers.do(work)

    def _shake_one(self) -> None:
        connection = self._unshaken.pop()
        if self._unshaken:
            self._loop.call_soon(self._shake_one)
        connection.shake()

    async def _main(self, listener: socket.socket) -> None:
        self._loop.add_reader(listener, self._accept, listener)
        await self._stopping.wait()
        self.leaving = True
        await self._fall_quiet()
        self._loop.remove_reader(listener)
        listener.close()
        for connection in [*self._fresh, *self._kept]:
            connection.abort()
        await self._finish_busy()
        for connection in [*self._fresh, *self._kept, *self._busy]:
            connection.abort()
        await asyncio.sleep(0)  # for the transports, which close their sockets in the next turn

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                client, _ = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._accept_later(listener, error)
                return
            self._delay = 0.0
            client.setblocking(False)
            task = self._loop.create_task(
                self._loop.connect_accepted_socket(lambda: Connection(self), client)
            )
            self._arriving.add(task)
            task.add_done_callback(self._arriving.discard)

    def _accept_later(self, listener: socket.socket, error: OSError) -> None:
        """There are no descriptors or no memory left, as a rule: free one, and do not ask on and on."""
        first, longest = ACCEPT_AGAIN
        self._delay = min(2 * self._delay or first, longest)
        _log.error("Cannot accept a connection", error=str(error), again=self._delay)
        self._part_with_one()
        self._loop.remove_reader(listener)
        self._loop.call_later(self._delay, self._accept_again, listener)

    def _accept_again(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:
            self._loop.add_reader(listener, self._accept, listener)

    def _part_with_one(self, but: Connection | None = None) -> None:
        """Close the connection that is missed least; ``but`` itself when there is no other."""
        others = (one for one in chain(self._fresh, self._kept) if one is not but)
        victim = next(others, but)
        if victim is not None:
            victim.abort()

    async def _fall_quiet(self) -> None:
        """Wait until nobody asks any more, for as long as leave may be taken."""
        deadline = self._loop.time() + self._leave
        while (left := min(deadline, self._last_request + QUIET) - self._loop.time()) > 0:
            await asyncio.sleep(left)

    async def _finish_busy(self) -> None:
        deadline = self._loop.time() + self._drain
        while self._busy and (left := deadline - self._loop.time()) > 0:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)


def _listen(host: str, port: int) -> socket.socket:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    both = host == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=both)
    listener.setblocking(False)
    return listener


def _report(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What nobody expected in a callback; its connection is closed by its time limit at the latest."""
    _log.error("Event loop", error=context.get("message", ""), exc_info=context.get("exception"))
