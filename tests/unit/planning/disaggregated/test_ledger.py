"""Each row of upstream's ledger is decided: cured, with a test that exists, or kept (decision 170)."""

from __future__ import annotations

import re

import pytest
from support.pages import ROOT

ROW = re.compile(r"^\| Q-(\d+) \| (.+?) \| (.+) \| (kept|`test_\w+`) \|$", re.MULTILINE)
PAGE = (ROOT / "docs" / "decisions" / "170-disaggregatedset-ledger.md").read_text()
ROWS = {int(number): (here, proof) for number, _, here, proof in ROW.findall(PAGE)}


@pytest.fixture(scope="module")
def tests() -> str:
    return "\n".join(x.read_text() for x in (ROOT / "tests" / "unit").rglob("test_*.py"))


def test_every_row_is_there() -> None:
    assert sorted(ROWS) == list(range(1, 21))
    kept = {number for number, (_, proof) in ROWS.items() if proof == "kept"}
    assert kept == {11, 14, 17, 18, 20}


@pytest.mark.parametrize("number", sorted(ROWS))
def test_what_is_cured_is_tested_and_what_is_kept_says_why(number: int, tests: str) -> None:
    here, proof = ROWS[number]
    if proof == "kept":
        assert re.match(r"as upstream[:,] |nothing a controller can do", here)
    else:
        assert f"def {proof.strip('`')}(" in tests
