"""What a process takes, now and over time: resident memory, threads, descriptors (Linux)."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from msgspec import Struct

from hack.bench.process import usage
from lws.runtime.events.series import FINISH_AFTER


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


Medians = tuple[float, float, float]
"""Of the second, of the third and of the last fifth of a life."""

LONG = 2.5 * FINISH_AFTER
"""Seconds of a life that tells whether anything grows.

What events told is remembered for six minutes, also of objects that are gone, so a process that sees new ones
all the time takes more and more for so long. The third fifth of such a life begins when that is over.
"""
GROWTH = {"rss_mb": 3.0, "threads": 2.0, "descriptors": 6.0}
"""How much more the last fifth may take than the third.

Of memory: 2 kB for each of the 1,400 deeds between the two in half an hour. Of the others: a watch or two
that are just being made anew.
"""


class Life(Struct, frozen=True):
    """Of one process. Medians, because collections and new connections make single samples jump."""

    seconds: float
    rss_mb: Medians
    threads: Medians
    descriptors: Medians

    @property
    def grows(self) -> list[str]:
        """What does not level off; of a short life nothing is said."""
        if self.seconds < LONG:
            return []
        found = {x: getattr(self, x) for x in GROWTH}
        return [
            f"{name} {middle:.1f} → {late:.1f}"
            for name, (_, middle, late) in found.items()
            if late - middle > GROWTH[name]
        ]


def lives(samples: list[Sample]) -> list[Life]:
    """Those long enough to tell anything."""
    found = [[x for x in samples if x.life == number] for number in sorted({x.life for x in samples})]
    return [_life(x) for x in found if len(x) >= 10]


def _life(samples: list[Sample]) -> Life:
    fifth = len(samples) // 5

    def ends(member: str) -> Medians:
        values = [float(getattr(x, member)) for x in samples]
        return (
            median(values[fifth : 2 * fifth]),
            median(values[2 * fifth : 3 * fifth]),
            median(values[-fifth:]),
        )

    seconds = round(samples[-1].at - samples[0].at, 1)
    return Life(seconds, ends("rss_mb"), ends("threads"), ends("descriptors"))
