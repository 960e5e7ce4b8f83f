"""Clients that no server wants, of every kind, for as long as standard input stays open.

    python -m hack.bench.hostile --port 9443 --tls --count 1000

Those that the server gets rid of come again after a second. "open" is printed once all were connected.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import ssl
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from lws.runtime.serving import raise_open_files

AGAIN: Final = 1.0  # seconds
HEAD: Final = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
WHOLE: Final = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Kind = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]


def insecure() -> ssl.SSLContext:
    """A client's context that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def client_hello() -> bytes:
    """The first message of a handshake."""
    outgoing = ssl.MemoryBIO()
    shaking = insecure().wrap_bio(ssl.MemoryBIO(), outgoing)
    try:
        shaking.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake with nobody")


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def half_open(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"G")
    if writer.can_write_eof():
        writer.write_eof()
    await reader.read()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte a second, and never an end."""
    for byte in itertools.chain(HEAD, itertools.cycle(b"X: y\r\n")):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1.0)
        if reader.at_eof():
            return


def says(data: bytes) -> Kind:
    """Sends ``data``, and reads until the server has enough."""

    async def kind(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await reader.read()

    return kind


async def not_reading(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Asks and asks, and takes no answer."""
    transport = writer.transport
    assert isinstance(transport, asyncio.ReadTransport)
    transport.pause_reading()
    while not writer.is_closing():
        writer.write(WHOLE)
        await writer.drain()
        await asyncio.sleep(1.0)


KINDS: Final[dict[str, Kind]] = {
    "silent": silent,
    "one byte": says(b"G"),
    "half open": half_open,
    "dripping": dripping,
    "half a head": says(HEAD),
    "half a body": says(HEAD + b"Content-Length: 100000\r\n\r\n" + 50_000 * b" "),
    "idle after a request": says(WHOLE),
    "not reading": not_reading,
    "garbage": says(b"\x00\xff" * 500 + b"\r\n\r\n"),
}
"""What is said over plain TCP, or inside TLS."""
BELOW_TLS: Final[dict[str, Kind]] = {
    "no handshake": silent,
    "one byte of a handshake": says(b"\x16"),
    "half a handshake": says(client_hello()),
    "half open, half a handshake": half_open,
    "a handshake of garbage": says(b"\x16\x03\x01\x40\x00" + 500 * b"\xff"),
}
"""What is said to a server that wants TLS without speaking it."""


async def client(
    port: int, kind: Kind, context: ssl.SSLContext | None, connected: Callable[[], None]
) -> None:
    """One that comes again and again."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            connected()
            try:
                await kind(reader, writer)
            finally:
                writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError):
            pass
        await asyncio.sleep(AGAIN)


async def besiege(port: int, count: int, *, tls: bool) -> None:
    """Until standard input ends."""
    context = insecure() if tls else None
    kinds = [(kind, context) for kind in KINDS.values()]
    if tls:
        kinds += [(kind, None) for kind in BELOW_TLS.values()]
    opened = itertools.count(1)

    def connected() -> None:
        if next(opened) == count:
            print("open", flush=True)

    tasks = [
        asyncio.ensure_future(client(port, *chosen, connected))
        for chosen in itertools.islice(itertools.cycle(kinds), count)
    ]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m hack.bench.hostile", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    raise_open_files()
    asyncio.run(besiege(options.port, options.count, tls=options.tls))


if __name__ == "__main__":
    main()
