"""The pictures of Concepts and README: ``python docs/pictures/draw.py`` writes them beside itself.

Colours are such that a picture reads on a light and on a dark page, which it cannot know of; type is large
enough for the width of a telephone, to which a picture is shrunk. What stands in them is held to the code by
``tests/unit/test_pictures.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

HERE = Path(__file__).resolve().parent
WIDTH: Final = 480
INK, LINE, BLUE, GREEN, SLATE, AMBER = "#738091", "#8b98a9", "#1f6feb", "#1a7f37", "#57606a", "#9a6700"
HEAD: Final = f"""<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5"
 markerWidth="7" markerHeight="7" orient="auto-start-reverse">
<path d="M0 0L10 5L0 10z" fill="{INK}"/></marker></defs>"""

OLD, NEW, STARTING, NONE = "old", "new", "starts", ""
FILLS: Final = {OLD: SLATE, NEW: GREEN, STARTING: AMBER}


def text(x: float, y: float, words: str, *, size: int = 14, fill: str = INK, anchor: str = "middle") -> str:
    weight = ' font-weight="600"' if fill == "#fff" else ""
    place = f'x="{x}" y="{y}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"{weight}'
    return f"<text {place}>{escape(words)}</text>"


def box(x: float, y: float, width: float, height: float, fill: str, *lines: str) -> str:
    """Filled, with its lines in the middle: the first large, the others small."""
    first = y + height / 2 + 5 - 9 * (len(lines) - 1)
    words = [text(x + width / 2, first, lines[0], fill="#fff")]
    for number, line in enumerate(lines[1:], 1):
        words.append(text(x + width / 2, first + 18 * number, line, size=12, fill="#fff"))
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="7" fill="{fill}"/>' + "".join(words)


def frame(x: float, y: float, width: float, height: float, colour: str = LINE) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="10" fill="{colour}" fill-opacity="0.1"'
        f' stroke="{colour}" stroke-width="1.5"/>'
    )


def arrow(*points: tuple[float, float]) -> str:
    path = " ".join(f"{x},{y}" for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="{INK}" stroke-width="1.7" marker-end="url(#head)"/>'
    )


def picture(height: int, title: str, parts: Iterable[str]) -> str:
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    font = 'role="img" font-family="system-ui, -apple-system, Segoe UI, Roboto, sans-serif"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>',
        f"<title>{escape(title)}</title>",
        HEAD,
    ]
    return "\n".join([*lines, *filter(None, parts), "</svg>\n"])


def groups() -> str:
    """A set, its groups and their pods, with the names they have."""
    parts = [box(90, 12, 300, 50, BLUE, "LeaderWorkerSet llm", "replicas: 2, size: 3")]
    for number, left in enumerate((14, 248)):
        middle = left + 109
        parts += [
            frame(left, 122, 218, 238),
            arrow((240, 62), (240, 84), (middle, 84), (middle, 158)),
            text(left + 14, 144, f"group {number}", anchor="start"),
            box(middle - 70, 160, 140, 48, GREEN, f"llm-{number}", "leader"),
            arrow((middle, 208), (middle, 232)),
            text(middle, 250, f"StatefulSet llm-{number}", size=12),
        ]
        for worker, x in ((1, left + 12), (2, left + 114)):
            parts += [
                arrow((middle, 258), (middle, 272), (x + 46, 272), (x + 46, 294)),
                box(x, 296, 92, 48, SLATE, f"llm-{number}-{worker}", "worker"),
            ]
    parts.append(text(240, 104, "StatefulSet llm", size=12))
    parts.append(text(240, 388, "A group starts, is ready, rolls, fails and goes as a whole."))
    return picture(402, "A LeaderWorkerSet, its two groups, and their three pods each", parts)


class Moment(NamedTuple):
    """A row of the roll: what it is called, and the state of each group by index."""

    name: str
    states: tuple[str, ...]


# Four groups with maxSurge 1 and maxUnavailable 0.
ROLL: Final = (
    Moment("before", (OLD, OLD, OLD, OLD, NONE)),
    Moment("step 1", (OLD, OLD, OLD, OLD, STARTING)),
    Moment("step 2", (OLD, OLD, OLD, STARTING, NEW)),
    Moment("step 3", (OLD, OLD, STARTING, NEW, NEW)),
    Moment("step 4", (OLD, STARTING, NEW, NEW, NEW)),
    Moment("step 5", (STARTING, NEW, NEW, NEW, NEW)),
    Moment("after", (NEW, NEW, NEW, NEW, NONE)),
)


def roll() -> str:
    """A roll with a surge group, a row for each step."""
    columns = [78 + 66 * index for index in range(5)]
    parts = [text(x + 30, 24, f"group {n}", size=12) for n, x in enumerate(columns[:4])]
    parts += [text(columns[4] + 30, 24, "surge", size=12), frame(columns[4] - 3, 34, 66, 320)]
    for row, moment in enumerate(ROLL):
        top = 40 + 46 * row
        ready = sum(x in (OLD, NEW) for x in moment.states)
        parts += [text(6, top + 22, moment.name, size=13, anchor="start")]
        parts += [text(474, top + 22, f"{ready} ready", size=13, anchor="end")]
        for x, state in zip(columns, moment.states, strict=True):
            if state:
                parts.append(box(x, top, 60, 34, FILLS[state], state))
    parts.append(text(240, 388, "replicas: 4, maxSurge: 1, maxUnavailable: 0"))
    return picture(404, "A roll of four groups with one surge group: four are ready at every moment", parts)


def calls() -> str:
    """Who calls whom, and at which port."""
    parts = [
        box(20, 12, 200, 46, SLATE, "you", "kubectl, CI, autoscalers"),
        box(240, 12, 220, 46, SLATE, "Kubernetes", "controllers, scheduler, kubelets"),
        arrow((130, 58), (130, 110)),
        arrow((350, 58), (350, 110)),
        text(140, 89, "sets", size=12, anchor="start"),
        text(340, 89, "pods: made, placed, run", size=12, anchor="end"),
        box(20, 112, 440, 48, BLUE, "API server", "everything is kept there"),
        frame(20, 250, 440, 142),
        text(240, 273, "the manager, one process"),
        box(36, 284, 190, 52, GREEN, "webhooks  :9443", "on every replica"),
        box(254, 284, 190, 52, GREEN, "controller", "on the replica that leads"),
        arrow((131, 160), (131, 282)),
        text(141, 196, "“may this be stored?”", size=12, anchor="start"),
        text(141, 214, "sets checked,", size=12, anchor="start"),
        text(141, 231, "pods given a place", size=12, anchor="start"),
        arrow((349, 284), (349, 162)),
        text(359, 196, "watches; makes", size=12, anchor="start"),
        text(359, 214, "StatefulSets,", size=12, anchor="start"),
        text(359, 231, "replaces groups", size=12, anchor="start"),
        box(36, 348, 190, 30, GREEN, "metrics  :8443"),
        box(254, 348, 190, 30, GREEN, "probes  :8081"),
        arrow((131, 432), (131, 380)),
        arrow((349, 432), (349, 380)),
        box(56, 434, 150, 34, SLATE, "Prometheus"),
        box(274, 434, 150, 34, SLATE, "kubelet"),
    ]
    return picture(
        480, "Who calls whom: users and Kubernetes the API server, the API server the webhooks", parts
    )


PICTURES: Final[dict[str, Callable[[], str]]] = {"groups": groups, "roll": roll, "calls": calls}


def main() -> None:
    for name, draw in PICTURES.items():
        (HERE / f"{name}.svg").write_text(draw())


if __name__ == "__main__":
    main()
