"""Spelling a quantity anew changes its spelling, never its value, and does it once."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lws.api.quantities import canonical_quantity, parse_quantity

_POWERS = {
    suffix: Fraction(10) ** (3 * i)
    for i, suffix in enumerate(["n", "u", "m", "", "k", "M", "G", "T", "P", "E"], -3)
}
_POWERS |= {f"{letter}i": Fraction(1024) ** i for i, letter in enumerate("KMGTPE", 1)}
CANONICAL = re.compile(r"-?[0-9]+([numkMGTPE]|[KMGTPE]i|e-?[0-9]+)?")

decimals = st.sampled_from(["n", "u", "m", "", "k", "M", "G", "T", "P"])
binaries = st.sampled_from(["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"])
exponents = st.builds("{}{}".format, st.sampled_from("eE"), st.integers(-15, 15))
digits = st.text("0123456789", max_size=20)


@st.composite
def spellings(draw: st.DrawFn, suffixes: st.SearchStrategy[str] | None = None) -> str:
    """Any spelling that means something."""
    whole, fraction = draw(digits), draw(digits)
    point = "." if fraction else draw(st.sampled_from(["", "."]))
    suffix = draw(suffixes if suffixes is not None else st.one_of(decimals, binaries, exponents))
    return f"{draw(st.sampled_from(['', '+', '-']))}{whole or '0'}{point}{fraction}{suffix}"


def value(text: str) -> Fraction:
    """What a spelling means, in the simplest terms."""
    match = re.fullmatch(r"([+-]?[0-9.]*)([A-DF-Za-df-z]i?|Ei|E(?![0-9+-])|)(?:[eE]([+-]?[0-9]+))?", text)
    assert match is not None
    number = Fraction(match[1].rstrip(".") if "." in match[1] else match[1])
    return number * _POWERS[match[2]] * Fraction(10) ** int(match[3] or 0)


@given(text=spellings())
@example("1000E")
@example("9Ei")
def test_spelling_twice_changes_nothing(text: str) -> None:
    once = canonical_quantity(text)
    assert canonical_quantity(once) == once


@given(text=spellings())
def test_the_value_stays(text: str) -> None:
    """But for digits beyond 10^-9, which count as one more, and the cap on binary quantities."""
    before, after = value(text), value(canonical_quantity(text))
    if text.endswith("i") and abs(before) > 2**63 - 1:
        assert abs(after) == 2**63 - 1
    elif abs(before) < 10**21:  # beyond E the suffix is lost
        assert (before < 0) == (after < 0)
        assert 0 <= abs(after) - abs(before) < Fraction(1, 10**9)


@given(text=spellings())
def test_what_is_rewritten_is_plain(text: str) -> None:
    canonical = canonical_quantity(text)
    assert canonical == text or CANONICAL.fullmatch(canonical)


@given(first=spellings(decimals), second=spellings(binaries), count=st.integers(0, 1000))
def test_arithmetic_is_exact(first: str, second: str, count: int) -> None:
    a, b = parse_quantity(first), parse_quantity(second)
    one, other = (
        Fraction(a.mantissa) * Fraction(10) ** a.exponent,
        Fraction(b.mantissa) * Fraction(10) ** b.exponent,
    )
    total = a.plus(b.times(count))
    assert Fraction(total.mantissa) * Fraction(10) ** total.exponent == one + other * count
    assert a.exceeds(b) == (one > other)


@given(text=st.text("0123456789.eEiKMm+- ", max_size=8))
@example("1e")
def test_text_is_a_quantity_or_an_error(text: str) -> None:
    try:
        quantity = parse_quantity(text)
    except ValueError:
        with pytest.raises(ValueError, match="is no quantity"):
            canonical_quantity(text)
    else:
        assert canonical_quantity(str(quantity)) == str(quantity)
