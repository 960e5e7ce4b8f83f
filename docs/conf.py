"""How `make docs` makes a site of the pages, which stay plain Markdown for any viewer of the repository.

The repository is the source, so that links to samples, manifests and `README.md` work as they stand.
Navigation is not kept twice: it is read from the tables of `docs/guides/README.md`, one part of the sidebar
for each heading there. A page that has a sample there shows it at its end.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
INDEX = ROOT / "docs" / "guides" / "README.md"

project = "LeaderWorkerSet in Python"
html_title = project
author = "the contributors"
copyright = "the contributors, Apache-2.0"  # noqa: A001 - Sphinx calls it so

extensions = ["myst_parser"]
root_doc = "README"
PROJECT = ["CONTRIBUTING.md", "MAINTENANCE.md", "CHANGELOG.md", "SECURITY.md", "CODE_OF_CONDUCT.md"]
include_patterns = ["README.md", *PROJECT, "docs/**.md", "tests/SCENARIOS.md"]
# The specification is for those who change the code, and its pages would fill every search of a user.
exclude_patterns = [".*", "build", "src", "hack", "manifests", "tests/*/**", "docs/specification"]
myst_heading_anchors = 4
html_theme = "furo"
html_theme_options = {"navigation_with_keys": True}
html_copy_source = False
highlight_language = "text"

LINK = re.compile(r"\[([^]]*)\]\(([^)#\s]+)(?:#[^)]*)?\)")


class Entry(NamedTuple):
    """A row of the index: its heading, the page by title and path from the root, its samples by path."""

    heading: str
    title: str
    page: str
    samples: tuple[str, ...]


def entries() -> Iterator[Entry]:
    for part in re.split(r"^## ", INDEX.read_text(), flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        for row in text.splitlines():
            links = [(title, _from_root(target)) for title, target in LINK.findall(row)]
            samples = tuple(target for _, target in links if target.endswith(".yaml"))
            yield from (Entry(heading, *link, samples) for link in links if link[1].endswith(".md"))


def _from_root(link: str) -> str:
    return (INDEX.parent / link).resolve().relative_to(ROOT).as_posix()


def navigation() -> dict[str, list[str]]:
    """Lines of tables of contents by caption: the index and its rows, decisions, and what no row names."""
    index = _relative(INDEX)
    parts = {"Guides": [f"All guides </{index}>"]}
    seen = {f"{root_doc}.md", index}
    for entry in entries():
        lines = parts.setdefault(entry.heading, [])
        if entry.page not in seen:
            lines.append(f"{entry.title} </{entry.page}>")
            seen.add(entry.page)
    for folder, heading in (("docs/decisions", "Decisions"), ("docs", "Project")):
        parts[heading] = sorted(f"/{x}" for x in {_relative(y) for y in (ROOT / folder).glob("*.md")} - seen)
    parts["Project"] += [*(f"/{x}" for x in PROJECT), "/tests/SCENARIOS.md"]
    return parts


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _add_navigation(_app: Sphinx, page: str, source: list[str]) -> None:
    """Give the first page the hidden tables of contents that make the sidebar."""
    if page != root_doc:
        return
    for heading, lines in navigation().items():
        rows = "\n".join(lines)
        source[0] += f"\n\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{rows}\n```\n"


def _show_samples(_app: Sphinx, page: str, source: list[str]) -> None:
    for entry in entries():
        if entry.page == f"{page}.md":
            for sample in entry.samples:
                title = f"\n\n## The sample: {Path(sample).name}\n"
                source[0] += f"{title}\n```{{literalinclude}} /{sample}\n:language: yaml\n```\n"


def _name_folders(_app: Sphinx, page: str, source: list[str]) -> None:
    """Show a link to a folder of the repository as its name: a site has no folders to show."""
    here = (ROOT / page).parent

    def name(match: re.Match[str]) -> str:
        text, target = match.groups()
        return text if (here / target).is_dir() else match[0]

    source[0] = LINK.sub(name, source[0])


def _add_index(app: Sphinx, failure: Exception | None) -> None:
    """Show the first page under the name that servers look for, too."""
    if failure is None:
        shutil.copyfile(app.outdir / f"{root_doc}.html", app.outdir / "index.html")


def setup(app: Sphinx) -> None:
    for change in (_name_folders, _show_samples, _add_navigation):
        app.connect("source-read", change)
    app.connect("build-finished", _add_index)
