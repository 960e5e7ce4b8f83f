"""What a process takes, now and over time: resident memory, threads, descriptors (Linux)."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from msgspec import Struct

from hack.bench.process import usage


class Sample(Struct, frozen=True):
    """``at``: seconds since the beginning; ``life``: how often the manager had been started before."""

    at: float
    life: int
    rss_mb: float
    threads: int
    descriptors: int


def sample(pid: int, *, at: float, life: int) -> Sample:
    process = Path(f"/proc/{pid}")
    threads, descriptors = (sum(1 for _ in (process / part).iterdir()) for part in ("task", "fd"))
    return Sample(round(at, 1), life, usage(pid).rss_mb, threads, descriptors)


class Life(Struct, frozen=True):
    """Of one process: medians of the second and of the last fifth of its samples."""

    seconds: float
    rss_mb: tuple[float, float]
    threads: tuple[float, float]
    descriptors: tuple[float, float]


def lives(samples: list[Sample]) -> list[Life]:
    """Those long enough to tell anything."""
    found = [[x for x in samples if x.life == number] for number in sorted({x.life for x in samples})]
    return [_life(x) for x in found if len(x) >= 10]


def _life(samples: list[Sample]) -> Life:
    fifth = len(samples) // 5

    def ends(member: str) -> tuple[float, float]:
        values = [float(getattr(x, member)) for x in samples]
        return median(values[fifth : 2 * fifth]), median(values[-fifth:])

    seconds = round(samples[-1].at - samples[0].at, 1)
    return Life(seconds, ends("rss_mb"), ends("threads"), ends("descriptors"))
