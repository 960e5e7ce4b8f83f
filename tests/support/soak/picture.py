"""The plot of a soak: memory, threads and descriptors over time, a line for each life of the manager."""

from __future__ import annotations

from collections.abc import Sequence

from support.soak.samples import Sample

WIDTH, HEIGHT, LEFT, TOP = 720, 130, 60, 30
INK, LINE, BLUE = "#738091", "#8b98a9", "#1f6feb"
PANELS = {"rss_mb": "Resident memory, MB", "threads": "Threads", "descriptors": "Open descriptors"}


def picture(samples: Sequence[Sample]) -> str:
    """An SVG that reads on a light and on a dark page."""
    panels = [_panel(samples, member, title, place) for place, (member, title) in enumerate(PANELS.items())]
    height = len(panels) * (HEIGHT + TOP) + TOP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">'
    return "\n".join([head, *panels, "</svg>", ""])


def _panel(samples: Sequence[Sample], member: str, title: str, place: int) -> str:
    top, most = TOP + place * (HEIGHT + TOP), max(getattr(x, member) for x in samples) * 1.1
    span, right = samples[-1].at or 1.0, WIDTH - 20

    def point(one: Sample) -> str:
        x = LEFT + (right - LEFT) * one.at / span
        y = top + HEIGHT - 20 - (HEIGHT - 20) * getattr(one, member) / most
        return f"{x:.1f},{y:.1f}"

    base = top + HEIGHT - 20
    lines = [
        _words(LEFT, top - 6, title, "start"),
        _words(LEFT - 6, top + 8, f"{most:.0f}", "end"),
        _words(LEFT - 6, base, "0", "end"),
        _words(right, base + 16, f"{span / 60:.0f} min", "end"),
        f'<path d="M{LEFT} {top}V{base}H{right}" fill="none" stroke="{LINE}"/>',
    ]
    for life in sorted({x.life for x in samples}):
        points = " ".join(point(x) for x in samples if x.life == life)
        lines.append(f'<polyline points="{points}" fill="none" stroke="{BLUE}" stroke-width="1.5"/>')
    return "\n".join(lines)


def _words(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" font-size="13" fill="{INK}" text-anchor="{anchor}">{words}</text>'
