"""What one server lets its clients have: connections, bytes and seconds; and how many files there may be.

Every bound is on what a stranger could use up. Times are those of a monotonic clock.
"""

from __future__ import annotations

import resource
from typing import Final

from msgspec import Struct

MIB: Final = 1024 * 1024
SHARE: Final = 4
"""A server takes a fourth of the files: there are three, and the API server's connections need some, too."""


class Limits(Struct, frozen=True, kw_only=True):
    """Bounds of one server. Bytes, and seconds.

    ``buffered``: of all connections together, requests and answers. ``body``: a longer one is dropped as it
    arrives, and the application sees its length alone. ``first``: from the connection to the end of its first
    request's head, the TLS handshake included. ``head`` and ``request``: a later head, and the rest of any
    request. ``answer``: until the client has taken it. ``idle``: between two requests; longer than the 90 s
    after which Go's clients (kube-apiserver) drop a connection: the side that sends must be the one that
    closes, or a request meets a closing connection and fails. ``linger``: for a client to read the last
    answer before what it sent in vain resets the connection.
    """

    connections: int = 1024
    buffered: int = 64 * MIB
    line: int = 64 * 1024  # a request's line and header lines together
    body: int = 64 * 1024
    first: float = 10.0
    head: float = 10.0
    request: float = 30.0
    answer: float = 30.0
    idle: float = 120.0
    linger: float = 1.0


def raise_open_files() -> int:
    """Let this process open as many files as it may at all, as Go's runtime does; how many.

    Container runtimes give 1,024 to programs that do not ask (containerd 2), and may refuse to be asked.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft
    return hard


def fair_connections(wanted: int) -> int:
    """``wanted``, or less where the process may not open that many files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft // SHARE))
