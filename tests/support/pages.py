"""The pages of the documentation, read as Markdown: links, anchors, code, blocks of YAML."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
REFERENCE = sorted((ROOT / "docs" / "reference").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCED = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_LINK = re.compile(r"\[(?P<text>[^]]*)\]\((?P<target>[^)]*)\)")
_INLINE_CODE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


class Block(NamedTuple):
    """A block of code: where it stands (``page:line``), its language and its text without indentation."""

    place: str
    language: str
    text: str


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    source = page.read_text()
    return [
        Block(
            f"{name_of(page)}:{source.count(chr(10), 0, found.start()) + 1}",
            found["language"],
            textwrap.dedent(found["text"]),
        )
        for found in _FENCED.finditer(source)
    ]


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _FENCED.sub("", page.read_text())


def links(page: Path) -> list[str]:
    """Targets of all links, as written."""
    return [found["target"] for found in _LINK.finditer(_INLINE_CODE.sub(_hide, prose(page)))]


def _hide(code: re.Match[str]) -> str:
    """Brackets in inline code are not those of links; the text of a link may be code, though."""
    return code[0].replace("](", "] (")


def inline_code(page: Path) -> list[str]:
    return _INLINE_CODE.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """What ``#...`` may name in a page, made as GitHub and MyST make it."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in _HEADING.findall(prose(page)):
        slug = re.sub(r"[^\w\- ]", "", _LINK.sub(r"\1", heading).lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found
