"""One client of a server: what it may take its time for, and what becomes of what it sends.

Everything here runs in the server's event loop and waits for nothing. A thread is asked for with a whole
request only.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from enum import Enum, auto
from typing import Any, Final, Protocol

import h11

from lws.runtime.logs import get_logger
from lws.runtime.serving.exchange import Answer, EndedError, Exchange, Feed, Progress, RefusedError, plain
from lws.runtime.serving.limits import Limits
from lws.runtime.serving.tls import Tls

MAX_HANDSHAKE: Final = 64 * 1024  # bytes a client may send before it is clear that it speaks TLS

_log = get_logger("http")


class Phase(Enum):
    """What is waited for, each with a time limit of its own but ANSWERING, which is the application's."""

    FIRST = auto()  # the handshake, and the first request's head
    IDLE = auto()  # another request
    HEAD = auto()  # the rest of its head
    BODY = auto()  # the rest of its body
    ANSWERING = auto()  # the application
    WRITING = auto()  # the client, to take the answer
    STREAMING = auto()  # the application, to have more of it; the client has all that there was
    LINGERING = auto()  # the client, to have read the last answer
    CLOSED = auto()


_NOT_READING: Final = (Phase.ANSWERING, Phase.WRITING, Phase.STREAMING, Phase.LINGERING, Phase.CLOSED)


class Hub(Protocol):
    """What connections share (``lws.runtime.serving.server``)."""

    limits: Limits
    context: ssl.SSLContext | None
    leaving: bool

    def joined(self, connection: Connection) -> None: ...
    def moved(self, connection: Connection) -> None: ...
    def left(self, connection: Connection) -> None: ...
    def shake_soon(self, connection: Connection) -> None: ...
    def holds(self, change: int) -> None: ...
    def ask(self, connection: Connection, environ: dict[str, Any]) -> None: ...


