"""Durations as Go writes them, ``1m30s``: how the configuration file and the flags spell time."""

from __future__ import annotations

import re
from typing import Final

_SECONDS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_TERM: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_WHOLE: Final = re.compile(rf"([-+]?)((?:{_TERM.pattern})+|0)", re.ASCII)
_LONGEST: Final = 2**63 / 1e9  # Go's, in nanoseconds

ALLOWED: Final = "a duration with its unit, such as 15s, 500ms or 1m30s"


def parse_duration(text: str) -> float:
    """Seconds. The grammar of Go's ``time.ParseDuration``: ``0`` alone needs no unit. Raises ValueError."""
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        raise ValueError(f"{text!r} is not a duration")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _TERM.findall(whole[2]))
    if seconds > _LONGEST:
        raise ValueError("a duration of more than 292 years")
    return -seconds if whole[1] == "-" else seconds


def format_duration(seconds: float) -> str:
    """Something ``parse_duration`` reads back, in the largest unit that leaves no fraction."""
    for unit, size in (("h", 3600), ("m", 60), ("s", 1)):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
