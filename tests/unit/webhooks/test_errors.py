"""The form of a violation and of a list of them (api.md, 4.1)."""

from __future__ import annotations

from typing import Any

import pytest

from lws.webhooks.errors import FieldError, aggregate, invalid, required, too_long


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (invalid("spec.replicas", -1, "must be so"), "spec.replicas: Invalid value: -1: must be so"),
        (invalid("a", 'x"y', "d"), 'a: Invalid value: "x\\"y": d'),
        (invalid("a", None, "d"), "a: Invalid value: null: d"),
        (invalid("a", ["b"], "d"), 'a: Invalid value: ["b"]: d'),
        (required("a", "d"), "a: Required value: d"),
        (required("a", ""), "a: Required value"),
        (too_long("a", 63), "a: Too long: must have at most 63 bytes"),
    ],
)
def test_text(error: FieldError, text: str) -> None:
    assert str(error) == text


def test_a_huge_value_is_cut() -> None:
    assert len(str(invalid("a", "x" * 1_000_000, "d"))) < 2000


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], ""),
        ([1], "a: Invalid value: 1: d"),
        ([1, 2], "[a: Invalid value: 1: d, a: Invalid value: 2: d]"),
        ([1, 1], "a: Invalid value: 1: d"),
        ([2, 1, 2], "[a: Invalid value: 2: d, a: Invalid value: 1: d]"),
    ],
    ids=["none", "one", "two", "same-twice", "order-of-the-first"],
)
def test_aggregate(values: list[Any], message: str) -> None:
    assert aggregate(invalid("a", value, "d") for value in values) == message
