"""Counts and shares: api.md, 1.7."""

from __future__ import annotations

import pytest

from lws.api.intorpercent import is_percent, scalable_percent, scaled, share


@pytest.mark.parametrize("text", ["0%", "5%", "100%", "007%", "1000%"])
def test_percent(text: str) -> None:
    assert is_percent(text)
    assert scalable_percent(text) == int(text[:-1])


@pytest.mark.parametrize("text", ["-5%", "+5%"])
def test_scalable_but_no_percent(text: str) -> None:
    assert not is_percent(text)
    assert scalable_percent(text) == int(text[:-1])


@pytest.mark.parametrize("text", ["5", "abc", "", "%", "5%%", "5.0%", " 5%", "5%\n", "\u0665%", "1_0%"])
def test_neither(text: str) -> None:
    assert not is_percent(text)
    assert scalable_percent(text) is None


@pytest.mark.parametrize(
    ("text", "percent"),
    [
        ("9223372036854775807%", 2**63 - 1),
        ("-9223372036854775808%", -(2**63)),
        ("00000000000000000000001%", 1),
        ("9223372036854775808%", None),
        ("9" * 5000 + "%", None),
        ("-" + "0" * 5000 + "1%", -1),
    ],
    ids=["largest", "smallest", "leading zeros", "one too many", "far too many", "many leading zeros"],
)
def test_scalable_fits_64_bits(text: str, percent: int | None) -> None:
    assert scalable_percent(text) == percent


@pytest.mark.parametrize(
    ("percent", "total", "down", "up"),
    [
        (25, 4, 1, 1),
        (50, 4, 2, 2),
        (50, 3, 1, 2),
        (15, 10, 1, 2),
        (50, 2, 1, 1),
        (25, 2, 0, 1),
        (30, 4, 1, 2),
        (99, 0, 0, 0),
        (-5, 5, -1, 0),
    ],
)
def test_share(percent: int, total: int, down: int, up: int) -> None:
    assert share(percent, total, round_up=False) == down
    assert share(percent, total, round_up=True) == up


def test_a_count_is_taken_as_it_is() -> None:
    assert scaled(10, 2, round_up=False, field="f") == 10


@pytest.mark.parametrize("value", [-1, "5", "-5%", "abc", "9223372036854775808%"])
def test_errors_name_the_field(value: int | str) -> None:
    with pytest.raises(ValueError, match=r"^spec\.f: .*" + str(value)):
        scaled(value, 3, round_up=True, field="spec.f")
