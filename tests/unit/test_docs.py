"""The documentation holds together: links, anchors and files that pages name, without building the site.

Addresses outside of the repository cannot be tried here; only their form is checked.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from support.pages import PAGES, ROOT, anchors, blocks, inline_code, links, name_of

EXTERNAL = re.compile(r"[a-z]+:")
ROOMS = re.compile(r"(?:\.ci|docs|hack|manifests|src|tests)/[\w./-]+")
PLACEHOLDER = re.compile(r"/[A-Z]+$")
HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}")
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=name_of)


def relative_links(page: Path) -> list[str]:
    return [x for x in links(page) if not EXTERNAL.match(x)]


@EVERY_PAGE
def test_links_and_their_anchors_lead_somewhere(page: Path) -> None:
    assert [x for x in relative_links(page) if not leads_somewhere(page, x)] == []


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    inside = target.is_relative_to(ROOT) and target.exists()
    return inside and (not anchor or anchor in anchors(target))


def test_a_link_that_leads_nowhere_is_noticed(tmp_path: Path) -> None:
    page = ROOT / "docs" / "guides" / "README.md"
    wrong = ["no.md", "rollouts.md#no", "#no", "../../manifests/samples/no.yaml", "../../../shared", "../.."]
    assert [leads_somewhere(page, x) for x in wrong] == [False] * 5 + [True]


@EVERY_PAGE
def test_external_links_are_well_formed(page: Path) -> None:
    assert [x for x in links(page) if EXTERNAL.match(x) and not well_formed(x)] == []


def well_formed(link: str) -> bool:
    parts = urlsplit(link)
    return parts.scheme == "https" and bool(HOST.fullmatch(parts.netloc)) and " " not in link


@pytest.mark.parametrize("link", ["http://a.org", "https://a", "https://a b.org", "mailto:a@b.org"])
def test_a_malformed_link_is_noticed(link: str) -> None:
    assert not well_formed(link)


@EVERY_PAGE
def test_files_that_a_page_names_are_there(page: Path) -> None:
    """In prose as `docs/...`, in commands as `-f manifests/...`; a name that ends in / is a folder."""
    words = [word for block in blocks(page) if block.language == "console" for word in block.text.split()]
    named = [x for x in (*inline_code(page), *words) if ROOMS.fullmatch(x) and not PLACEHOLDER.search(x)]
    assert [x for x in named if not (ROOT / x).exists()] == []


@EVERY_PAGE
def test_blocks_of_yaml_can_be_read(page: Path) -> None:
    for block in blocks(page):
        if block.language == "yaml":
            assert list(yaml.safe_load_all(block.text)), block.place


def test_every_page_can_be_reached_from_the_readme() -> None:
    """By links; one to a folder reaches the pages in it."""
    reached: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page not in reached:
            reached.add(page)
            ahead += [target for x in relative_links(page) for target in pages_behind(page, x)]
    assert {name_of(x) for x in PAGES} - {name_of(x) for x in reached} == set()


def pages_behind(page: Path, link: str) -> list[Path]:
    target = (page.parent / link.partition("#")[0]).resolve()
    if target.is_dir():
        return sorted(target.glob("*.md"))
    return [target] if target.suffix == ".md" else []
