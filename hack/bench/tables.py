"""The tables and the plot of docs/benchmarks.md, made from the results in the tree.

``python -m hack.bench.tables``; nothing is measured here, and a unit test holds the page to the results.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Final

from hack.bench.growth import COSTS, families, fitted
from hack.bench.results import RESULTS, groups, kept, pods

PAGE: Final = RESULTS.parent / "benchmarks.md"
PLOT: Final = RESULTS / "scale.svg"
BEGIN, END = "<!-- made by hack.bench.tables -->", "<!-- end -->"
PHASES: Final = {
    "create": "created",
    "roll": "rolled",
    "rollWithSurge": "rolled with surge",
    "workersDie": "all first workers deleted",
    "delete": "deleted",
    "restart": "controller restarted",
}
GROWING: Final = ("create", "roll", "rollWithSurge")
FLOORS: Final = {"create": "createSeconds", "roll": "rollSeconds", "rollWithSurge": "rollSeconds"}
COLOURS: Final = {"create": "#1f6feb", "roll": "#1a7f37", "rollWithSurge": "#9a6700"}
WIDTH, ROW, BAR, LEFT = 640, 22, 16, 190
INK: Final = "#738091"

Document = dict[str, Any]


def title_of(result: Document) -> str:
    """Which controller, what shape, and what else was there."""
    foreign = f", {result['foreignPods']} foreign pods" if result["foreignPods"] else ""
    controller = "" if result["controller"] == "ours" else f"{result['controller']}: "
    return f"{controller}{result['shape'].replace('x', ' x ')}{foreign}"


def ratio(result: Document, phase: str) -> float | None:
    """How many times what plain StatefulSets took for the same pods; None where one was not measured."""
    phases = result["phases"]
    floor = phases.get("floor", {}).get(FLOORS.get(phase, ""))
    return round(phases[phase]["seconds"] / floor, 2) if floor and phase in phases else None


def rows(result: Document) -> Iterable[Sequence[str]]:
    """A line for each phase."""
    for phase, words in PHASES.items():
        found = result["phases"].get(phase)
        if found is None:
            continue
        times = ratio(result, phase)
        server = found.get("componentsCpuSeconds", {}).get("kube-apiserver")
        yield (
            words,
            f"{found['seconds']:g}" + (f" ({times:g}x)" if times is not None else ""),
            f"{found['writesPerGroup']:g} ({found['writesPerGroupWithEvents']:g})",
            f"{sum(found['reads'].values()) / groups(result):.2g}",
            f"{found['cpuMsPerGroup']:g}",
            "" if server is None else f"{1000 * server / groups(result):.0f}",
            f"{found['rssMB']:g}",
            " / ".join(f"{found[x]:g}" for x in ("queueP99Ms", "reconcileP99Ms") if x in found),
        )


HEAD: Final = (
    "Phase",
    "Seconds (x floor)",
    "Writes per group (with events)",
    "Reads per group",
    "CPU ms per group",
    "API server CPU ms per group",
    "RSS MB",
    "p99 ms: wait / pass",
)


def table(result: Document) -> str:
    lines = [
        f"**{title_of(result)}** ({groups(result)} groups, {pods(result)} pods; {result['at']} UTC, "
        f"{result['commit']}, load {result['load']:g} before it began)",
        "",
        f"| {' | '.join(HEAD)} |",
        f"|{' --- |' * len(HEAD)}",
        *(f"| {' | '.join(row)} |" for row in rows(result)),
    ]
    return "\n".join(lines)


def growth(results: Sequence[Document]) -> Iterable[str]:
    """A table for each family of results that differ in one number: the exponents of its costs."""
    for family in families(results):
        numbers = ", ".join(str(n) for n, _ in family.members)
        lines = [
            f"**{family.name}**, N = {numbers}: what a phase costs grows as N to the power of",
            "",
            f"| Phase | {' | '.join(COSTS)} |",
            f"|{' --- |' * (1 + len(COSTS))}",
        ]
        for phase in GROWING:
            powers = [fitted(family, phase, cost) for cost in COSTS]
            lines.append(f"| {PHASES[phase]} | {' | '.join('' if x is None else f'{x:g}' for x in powers)} |")
        yield "\n".join(lines)


def plot(results: Sequence[Document]) -> str:
    """Bars: seconds as a multiple of what plain StatefulSets took for the same pods in the same run."""
    bars = [(x, phase, times) for x in results for phase in FLOORS if (times := ratio(x, phase)) is not None]
    longest = max((times for _, _, times in bars), default=1.0)
    height = ROW * len(bars) + 44
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" font-family="system-ui, sans-serif" font-size="13">',
        "<title>Seconds as a multiple of the same pods by plain StatefulSets</title>",
    ]
    for number, (result, phase, times) in enumerate(bars):
        y = ROW * number + 6
        length = max(1.0, (WIDTH - LEFT - 60) * times / longest)
        if phase == "create":
            parts.append(_text(0, y + 13, title_of(result)))
        parts.append(
            f'<rect x="{LEFT}" y="{y}" width="{length:.0f}" height="{BAR}" rx="3" fill="{COLOURS[phase]}"/>'
        )
        parts.append(_text(LEFT + length + 6, y + 13, f"{times:g}x"))
    for number, (phase, colour) in enumerate(COLOURS.items()):
        x = LEFT + 150 * number
        parts.append(f'<rect x="{x}" y="{height - 26}" width="12" height="12" rx="3" fill="{colour}"/>')
        parts.append(_text(x + 18, height - 15, PHASES[phase]))
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{INK}">{escape(words)}</text>'


def page(text: str, results: Sequence[Document]) -> str:
    """The page with the tables of these results between its marks."""
    made = "\n\n".join([BEGIN, *(table(x) for x in results), *growth(results), END])
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: made, text, flags=re.DOTALL)


def main() -> int:
    results = kept()
    PAGE.write_text(page(PAGE.read_text(), results))
    PLOT.write_text(plot(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
