"""The form of a violation and of a list of them (api.md, 4.1)."""

from __future__ import annotations

from typing import Any

import pytest

from lws.webhooks.errors import FieldError, aggregate, invalid, required, too_long, worsened


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (invalid("spec.replicas", -1, "must be so"), "spec.replicas: Invalid value: -1: must be so"),
        (invalid("a", 'x"y', "d"), 'a: Invalid value: "x\\"y": d'),
        (invalid("a", None, "d"), "a: Invalid value: null: d"),
        (invalid("a", ["b"], "d"), 'a: Invalid value: ["b"]: d'),
        (required("a", "d"), "a: Required value: d"),
        (required("a", ""), "a: Required value"),
        (too_long("a", 63, found=64), "a: Too long: must have at most 63 bytes"),
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


A, B = invalid("a", 1, "d"), invalid("a", 2, "d")


@pytest.mark.parametrize(
    ("new", "old", "worse"),
    [
        pytest.param([A], [], [A], id="new"),
        pytest.param([A], [A], [], id="known"),
        pytest.param([], [A], [], id="mended"),
        pytest.param([B], [A], [B], id="another value"),
        pytest.param([invalid("b", 1, "d")], [A], [invalid("b", 1, "d")], id="another path"),
        pytest.param([invalid("a", 1, "e")], [A], [invalid("a", 1, "e")], id="another rule"),
        pytest.param([required("a", "d")], [A], [required("a", "d")], id="another reason"),
        pytest.param([A, A], [A], [A], id="once more"),
        pytest.param([B, A], [A], [B], id="one of two"),
        pytest.param([invalid("a[2].b", 1, "d")], [invalid("a[0].b", 1, "d")], [], id="moved in its list"),
        pytest.param(
            [invalid("a", 1, "with 2", basis=(1,))], [invalid("a", 1, "with 3", basis=(1,))], [], id="basis"
        ),
        pytest.param([too_long("a", 5, found=9)], [too_long("a", 5, found=9)], [], id="as long"),
        pytest.param([too_long("a", 5, found=8)], [too_long("a", 5, found=9)], [], id="shorter"),
        pytest.param(
            [too_long("a", 5, found=10)],
            [too_long("a", 5, found=9)],
            [too_long("a", 5, found=10)],
            id="longer",
        ),
    ],
)
def test_worsened(new: list[FieldError], old: list[FieldError], worse: list[FieldError]) -> None:
    assert worsened(new, old) == worse
