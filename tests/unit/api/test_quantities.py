"""Spelling and arithmetic of quantities: the rules and examples of reconcilers.md, 4.8."""

from __future__ import annotations

import pytest

from lws.api.quantities import Quantity, canonical_quantity, parse_quantity

KEPT = [
    *("0", "1", "100m", "1.500", "01", "+1", "-1", "1.", "1E3", "10e0", "1e-3", "1e+3", "1E", "5n"),
    *("+1Gi", "1025Mi", "99999999999Ki", "99999999Mi", "99999Gi", "99Ti", "123456789012345678", "1100"),
]
REWRITTEN = {
    "0.5": "500m",
    ".5": "500m",
    "0.50": "500m",
    "1.5": "1500m",
    "2.0": "2",
    "2000m": "2",
    "100000u": "100m",
    "1000k": "1M",
    "1e4": "10e3",
    "1e2": "100",
    "1e-1": "100e-3",
    "0.1n": "1n",
    "-0.1n": "-1n",
    "1.0000000001": "1000000001n",
    "1024Mi": "1Gi",
    "1.0Gi": "1Gi",
    "1048576Ki": "1Gi",
    "1.5Gi": "1536Mi",
    "1536Ki": "1536Ki",
    "0.5Ki": "512",
    "1.0001Ki": "1024102400u",
    "1000Mi": "1000Mi",
    "9Ei": "9223372036854775807",
    "-9Ei": "-9223372036854775807",
    "-1.5Gi": "-1536Mi",
    "8Ki": "8Ki",
    "1Pi": "1Pi",
    "100Ti": "100Ti",
    "00": "0",
    "-0": "0",
    "0.0": "0",
    "0Gi": "0",
    "0e9": "0",
    "1000E": "1",
    "+1000": "1k",
    "1234567890123456789": "1234567890123456789",
    "1000000000000000000000": "1",
    "1e-999999999": "1e-9",
    "1e999999999": "1e999999999",
    "1e1000000000": "10e999999999",
}


@pytest.mark.parametrize("text", KEPT)
def test_kept_as_spelled(text: str) -> None:
    assert canonical_quantity(text) == text


@pytest.mark.parametrize(("text", "canonical"), REWRITTEN.items(), ids=REWRITTEN)
def test_rewritten(text: str, canonical: str) -> None:
    assert canonical_quantity(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1 ",
        "x",
        "1x",
        "1e",
        "1e1.5",
        "1.2.3",
        "--1",
        "1ki",
        "1mi",
        "1K",
        "\u0661",
        "1Gi\n",
        "0x10",
        "1_0",
    ],
)
def test_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        canonical_quantity(text)


@pytest.mark.parametrize(
    ("first", "second", "total"),
    [
        ("100m", "200m", "300m"),
        ("900m", "100m", "1"),
        ("1Gi", "512Mi", "1536Mi"),
        ("0", "1Gi", "1Gi"),
        ("1Gi", "0", "1Gi"),
        ("1k", "1Ki", "2024"),
        ("1Ki", "1k", "2024"),
        ("1", "-1", "0"),
        ("1e3", "1", "1001"),
    ],
)
def test_sum(first: str, second: str, total: str) -> None:
    assert str(parse_quantity(first).plus(parse_quantity(second))) == total


@pytest.mark.parametrize(
    ("text", "count", "product"), [("100m", 3, "300m"), ("1Gi", 0, "0"), ("512Mi", 4, "2Gi")]
)
def test_product(text: str, count: int, product: str) -> None:
    assert str(parse_quantity(text).times(count)) == product


@pytest.mark.parametrize(
    ("first", "second", "larger"),
    [
        ("1", "999m", True),
        ("1", "1000m", False),
        ("1Gi", "1G", True),
        ("-1", "0", False),
        ("1n", "-1E", True),
    ],
)
def test_exceeds(first: str, second: str, larger: bool) -> None:
    assert parse_quantity(first).exceeds(parse_quantity(second)) is larger


def test_an_absurd_exponent_is_no_reason_to_write_its_digits() -> None:
    absurd = parse_quantity("1e999999999")
    with pytest.raises(ValueError, match="too large to calculate with"):
        absurd.plus(Quantity(1))
    with pytest.raises(ValueError, match="too large to calculate with"):
        absurd.exceeds(Quantity(1))
