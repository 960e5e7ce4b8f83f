"""What the site's HTML has beyond Sphinx's own, so that every page fits its column at every width.

A cell carries the heading of its column, by which a narrow screen shows a row as a list. A name in code may
break after its dots and slashes, and in tables before capitals. A block of code says how many columns it has,
by which its type is made smaller before lines are broken. How that looks is in ``theme/static/site.css``;
what pages there are is in ``conf.py``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.writers.html5 import HTML5Translator

if TYPE_CHECKING:
    from sphinx.application import Sphinx

TOKEN = re.compile(r'(?<=<span class="pre">).*(?=</span>)')
BREAK = re.compile(r"(?<=[./=,@])(?=\w)|(?<=\w)(?=[\[(])")
BREAK_IN_TABLE = re.compile(rf"{BREAK.pattern}|(?<=[a-z])(?=[A-Z])|(?<=_)(?=\w)")
BETWEEN_WAYS = " · "


class Translator(HTML5Translator):
    """Sphinx's, with a few attributes more."""

    def starttag(self, node: Any, tagname: str, *rest: Any, **attributes: Any) -> str:
        if tagname == "td":
            attributes["data-label"] = heading_of(node)
        elif isinstance(node, nodes.literal_block) and tagname == "div":
            attributes["style"] = f"--columns: {longest_line(node)}"
        elif isinstance(node, nodes.paragraph) and has_only_links(node):
            attributes["CLASS"] = "ways"
        return str(super().starttag(node, tagname, *rest, **attributes))

    def visit_Text(self, node: nodes.Text) -> None:  # noqa: N802 - docutils calls it so
        begin = len(self.body)
        super().visit_Text(node)
        if self.protect_literal_text:
            where = BREAK_IN_TABLE if self._table_row_indices[-1] else BREAK
            self.body[begin:] = [breakable(part, where) for part in self.body[begin:]]


def breakable(token: str, where: re.Pattern[str]) -> str:
    return TOKEN.sub(lambda found: where.sub("<wbr>", found[0]), token)


def heading_of(entry: nodes.entry) -> str:
    """The text at the top of its column."""
    group = entry.parent.parent.parent
    head = next((x for x in group.children if isinstance(x, nodes.thead)), None)
    column = entry.parent.index(entry)
    cells = head.children[0].children if head else []
    return str(cells[column].astext()) if column < len(cells) else ""


def has_only_links(paragraph: nodes.paragraph) -> bool:
    """Several, with nothing but dots between them: the ways on from the first page."""
    others = [x for x in paragraph.children if not isinstance(x, nodes.reference)]
    return bool(others) and all(x.astext() == BETWEEN_WAYS for x in others)


def longest_line(block: nodes.literal_block) -> int:
    return max(map(len, block.rawsource.splitlines()), default=1)


def setup(app: Sphinx) -> dict[str, bool]:
    app.set_translator("html", Translator)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
