"""Durations as people write them for the hollow kubelet: ``5s``, ``1m30s``, ``250ms``, ``exp(2s)``."""

from __future__ import annotations

import random
import re
from typing import NamedTuple

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Delay(NamedTuple):
    """A duration in seconds, or the mean of an exponential distribution to draw it from."""

    seconds: float
    drawn: bool = False

    def sample(self, seed: str) -> float:
        """The delay in seconds; equal seeds give equal draws, whatever else was drawn before."""
        return (
            random.Random(seed).expovariate(1 / self.seconds) if self.drawn and self.seconds else self.seconds
        )


def parse_duration(text: str) -> float:
    """Seconds in a duration. Raises ValueError."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration: write 5s, 250ms or 1m30s")
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def parse_delay(text: str) -> Delay:
    """A fixed duration, or ``exp(MEAN)``. Raises ValueError."""
    inner = re.fullmatch(r"exp\((.+)\)", text)
    return Delay(parse_duration(inner[1]), drawn=True) if inner else Delay(parse_duration(text))