class Connection(asyncio.Protocol):
    """Reads, answers and times out one connection. ``hub`` is told of every change of phase."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._exchange = Exchange(hub.limits)
        self._tls = Tls(hub.context) if hub.context is not None else None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._paused = self._ended = False
        self._feed: Feed | None = None
        self.phase, self.since = Phase.FIRST, self._loop.time()
        self.held = 0  # bytes of an unfinished request, or of an answer that is not taken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=0)  # so that pause_writing tells whether all is written
        self._enter(Phase.FIRST, self._hub.limits.first)
        self._hub.joined(self)

    @property
    def port(self) -> int:
        """The client's."""
        peer = self._transport.get_extra_info("peername")
        return int(peer[1]) if peer else 0

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            _log.debug("Connection lost", error=str(exc))
        self._close()

    def data_received(self, data: bytes) -> None:
        if self.phase in (Phase.LINGERING, Phase.CLOSED):
            return
        if self._feed is not None:  # nothing can be answered until this has an end
            self.abort()
            return
        if self.phase in (Phase.ANSWERING, Phase.WRITING):  # what is sent ahead is looked at afterwards
            self._transport.pause_reading()
        if self._tls is None:
            self._exchange.receive(data)
        else:
            self._tls.feed(data)
        if self._tls is None or self._tls.shaken:
            self._read()
        else:  # a client may send its request along with its last word of the handshake
            if self._tls.held > MAX_HANDSHAKE:
                self._transport.pause_reading()
            self._hub.shake_soon(self)
        self._account()

    def eof_received(self) -> bool:
        """The client sends no more, and may yet read: the transport stays open."""
        self._ended = True
        gone = self.phase == Phase.LINGERING or self._feed is not None
        if gone or (self._tls is not None and not self._tls.shaken):
            self.abort()
        else:
            self._read()
        return True

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self.phase == Phase.WRITING:
            self._written()

    def shake(self) -> None:
        """Go on with the handshake; the hub's answer to ``shake_soon``."""
        if self._tls is None or self.phase == Phase.CLOSED:
            return
        try:
            shaken = self._tls.shake()
        except ssl.SSLError as error:
            self._fail(error)
            return
        self._send(b"")
        if not shaken and self._tls.held > MAX_HANDSHAKE:
            self.abort()
            return
        if self.phase == Phase.FIRST:
            self._transport.resume_reading()
        if shaken:
            self._read()
        self._account()

    def answer(self, answer: Answer) -> None:
        """The application's answer has come; the hub's answer to ``ask``."""
        if self.phase != Phase.ANSWERING:
            return  # the client is gone
        try:
            self._reply(answer, last=self._hub.leaving)
        except (h11.LocalProtocolError, ValueError):
            _log.exception("Answer that HTTP does not allow")
            self.abort()

    def abort(self) -> None:
        """Close at once."""
        if self.phase != Phase.CLOSED:
            self._transport.abort()
            self._close()

    def _close(self) -> None:
        self._enter(Phase.CLOSED)
        if self._feed is not None:
            self._feed.close()
            self._feed = None
        self._hub.left(self)
        self._account()

    def _read(self) -> None:
        """Look for a whole request among what has come, unless there is one under way."""
        if self.phase in _NOT_READING:
            return
        try:
            self._decrypt()
            environ = self._exchange.next()
        except EndedError:
            self._finish()
        except RefusedError as refused:
            self._reply(plain(refused.status, str(refused)), last=True)
        except ssl.SSLError as error:
            self._fail(error)
        else:
            self._expect(environ)

    def _decrypt(self) -> None:
        if self._tls is not None:
            if data := self._tls.decrypted():
                self._exchange.receive(data)
            self._ended = self._ended or self._tls.ended
        if self._ended:
            self._exchange.receive(b"")

    def _expect(self, environ: dict[str, Any] | None) -> None:
        limits, progress = self._hub.limits, self._exchange.progress
        if self._exchange.interim:
            self._send(self._exchange.interim)
            self._exchange.interim = b""
        if environ is not None:
            self._enter(Phase.ANSWERING)
            self._hub.ask(self, environ)
        elif progress == Progress.BODY and self.phase != Phase.BODY:
            self._enter(Phase.BODY, limits.request)
        elif progress == Progress.HEAD and self.phase == Phase.IDLE:
            self._enter(Phase.HEAD, limits.head)

    def _reply(self, answer: Answer, *, last: bool) -> None:
        data = self._exchange.answer(answer, last=last)
        if answer.feed is not None and not self._exchange.over:
            self._feed = answer.feed
            self._feed.open(self._wake)
            self._transport.resume_reading()  # to hear that the client goes
        self._write(data)

    def _write(self, data: bytes) -> None:
        self._account(len(data))
        self._enter(Phase.WRITING, self._hub.limits.answer)
        self._send(data)
        if not self._paused:
            self._written()

    def _wake(self) -> None:
        """The feed may have something; from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._flow)

    def _flow(self) -> None:
        """Take what there is once the client has taken all that was."""
        if self._feed is None or self.phase != Phase.STREAMING:
            return
        data = self._feed.take()
        if data is None:
            self._feed.close()
            self._feed = None
            self._write(self._exchange.end())
        elif data:
            self._write(self._exchange.piece(data))

    def _written(self) -> None:
        """The answer is with the client, or at least with the kernel: go on, or part."""
        if self._feed is not None:
            self._account()
            self._enter(Phase.STREAMING)
            self._loop.call_soon(self._flow)
            return
        if not self._exchange.begin_anew():
            self._finish()
            return
        self._account()
        self._enter(Phase.IDLE, self._hub.limits.idle)
        self._transport.resume_reading()
        # Not at once: a client that sends a thousand requests ahead would keep the loop for all of them.
        self._loop.call_soon(self._read)

    def _finish(self) -> None:
        """Say that no more will be said, and give the client time to read what was."""
        if self._tls is not None:
            self._tls.close()
        self._send(b"")
        self._enter(Phase.LINGERING, self._hub.limits.linger)
        if self._ended:
            self._transport.close()
        else:
            self._transport.resume_reading()
            self._transport.write_eof()

    def _fail(self, error: ssl.SSLError) -> None:
        _log.debug("TLS failed", error=str(error))
        self._finish()

    def _send(self, data: bytes) -> None:
        """Send ``data``, and whatever TLS has to say."""
        if self._tls is not None:
            if data:
                self._tls.encrypt(data)
            data = self._tls.outgoing()
        if data:
            self._transport.write(data)

    def _account(self, answer: int = 0) -> None:
        """Tell the hub how many bytes are held, with those of an answer that is not taken yet."""
        held = 0
        if self.phase not in (Phase.LINGERING, Phase.CLOSED):
            held = answer + self._exchange.held + (self._tls.held if self._tls is not None else 0)
        change, self.held = held - self.held, held
        if change:
            self._hub.holds(change)

    def _enter(self, phase: Phase, seconds: float | None = None) -> None:
        self.phase, self.since = phase, self._loop.time()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self._loop.call_later(seconds, self.abort)
        if phase != Phase.CLOSED:
            self._hub.moved(self)
