"""How `make docs` makes a site of the pages, which stay plain Markdown for any viewer of the repository.

The repository is the source, so that links to samples, manifests and `README.md` work as they stand.
Navigation is not kept twice: it is read from the tables of `docs/guides/README.md`, one part of the sidebar
for each heading there. A page that has a sample there shows it at its end. What the HTML has beyond Sphinx's
own is in ``markup.py`` and ``theme``.
"""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
INDEX = ROOT / "docs" / "guides" / "README.md"
DECISIONS = ROOT / "docs" / "decisions"

sys.path.insert(0, str(ROOT / "docs"))

PROJECT_TABLE = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EDITORS = {"/blob/": "/edit/", "/src/branch/": "/_edit/"}


def links_to_files(address: str) -> dict[str, str]:
    """The theme's options by which each page leads to its file, and to the forge's editor if that is known.

    ``address``: of the repository's files, as ``https://git.example/lws/blob/main``; empty: no links.
    """
    if not address:
        return {}
    found = {"source_view_link": f"{address.rstrip('/')}/{{filename}}"}
    for shown, edited in EDITORS.items():
        if shown in address:
            found["source_edit_link"] = found["source_view_link"].replace(shown, edited, 1)
    return found


project = "LeaderWorkerSet in Python"
version = release = PROJECT_TABLE["version"]
html_title = f"{project} {version}"
author = "the contributors"
copyright = "the contributors, Apache-2.0"  # noqa: A001 - Sphinx calls it so

extensions = ["myst_parser", "sphinx_copybutton", "markup", "excerpts"]
root_doc = "README"
PROJECT = ["CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md", "MAINTENANCE.md", "CODE_OF_CONDUCT.md"]
SCENARIOS = "tests/SCENARIOS.md"
include_patterns = ["README.md", *PROJECT, "docs/**.md", SCENARIOS]
# The specification is for those who change the code, and its pages would fill every search of a user.
exclude_patterns = [".*", "build", "src", "hack", "manifests", "tests/*/**", "docs/specification"]
myst_heading_anchors = 4
html_theme = "furo"
html_theme_options = {
    "navigation_with_keys": True,
    **links_to_files(PROJECT_TABLE.get("urls", {}).get("Files", "")),
}
html_copy_source = False
html_use_index = False
html_static_path = ["theme/static"]
html_css_files = ["site.css"]
html_favicon = "theme/static/favicon.svg"
html_search_scorer = str(ROOT / "docs" / "theme" / "static" / "scorer.js")
# What a block shows of a terminal is copied without prompts, comments after them, and what was printed.
copybutton_prompt_text = "$ "
copybutton_line_continuation_character = "\\"
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
    """Lines of tables of contents by caption: the index and its rows, and what no row names."""
    index = _relative(INDEX)
    parts = {"Guides": [f"All guides </{index}>"]}
    seen = {f"{root_doc}.md", index}
    for entry in entries():
        lines = parts.setdefault(entry.heading, [])
        if entry.page not in seen:
            lines.append(f"{entry.title} </{entry.page}>")
            seen.add(entry.page)
    about = {_relative(x) for x in (ROOT / "docs").glob("*.md")} - seen
    parts["Project"] = [f"/{x}" for x in (*PROJECT, *sorted(about), _relative(DECISIONS / "README.md"))]
    return parts


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def inside() -> list[str]:
    """Pages that say why the code is as it is: below one entry of the sidebar, out of a user's way."""
    pages = sorted(_relative(x) for x in DECISIONS.glob("[0-9]*.md"))
    return [f"/{x}" for x in (*pages, SCENARIOS)]


def _add_navigation(_app: Sphinx, page: str, source: list[str]) -> None:
    """Give the first page the hidden tables of contents that make the sidebar, and the decisions theirs."""
    if page == root_doc:
        for heading, lines in navigation().items():
            source[0] += _contents(lines, f":hidden:\n:caption: {heading}")
    elif page == _relative(DECISIONS / "README"):
        source[0] += _contents(inside(), ":titlesonly:")


def _contents(lines: list[str], options: str) -> str:
    rows = "\n".join(lines)
    return f"\n\n```{{toctree}}\n{options}\n\n{rows}\n```\n"


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
