"""How `make docs` makes a site of the pages, which stay plain Markdown for any viewer of the repository.

The repository is the source, so that links to samples, manifests and `README.md` work as they stand.
Navigation is not kept twice: it is read from the tables of `docs/guides/README.md`, one part of the sidebar
for each heading there.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
GUIDES = Path("docs/guides/README.md")

project = "LeaderWorkerSet in Python"
html_title = project
author = "the contributors"
copyright = "the contributors, Apache-2.0"  # noqa: A001 - Sphinx calls it so

extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["README.md", "CONTRIBUTING.md", "docs/**.md", "tests/SCENARIOS.md"]
exclude_patterns = [".*", "build", "src", "hack", "manifests", "tests/*/**"]
myst_heading_anchors = 4
html_theme = "furo"
html_theme_options = {"navigation_with_keys": True}
html_copy_source = False
highlight_language = "text"

LINK = re.compile(r"\[[^]]*\]\(([^)#\s]+\.md)(?:#[^)]*)?\)")
FOLDER = re.compile(r"\[([^]]*)\]\(([^)#\s]+)\)")


def navigation() -> dict[str, list[str]]:
    """Pages by heading of the index of guides, in its order; then decisions, and whatever no table names."""
    parts: dict[str, list[str]] = {}
    seen = {root_doc + ".md", str(GUIDES)}
    for part in re.split(r"^## ", (ROOT / GUIDES).read_text(), flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        pages = [_from_root(x) for x in LINK.findall(text)]
        parts[heading] = [x for x in dict.fromkeys(pages) if x not in seen]
        seen.update(pages)
    for folder, heading in (("docs/decisions", "Decisions"), ("docs", "Project")):
        parts[heading] = sorted({_relative(x) for x in (ROOT / folder).glob("*.md")} - seen)
    parts["Project"] += ["CONTRIBUTING.md", "tests/SCENARIOS.md"]
    return parts


def _from_root(link: str) -> str:
    return _relative((ROOT / GUIDES.parent / link).resolve())


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _add_navigation(_app: Sphinx, page: str, source: list[str]) -> None:
    """Give the first page the hidden tables of contents that make the sidebar."""
    if page != root_doc:
        return
    trees = [("Guides", [str(GUIDES)]), *navigation().items()]
    for heading, pages in trees:
        rows = "\n".join(f"/{x}" for x in pages)
        source[0] += f"\n\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{rows}\n```\n"


def _name_folders(_app: Sphinx, page: str, source: list[str]) -> None:
    """Show a link to a folder of the repository as its name: a site has no folders to show."""
    here = (ROOT / page).parent

    def name(match: re.Match[str]) -> str:
        text, target = match.groups()
        return text if (here / target).is_dir() else match[0]

    source[0] = FOLDER.sub(name, source[0])


def _add_index(app: Sphinx, failure: Exception | None) -> None:
    """Show the first page under the name that servers look for, too."""
    if failure is None:
        shutil.copyfile(app.outdir / f"{root_doc}.html", app.outdir / "index.html")


def setup(app: Sphinx) -> None:
    app.connect("source-read", _name_folders)
    app.connect("source-read", _add_navigation)
    app.connect("build-finished", _add_index)
