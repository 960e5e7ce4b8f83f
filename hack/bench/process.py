"""What a process has used, from ``/proc`` (Linux)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Usage(NamedTuple):
    """CPU in seconds, user and system together; resident memory in MB (10^6 bytes)."""

    cpu: float
    rss_mb: float


def usage(pid: int) -> Usage:
    """Of this process alone, not of its children. FileNotFoundError when it is gone."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])
    pages = int(fields[21])
    return Usage(
        round(ticks / os.sysconf("SC_CLK_TCK"), 2), round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
    )
