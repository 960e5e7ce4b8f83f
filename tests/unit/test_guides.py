"""The guides hang together: links lead somewhere, every page is in the index, every sample is explained."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
INDEX = ROOT / "docs" / "guides" / "README.md"
SAMPLES = sorted((ROOT / "manifests" / "samples").glob("*.yaml"))
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
MAX_LINE = 130


def links(page: Path) -> list[str]:
    return [x for x in LINK.findall(page.read_text()) if not x.startswith(("http://", "https://"))]


def prose(page: Path) -> list[str]:
    """Lines that are neither in a block of code nor part of a table."""
    parts = page.read_text().split("```")[::2]
    return [line for part in parts for line in part.splitlines() if not line.startswith("|")]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    assert [x for x in links(page) if not (page.parent / x).exists()] == []


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_page_has_one_title_and_lines_of_a_readable_length(page: Path) -> None:
    lines = prose(page)
    assert [line for line in lines if line.startswith("# ")] == lines[:1]
    assert [line for line in lines if len(line) > MAX_LINE and "](" not in line] == []


def test_every_page_is_in_the_index() -> None:
    assert {page.name for page in GUIDES} - {INDEX.name} <= set(links(INDEX))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_every_sample_is_explained_by_a_page_that_it_names(sample: Path) -> None:
    path = f"../../manifests/samples/{sample.name}"
    assert any(path in links(page) for page in GUIDES)
    named = re.findall(r"docs/guides/[\w-]+\.md", sample.read_text())
    assert [x for x in named if not (ROOT / x).exists()] == []
