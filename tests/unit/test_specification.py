"""Every citation of the specification leads to a section that exists, and all have one form.

The form: sheet, comma, sections, as in ``reconcilers.md, 3.5 and 4.8``. A number sign and a number after a
section are one row of a table there, or one item of a list. The name of a sheet without a section stands in
backquotes or is a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from support.pages import ROOT

SPECIFICATION = ROOT / "docs" / "specification"
SHEETS = {path.name for path in SPECIFICATION.glob("*.md")} - {"README.md"}
ROOMS = ("src", "hack", "tests", "docs", "manifests")
READ = {".py", ".md", ".json", ".yaml", ".go", ".sh", ""}

_NAME = rf"(?<![\w/.-])(?P<sheet>{'|'.join(map(re.escape, sorted(SHEETS)))})"
_SECTION = r"B?\d+(?:\.\d+)?(?!\d)"
_PLACE = rf"{_SECTION}(?:,? #\d+(?: and #\d+)*)?"
CITATION = re.compile(rf"{_NAME}, (?P<places>{_PLACE}(?:(?:, | and | to ){_PLACE})*)")
MENTION = re.compile(_NAME)
LINE_BREAK = re.compile(r"\s*\n\s*(?:#|//)?\s*")
NO_CITATION = re.compile(r"`[^`\n]*`|\[[^]\n]*\]\([^)\n]*\)")


class Place(NamedTuple):
    """A section of a sheet; ``item`` is the number of a row or list item in it, or empty."""

    sheet: str
    section: str
    item: str = ""


def sources() -> list[Path]:
    """Every text of the repository that may cite, but for this module, which does so wrongly on purpose."""
    found = (path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file())
    texts = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *found]
    return sorted(
        x for x in texts if x.suffix in READ and x != Path(__file__) and "__pycache__" not in x.parts
    )


def one_line(text: str) -> str:
    """Without line breaks and the marks of comments, so that a citation may go over the end of a line."""
    return LINE_BREAK.sub(" ", text)


def cited(text: str) -> Iterator[Place]:
    for found in CITATION.finditer(one_line(text)):
        for section, items in re.findall(rf"({_SECTION})((?:,? #\d+(?: and #\d+)*)?)", found["places"]):
            numbers = re.findall(r"#(\d+)", items) or [""]
            yield from (Place(found["sheet"], section, number) for number in numbers)


def malformed(text: str) -> list[str]:
    """Mentions of a sheet that are neither a citation in the one form nor a name or a link."""
    text = one_line(NO_CITATION.sub("", text))
    starts = {found.start() for found in CITATION.finditer(text)}
    return [text[x.start() : x.end() + 20] for x in MENTION.finditer(text) if x.start() not in starts]


@cache
def sections(sheet: str) -> dict[str, str]:
    """The text of every numbered section, that of its subsections included."""
    parts = re.split(
        rf"^##+ ({_SECTION})(?=[. ]).*$", (SPECIFICATION / sheet).read_text(), flags=re.MULTILINE
    )
    found: dict[str, str] = {}
    for number, text in zip(parts[1::2], parts[2::2], strict=True):
        found[number] = text
        if (chapter := number.partition(".")[0]) != number:
            found[chapter] += text
    return found


def exists(place: Place) -> bool:
    text = sections(place.sheet).get(place.section)
    if text is None:
        return False
    return not place.item or bool(re.search(rf"^(?:\| {place.item} \||{place.item}\. )", text, re.MULTILINE))


def read(path: Path) -> str:
    return path.read_text(errors="replace")


def test_every_citation_leads_to_a_section() -> None:
    places = {(place, path) for path in sources() for place in cited(read(path))}
    assert len(places) > 100, "the search finds next to nothing: has the form changed?"
    assert sorted((x, y.relative_to(ROOT).as_posix()) for x, y in places if not exists(x)) == []


def test_every_citation_has_the_one_form() -> None:
    """Links between pages of one name, such as docs/reference/api.md, are no citations."""
    wrong = {path.relative_to(ROOT).as_posix(): malformed(read(path)) for path in sources()}
    assert {path: found for path, found in wrong.items() if found} == {}


@pytest.mark.parametrize("sheet", sorted(SHEETS))
def test_the_sections_that_a_sheet_names_itself_are_there(sheet: str) -> None:
    named = re.findall(r"(?:§|\bsection )(\d+(?:\.\d+)?)", (SPECIFICATION / sheet).read_text())
    assert [x for x in named if x not in sections(sheet)] == []


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("(reconcilers.md, 3.5)", [Place("reconcilers.md", "3.5")]),
        ("api.md, 4.3 and 4.4.", [Place("api.md", "4.3"), Place("api.md", "4.4")]),
        ("operations.md, 1.2, 1.3 to 1.5", [Place("operations.md", f"1.{x}") for x in (2, 3, 5)]),
        ("runtime.md, B2 #9", [Place("runtime.md", "B2", "9")]),
        ("beyond.md, 9 #4 and #5", [Place("beyond.md", "9", item) for item in "45"]),
        ("beyond.md, 9 #4, 12", [Place("beyond.md", "9", "4"), Place("beyond.md", "12")]),
        ("reconcilers.md,\n    # 4.8 holds", [Place("reconcilers.md", "4.8")]),
        ("docs/reference/api.md, 4.3", []),
        ("api.md 4.3", []),
    ],
)
def test_what_is_read_as_a_citation(text: str, places: list[Place]) -> None:
    assert list(cited(text)) == places


@pytest.mark.parametrize(
    "text", ["(api.md 4.3)", "see api.md", "api.md, pitfall 7", "reconcilers.md section 3"]
)
def test_another_form_is_noticed(text: str) -> None:
    assert malformed(text)


@pytest.mark.parametrize(
    "text", ["`api.md` says", "[API](../reference/api.md#a)", "docs/api.md", "my-api.md"]
)
def test_names_and_links_are_no_citations(text: str) -> None:
    assert not malformed(text)


@pytest.mark.parametrize(
    "place",
    [
        Place("api.md", "9.9"),
        Place("reconcilers.md", "9", "99"),
        Place("runtime.md", "B9"),
        Place("beyond.md", "11"),
    ],
)
def test_a_section_that_is_not_there_is_noticed(place: Place) -> None:
    assert not exists(place)
