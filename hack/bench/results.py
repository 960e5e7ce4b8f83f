"""Results of ``hack.bench.scale`` in the tree: a file for each controller and shape."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from hack.bench.controllers import HACK, Contender

RESULTS: Final = HACK.parent / "docs" / "benchmarks"

Document = dict[str, Any]


def circumstances(contender: Contender) -> Document:
    """When, of what, and on which machine."""
    commit = subprocess.run(
        ["git", "-C", HACK, "rev-parse", "--short", "HEAD"], stdout=subprocess.PIPE, text=True, check=True
    )
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "controller": contender.name,
        "commit": commit.stdout.strip(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "load": round(os.getloadavg()[0], 1),
    }


def keep(result: Document) -> Path:
    """Write it where the page is made from; the path."""
    RESULTS.mkdir(exist_ok=True)
    foreign = f"-foreign{result['foreignPods']}" if result["foreignPods"] else ""
    controller = re.sub(r"\W+", "", result["controller"])
    path = RESULTS / f"{controller}-{result['shape']}{foreign}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


def kept() -> list[Document]:
    """All that are there, by the number of pods; what others measured lies there, too."""
    found = [json.loads(x.read_text()) for x in RESULTS.glob("*-*x*x*.json")]
    return sorted(found, key=lambda x: (pods(x), x["shape"], x["foreignPods"], x["controller"]))


def groups(result: Document) -> int:
    sets, of_each, _ = map(int, result["shape"].split("x"))
    return sets * of_each


def pods(result: Document) -> int:
    return groups(result) * int(result["shape"].rpartition("x")[2])
