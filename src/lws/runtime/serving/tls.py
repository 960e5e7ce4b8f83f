"""The server's side of one TLS connection without I/O: bytes of the network in, bytes for it out.

Not asyncio's own: that takes 256 KiB of memory for every connection, and shakes hands in order of arrival.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import Final

PIECE: Final = 64 * 1024


class Tls:
    """One connection. Methods may raise ``ssl.SSLError``; :meth:`outgoing` then holds the alert."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.shaken = False
        self.ended = False  # whether the client has said that it sends no more

    @property
    def held(self) -> int:
        """Bytes that the network brought and nobody has asked for yet."""
        return self._incoming.pending

    def feed(self, data: bytes) -> None:
        """Take in what the network brought."""
        self._incoming.write(data)

    def shake(self) -> bool:
        """Go on with the handshake as far as the bytes reach; whether it is done."""
        try:
            self._object.do_handshake()
            self.shaken = True
        except ssl.SSLWantReadError:
            pass
        return self.shaken

    def decrypted(self) -> bytes:
        """What the client has said since the last call; nothing, until more comes or ``ended``."""
        pieces = []
        try:
            while piece := self._object.read(PIECE):
                pieces.append(piece)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        return b"".join(pieces)

    def encrypt(self, data: bytes) -> None:
        """Put ``data`` among what goes out."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._object.write(rest) :]

    def close(self) -> None:
        """Put the closing alert among what goes out; what the client answers is not waited for."""
        if self.shaken:
            with contextlib.suppress(ssl.SSLError):  # it wants the client's alert, or is past saving
                self._object.unwrap()

    def outgoing(self) -> bytes:
        """What must go to the network."""
        return self._outgoing.read()
