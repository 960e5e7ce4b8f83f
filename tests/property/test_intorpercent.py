"""Shares are the exact floor and ceiling."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from lws.api.intorpercent import is_percent, scalable_percent, scaled, share

totals = st.integers(0, 2**31 - 1)


@given(percent=st.integers(-(2**63), 2**63 - 1), total=totals)
def test_share_is_exact(percent: int, total: int) -> None:
    exact = Fraction(percent * total, 100)
    assert share(percent, total, round_up=False) == math.floor(exact)
    assert share(percent, total, round_up=True) == math.ceil(exact)


@given(percent=st.integers(0, 100), total=totals, round_up=st.booleans())
def test_a_share_is_part_of_the_whole(percent: int, total: int, round_up: bool) -> None:
    assert 0 <= scaled(f"{percent}%", total, round_up=round_up, field="f") <= total


@given(text=st.text(alphabet="0123456789+-%. \n", max_size=8))
def test_percent_is_narrower_than_scalable(text: str) -> None:
    if is_percent(text):
        assert scalable_percent(text) == int(text.removesuffix("%")) >= 0
    if scalable_percent(text) is not None:
        assert is_percent(text) or text[0] in "+-"
