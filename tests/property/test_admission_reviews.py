"""Whatever object arrives, admission answers it: no crash, no endless wait, no patch that is wanted twice."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fuzz.judging import judge
from support.fuzz.mutating import mutated
from support.fuzz.reviews import seeds

SEEDS = seeds()


@pytest.mark.parametrize("start", range(0, len(SEEDS), 40))
def test_sound_reviews_are_answered(start: int) -> None:
    for asked in SEEDS[start : start + 40]:
        judge(json.dumps(asked).encode())


@settings(max_examples=500, deadline=None)
@given(st.integers(0, len(SEEDS) - 1), st.integers(0, 2**32))
def test_damaged_reviews_are_answered(which: int, seed: int) -> None:
    judge(json.dumps(mutated(SEEDS[which], Random(seed))).encode(errors="surrogatepass"))
