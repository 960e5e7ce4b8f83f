"""``make soak``: random deeds for a while, then every set must be right, and nothing of it be left."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import msgspec

from support.faults.report import row, written
from support.soak.picture import picture
from support.soak.run import Soak, run
from support.soak.samples import Life, lives
from support.soak.world import a_world

DOCS = Path(__file__).resolve().parents[3] / "docs"
KEPT, PAGE, PICTURE = DOCS / "benchmarks" / "soak.json", DOCS / "recovery.md", DOCS / "pictures" / "soak.svg"
BEGIN, END = "<!-- made by make soak -->", "<!-- end of soak -->"


def main() -> int:
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="lws-soak-") as directory, a_world(Path(directory)) as world:
        soak = run(world, seed=options.seed, minutes=options.minutes, kills=options.kills)
        if options.keep:
            keep(soak)
        world.await_right()
        print("every set is right", flush=True)  # noqa: T201
        world.await_nothing()
        print("nothing is left", flush=True)  # noqa: T201
    grows = [x for life in lives(soak.samples) for x in life.grows]
    print("; ".join(grows) or "nothing grows", flush=True)  # noqa: T201
    return 1 if grows else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--kills", type=float, default=5.0, help="minutes between two of them; longer than all: none"
    )
    parser.add_argument("--keep", action=argparse.BooleanOptionalAction, default=True, help="write the page")
    return parser


def keep(soak: Soak) -> None:
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
    taken = (life.rss_mb, life.threads, life.descriptors)
    return row([f"{life.seconds:.0f}", *(" → ".join(f"{x:.0f}" for x in medians) for medians in taken)])


if __name__ == "__main__":
    sys.exit(main())
