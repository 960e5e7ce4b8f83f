"""The form of a violation and of a list of them (api.md, 4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from lws.webhooks.errors import MOST_SHOWN, FieldError, aggregate, invalid, required, told, too_long, worsened


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


def test_as_many_as_may_be_shown_are_told_exactly() -> None:
    texts = [f"a: Invalid value: {value}: d" for value in range(MOST_SHOWN)]
    assert aggregate(invalid("a", value, "d") for value in range(MOST_SHOWN)) == f"[{', '.join(texts)}]"
    assert aggregate(invalid("a", value, "d") for value in range(MOST_SHOWN + 1)) == (
        f"[{', '.join(texts)}, and more]"
    )


def endless() -> Iterator[FieldError]:
    """As many as anybody asks for; a thousand is more than anybody may."""
    for value in count():
        assert value < 1000
        yield invalid("a", value, "d")


def test_what_is_not_shown_is_not_built() -> None:
    assert aggregate(endless()).endswith(", and more]")
    assert worsened(endless(), []) == [invalid("a", value, "d") for value in range(MOST_SHOWN + 1)]
    assert worsened([], endless()) == []
    assert len(told(str(x) for x in endless())) == MOST_SHOWN


@pytest.mark.parametrize("error", [invalid("a" * 10**6, 1, "d"), invalid("a", 1, "d" * 10**6)])
def test_a_huge_path_or_detail_is_cut(error: FieldError) -> None:
    assert len(str(error)) < 5000


@pytest.mark.parametrize(("old", "new"), [(1, "1"), (1, True), (0, False), ("a", ["a"])])
def test_values_of_two_kinds_are_not_the_same(old: Any, new: Any) -> None:
    assert worsened([invalid("a", new, "d")], [invalid("a", old, "d")]) == [invalid("a", new, "d")]


A, B = invalid("a", 1, "d"), invalid("a", 2, "d")
BAD, WORSE, WORST = (invalid("a[0]", x, str(x), basis=("a",), excess=x) for x in (3, 4, 5))


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
        pytest.param([BAD, WORSE], [BAD, WORSE], [], id="two-degrees"),
        pytest.param([WORSE, BAD], [BAD, WORSE], [], id="two-degrees-in-another-order"),
        pytest.param([BAD, WORSE], [WORSE, BAD], [], id="two-degrees-that-were-in-another-order"),
        pytest.param([BAD, BAD], [BAD, WORSE], [], id="the-worse-of-two-is-nearer"),
        pytest.param([WORSE, WORSE], [BAD, WORSE], [WORSE], id="both-as-bad-as-the-worse"),
        pytest.param([BAD, BAD, BAD], [WORSE, BAD], [BAD], id="two-degrees-and-one-more"),
        pytest.param([WORST, WORSE], [WORSE, BAD], [WORST], id="worse-than-all"),
    ],
)
def test_worsened(new: list[FieldError], old: list[FieldError], worse: list[FieldError]) -> None:
    assert worsened(new, old) == worse
