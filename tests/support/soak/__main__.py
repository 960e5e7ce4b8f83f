"""``make soak``: random deeds for a while, then every set must be right, and nothing of it be left."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import msgspec
from msgspec import Struct

from support.faults.report import row, written
from support.soak.deeds import KILLS, OFTEN, do
from support.soak.picture import picture
from support.soak.samples import Life, Sample, lives, sample
from support.soak.world import World, a_world

DOCS = Path(__file__).resolve().parents[3] / "docs"
KEPT, PAGE, PICTURE = DOCS / "benchmarks" / "soak.json", DOCS / "recovery.md", DOCS / "pictures" / "soak.svg"
BEGIN, END = "<!-- made by make soak -->", "<!-- end of soak -->"
PAUSE = 0.5  # seconds between two deeds
EVERY = 2.0  # seconds between two samples


class Soak(Struct, frozen=True):
    """What is kept of a run. ``deeds``: how often each was done."""

    when: str
    seed: int
    minutes: float
    deeds: dict[str, int]
    samples: list[Sample]


def main() -> int:
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="lws-soak-") as directory, a_world(Path(directory)) as world:
        soak = _soak(world, options)
        if options.keep:
            _keep(soak)
        world.await_right()
        print("every set is right", flush=True)  # noqa: T201
        world.await_nothing()
        print("nothing is left", flush=True)  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=float, default=5.0, help="minutes between two kills of the manager")
    parser.add_argument("--keep", action=argparse.BooleanOptionalAction, default=True, help="write the page")
    return parser


def _soak(world: World, options: argparse.Namespace) -> Soak:
    random, done, samples = Random(options.seed), Counter[str](), list[Sample]()
    began, life = time.monotonic(), 0
    while (at := time.monotonic() - began) < 60 * options.minutes:
        if at > 60 * options.kills * (life + 1):
            deed, life = random.choice(KILLS), life + 1
        else:
            deed = random.choice(OFTEN)
        done[deed.__name__] += do(deed, world, random)
        if not samples or at - samples[-1].at >= EVERY:
            samples.append(sample(world.manager.pid, at=time.monotonic() - began, life=life))
        time.sleep(PAUSE)
    today = datetime.now(UTC).date().isoformat()
    return Soak(today, options.seed, options.minutes, dict(sorted(done.items())), samples)


def _keep(soak: Soak) -> None:
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_bytes(msgspec.json.encode(soak) + b"\n")
    PICTURE.write_text(picture(soak.samples))
    PAGE.write_text(written(PAGE.read_text(), _told(soak), begin=BEGIN, end=END))


def _told(soak: Soak) -> str:
    deeds = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in soak.deeds.items())
    head = ("Life of the manager, s", "Memory, MB", "Threads", "Descriptors")
    return "\n".join(
        [
            f"Made on {soak.when} with `--minutes {soak.minutes:g} --seed {soak.seed}`. Deeds: {deeds}.",
            "",
            row(head),
            row(["---"] * len(head)),
            *map(_line, lives(soak.samples)),
        ]
    )


def _line(life: Life) -> str:
    pairs = (life.rss_mb, life.threads, life.descriptors)
    return row([f"{life.seconds:.0f}", *(f"{early:.0f} → {late:.0f}" for early, late in pairs)])


if __name__ == "__main__":
    sys.exit(main())
