"""One long answer as it arrives. Bytes in, bytes out: lines and events are ``lws.kube.watch``'s business."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from types import TracebackType

from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from lws.kube.faults import transport_error

CHUNK = 65536  # bytes at most per piece


class Stream:
    """An iterator of non-empty pieces of the body, each handed out as soon as it is here.

    One thread reads. ``close()`` may come from any other: it shuts the socket down, so a reader blocked in
    ``recv`` wakes at once and its iteration ends without an error. A proper end of the body ends the
    iteration; a broken or silent connection raises TransportError. Use as a context manager: leaving it
    frees the socket.
    """

    def __init__(
        self,
        response: BaseHTTPResponse,
        what: str,
        *,
        read_timeout: float,
        on_silence: Callable[[float], None] = lambda _since: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``what``: the request in words; ``on_silence`` is told since when nothing came."""
        self._on_silence = on_silence
        self._response = response
        self._what = what
        self._closed = False
        self._finished = False
        self._clock = clock
        self._heard = clock()
        # The time to wait for data differs from the time the headers may take. The socket is out of reach
        # only when the server will close it after the answer; the shorter time then stays in force.
        self._socket = getattr(response.connection, "sock", None)
        self.limit(read_timeout)

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        self._finish()

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> bytes:
        if self._finished or self._closed:
            self._finish()
            raise StopIteration
        data = self._read()
        if not data or self._closed:
            self._finish()
            raise StopIteration
        return data

    @property
    def silence(self) -> float:
        """Seconds since anything came."""
        return self._clock() - self._heard

    def limit(self, read_timeout: float) -> None:
        """So many seconds without a byte are a lost connection from now on. For the reading thread."""
        if self._socket is not None:
            self._socket.settimeout(read_timeout)

    def close(self) -> None:
        """End the stream from any thread; idempotent."""
        self._closed = True
        with contextlib.suppress(OSError, RuntimeError, TypeError, ValueError):  # it ends by itself just now
            self._response.shutdown()

    def _read(self) -> bytes:
        try:
            data = self._response.read1(CHUNK)
            self._heard = self._clock()
            return data
        except Exception as error:
            self._finish()
            if self._closed:  # whatever reading a socket that was shut down beneath us raised
                return b""
            if isinstance(error, HTTPError):
                lost = transport_error(error, self._what)
                if lost.silent:
                    self._on_silence(self._heard)
                raise lost from error
            raise

    def _finish(self) -> None:
        """Free the connection; only in the reading thread, for urllib3's response is not shared."""
        if not self._finished:
            self._finished = True
            self._response.close()
            self._response.release_conn()
