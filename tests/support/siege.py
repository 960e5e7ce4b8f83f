"""Clients that no server wants, of every kind, at one of the manager's ports (``hack.bench.hostile``)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from support.cluster import ROOT


@contextmanager
def besieged(url: str, clients: int) -> Iterator[None]:
    """So many at that address, all of them connected."""
    address = urlsplit(url)
    command = [sys.executable, "-m", "hack.bench.hostile", f"--port={address.port}", f"--count={clients}"]
    if address.scheme == "https":
        command.append("--tls")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield
        finally:
            process.stdin.close()
