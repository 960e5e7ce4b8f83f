"""A soak from its beginning to its end: deeds at random, kills now and then, and samples of the manager."""

from __future__ import annotations

import math
import time
from collections import Counter
from datetime import UTC, datetime
from random import Random

from msgspec import Struct

from support.soak.deeds import KILLS, OFTEN, do
from support.soak.samples import Sample, sample
from support.soak.world import World

PAUSE = 0.5  # seconds between two deeds
EVERY = 2.0  # seconds between two samples


class Soak(Struct, frozen=True):
    """What is kept of a run. ``deeds``: how often each was done."""

    when: str
    seed: int
    minutes: float
    deeds: dict[str, int]
    samples: list[Sample]


def run(world: World, *, seed: int, minutes: float, kills: float) -> Soak:
    """``kills``: minutes between two. One that a long deed kept waiting beyond the end is not left out."""
    planned = math.ceil(minutes / kills) - 1
    random, done, samples = Random(seed), Counter[str](), list[Sample]()
    began, life = time.monotonic(), 0
    while (at := time.monotonic() - began) < 60 * minutes or life < planned:
        if at > 60 * kills * (life + 1):
            deed, life = random.choice(KILLS), life + 1
        else:
            deed = random.choice(OFTEN)
        done[deed.__name__] += do(deed, world, random)
        if not samples or at - samples[-1].at >= EVERY:
            samples.append(sample(world.manager.pid, at=time.monotonic() - began, life=life))
        time.sleep(PAUSE)
    samples.append(sample(world.manager.pid, at=time.monotonic() - began, life=life))
    today = datetime.now(UTC).date().isoformat()
    return Soak(today, seed, minutes, dict(sorted(done.items())), samples)
