"""A terminal's recording (asciinema v2) as an animated SVG: what a page shows without a player.

Pure: text in, text out. Each command with what it printed is a picture of its own, shown for as long as
reading it takes; one that draws in place has a picture for each moment at which it rests. Who wants no motion
sees the last one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from typing import Final, NamedTuple

from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

PROMPT: Final = "$ "
CLEAR: Final = "\x1b[2J\x1b[H"
CHARACTER, LINE, EDGE, BAR = 8.43, 19, 16, 30
BACKGROUND, INK, DIM = "#161b22", "#e6edf3", "#8b949e"
PALETTE: Final = ("#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4")
SHORTEST, EACH_LINE = 2.5, 0.25  # seconds that a picture stays which is read
REST, LONGEST_REST = 0.4, 1.2  # seconds without output that make a picture, and that it stays
ERASE, NEW_PAGE = "\x1b[2K", "\f"
TOKEN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n\f]|[^\x1b\r\n\f]+")


class Scene(NamedTuple):
    """What the terminal shows for so many seconds; colours are still escape sequences."""

    lines: tuple[str, ...]
    seconds: float


class Screen:
    """As much of a terminal as commands here ask of it: lines, going up, erasing, and beginning anew."""

    def __init__(self) -> None:
        self._lines, self._row, self._returned = [""], 0, False

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple("\n".join(self._lines).rstrip("\n").split("\n"))

    def feed(self, data: str) -> None:
        for token in TOKEN.findall(data.replace(CLEAR, NEW_PAGE)):
            self._take(token)

    def _take(self, token: str) -> None:
        if token == NEW_PAGE:
            self._lines, self._row = [""], 0
        elif token == "\n":
            self._row += 1
            self._lines += [""] * (self._row + 1 - len(self._lines))
        elif token.endswith("A") and token.startswith("\x1b["):
            self._row = max(0, self._row - int(token[2:-1] or 1))
        elif token == ERASE:
            self._lines[self._row] = ""
        elif token.endswith("m") or not token.startswith(("\x1b", "\r")):
            kept = "" if self._returned else self._lines[self._row]
            self._lines[self._row] = kept + token
        self._returned = token == "\r"


def scenes(cast: str) -> list[Scene]:
    """A recording's, which clears the terminal before each command."""
    _, *events = (json.loads(line) for line in cast.splitlines())
    screen, found = Screen(), list[Scene]()
    for (at, _, data), following in zip(events, [*events[1:], None], strict=True):
        screen.feed(data)
        lines = screen.lines
        if following is None or following[2].startswith(CLEAR):
            found.append(Scene(lines, SHORTEST + EACH_LINE * len(lines)))
        elif (gap := following[0] - at) >= REST:
            found.append(Scene(lines, min(gap, LONGEST_REST)))
    return found


def svg(cast: str, title: str) -> str:
    header = json.loads(cast.splitlines()[0])
    found = scenes(cast)
    pictures = [_rows(x, header["width"]) for x in found]
    rows = max(map(len, pictures))
    width = round(2 * EDGE + header["width"] * CHARACTER)
    height = round(BAR + EDGE + rows * LINE)
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_style(found)}</style>",
            f'<rect width="{width}" height="{height}" rx="10" fill="{BACKGROUND}"/>',
            *(
                f'<circle cx="{18 + 18 * n}" cy="16" r="5.5" fill="{x}"/>'
                for n, x in enumerate(("#ff5f57", "#febc2e", "#28c840"))
            ),
            *(_picture(number, each) for number, each in enumerate(pictures)),
            "</svg>\n",
        ]
    )


def _style(found: Sequence[Scene]) -> str:
    """When each picture is there: a part of one round that begins again at its end."""
    font = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
    rules = [f"text{{font:14px {font};white-space:pre;fill:{INK}}}", "g{visibility:hidden}"]
    total, begin = sum(x.seconds for x in found), 0.0
    for number, scene in enumerate(found):
        start, end = (f"{100 * x / total:.3f}%" for x in (begin, begin + scene.seconds))
        begin += scene.seconds
        hidden = "0%{visibility:hidden}" if number else ""
        rules.append(
            f"@keyframes s{number}{{{hidden}{start}{{visibility:visible}}{end}{{visibility:hidden}}}}"
        )
        rules.append(f"#s{number}{{animation:s{number} {total:.1f}s step-end infinite}}")
    last = len(found) - 1
    rules.append(
        f"@media(prefers-reduced-motion){{g{{animation:none!important}}#s{last}{{visibility:visible}}}}"
    )
    return "".join(rules)


def _rows(scene: Scene, columns: int) -> list[str]:
    """The lines as a terminal of so many columns shows them: those that are longer go on in the next."""
    written = (Text.from_ansi(line) for line in scene.lines)
    parts = (part for text in written for part in text.divide(range(columns, len(text), columns)))
    return ["".join(_span(x) for x in _segments(part)) for part in parts]


def _picture(number: int, rows: Sequence[str]) -> str:
    texts = "".join(
        f'<text x="{EDGE}" y="{BAR + LINE * (row + 1)}">{written}</text>'
        for row, written in enumerate(rows)
        if written.strip()
    )
    return f'<g id="s{number}">{texts}</g>'


def _segments(text: Text) -> Iterable[Segment]:
    edges = sorted({0, len(text), *(x for span in text.spans for x in (span.start, span.end))})
    for start, end in pairwise(edges):
        styles = [x.style for x in text.spans if x.start <= start < x.end and isinstance(x.style, Style)]
        yield Segment(text.plain[start:end], Style.combine(styles) if styles else None)


def _span(segment: Segment) -> str:
    written, style = escape(segment.text), segment.style
    if style is None or not written.strip():
        return written
    colour = DIM if style.dim else _hex(style)
    fill = f' fill="{colour}"' if colour else ""
    weight = ' font-weight="600"' if style.bold else ""
    return f"<tspan{fill}{weight}>{written}</tspan>" if fill or weight else written


def _hex(style: Style) -> str:
    if style.color is None or style.color.type == ColorType.DEFAULT:
        return ""
    number = style.color.number
    return PALETTE[number % 8] if number is not None and number < 16 else style.color.get_truecolor().hex
