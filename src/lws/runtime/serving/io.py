"""Below cheroot: requests read from a socket within a deadline, answers written in one piece."""

from __future__ import annotations

import errno
import socket
import ssl
import time

REQUEST_TIMEOUT = 30.0  # seconds for one whole request to arrive, and for one answer to be taken
PIECE = 64 * 1024


class Reader:
    """Buffered reading from a socket within a deadline; knows, unlike ``io``, whether bytes are waiting."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = bytearray()
        self._deadline = 0.0
        self.bytes_read = 0
        self.closed = False

    def expect_within(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def has_data(self) -> bool:
        """Whether a read would find bytes without waiting for the network's readiness."""
        pending = getattr(self._socket, "pending", None)  # decrypted by TLS, invisible to a selector
        return bool(self._buffer) or (pending is not None and pending() > 0)

    def readline(self, size: int) -> bytes:
        """Up to and with the next newline, at most ``size`` bytes; less at the end of the stream."""
        while True:
            end = self._buffer.find(b"\n", 0, size) + 1
            if end or len(self._buffer) >= size or not self._fill(PIECE):
                return self._take(end or size)

    def read(self, size: int) -> bytes:
        """``size`` bytes, less at the end of the stream; none when ``size`` is not positive."""
        while len(self._buffer) < size and self._fill(min(PIECE, size - len(self._buffer))):
            pass
        return self._take(size)

    def close(self) -> None:
        self.closed = True

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[: max(0, size)])
        del self._buffer[: len(taken)]
        self.bytes_read += len(taken)
        return taken

    def _fill(self, size: int) -> bool:
        """Wait for bytes; False at the end of the stream."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(size)
        except ssl.SSLError as error:
            raise ConnectionResetError(errno.ECONNRESET, str(error)) from None
        self._buffer += data
        return bool(data)


class Writer:
    """Collects an answer, so that it leaves in one write: one TLS record or segment, no delayed ACK."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._pieces: list[bytes] = []
        self.bytes_written = 0

    def write(self, data: bytes) -> int:
        self._pieces.append(data)
        return len(data)

    def flush(self) -> None:
        if self._pieces:
            data, self._pieces = b"".join(self._pieces), []
            self._socket.settimeout(REQUEST_TIMEOUT)
            self._socket.sendall(data)
            self.bytes_written += len(data)
