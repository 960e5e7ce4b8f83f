"""What the search shows of each page it finds, for a site that is opened from files.

Sphinx's search reads the pages for that, and a browser lets no page read another one by ``file:``. So their
texts are in a script, too, which ``theme/static/fromfiles.js`` takes in place of them, and nobody loads whose
site is served.
"""

from __future__ import annotations

import json
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SCRIPT = "excerpts.js"
SHOWS = "fromfiles.js"
_UNSEEN = frozenset({"script", "style", "svg", "button"})


class _Main(HTMLParser):
    """The text of the main part, in the sections that the search looks for."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._article = self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self._article += tag == "article" and bool(self._article or told.get("role") == "main")
        self._unseen += tag in _UNSEEN or (tag == "a" and told.get("class") == "headerlink")
        if self._article and tag == "section":
            self.parts.append(f'<section id="{escape(told.get("id") or "")}">')

    def handle_endtag(self, tag: str) -> None:
        if self._article and tag == "section":
            self.parts.append("</section>")
        self._unseen -= bool(self._unseen) and tag in {*_UNSEEN, "a"}
        self._article -= bool(self._article) and tag == "article"

    def handle_data(self, data: str) -> None:
        if self._article and not self._unseen:
            self.parts.append(escape(data, quote=False))


def main_of(html: str) -> str:
    """The main part of a page, as the search reads it and no more."""
    reading = _Main()
    reading.feed(html)
    return f'<div role="main">{"".join(reading.parts)}</div>'


def _write(app: Sphinx, failure: Exception | None) -> None:
    if failure is None:
        found = {
            x.relative_to(app.outdir).as_posix(): x.read_text() for x in Path(app.outdir).rglob("*.html")
        }
        texts = {name: main_of(html) for name, html in sorted(found.items())}
        Path(app.outdir, "_static", SCRIPT).write_text(f"window.lwsExcerpts = {json.dumps(texts)};\n")


def _add(app: Sphinx, page: str, *_: Any) -> None:
    if page == "search":
        app.add_js_file(SHOWS)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", _add)
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
