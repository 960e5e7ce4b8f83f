"""Ordinals, keys and integers as the upstream controller reads them (api.md, 5.2, 7.5, 6 #23 and #24)."""

from __future__ import annotations

import pytest

from lws.webhooks.pods.names import divide, key, parse_int, split_ordinal


@pytest.mark.parametrize(
    ("name", "parent", "ordinal"),
    [
        pytest.param("lws-samples-132", "lws-samples", 132, id="O1"),
        pytest.param("lws-samples-0", "lws-samples", 0, id="O2"),
        pytest.param("lws-samples-1-0", "lws-samples-1", 0, id="O3"),
        pytest.param("lws-samples--1", "lws-samples-", 1, id="O4"),
        pytest.param("lws-samples-132-u", "", -1, id="O5"),
        pytest.param("lws-samples-", "", -1, id="O6"),
        pytest.param("lws-samples1", "", -1, id="O7"),
        pytest.param("a-2147483647", "a", 2147483647, id="int32-max"),
        pytest.param("a-2147483648", "a", -1, id="above-int32-keeps-parent"),
        pytest.param("a-" + "9" * 5000, "a", -1, id="5000-digits"),
        pytest.param("a-0007", "a", 7, id="leading-zeros"),
        pytest.param("-5", "", 5, id="no-parent"),
        pytest.param("a-1\n", "", -1, id="newline"),
        pytest.param("a-1_0", "", -1, id="underscore"),
        pytest.param("a-\u0661", "", -1, id="arabic-digit"),
        pytest.param("a-\u00b2", "", -1, id="superscript"),
        pytest.param("", "", -1, id="empty"),
    ],
)
def test_split_ordinal(name: str, parent: str, ordinal: int) -> None:
    assert split_ordinal(name) == (parent, ordinal)


@pytest.mark.parametrize(
    ("scope", "name", "digest"),
    [
        pytest.param("default", "test-sample", "95e88034e460983f51a9952fe128729fbc0663b5", id="K1"),
        pytest.param("default", "podName", "390b34ab671d29e9997d7d4252b8bbf8da02f5b7", id="K2"),
        pytest.param("leaderworkerset", "test-sample", "39f5d7e9122b9d94d3932e3720b43fd3b56347e8", id="K3"),
        pytest.param("my-lws-0", "0", "5deee8c4a097c2901d4bc8feeb358a6e7ef32eac", id="subgroup-0"),
        pytest.param("my-lws-0", "1", "342acf7ff6f85b42bb1b926ba95b46e5f1d93839", id="subgroup-1"),
    ],
)
def test_key(scope: str, name: str, digest: str) -> None:
    assert key(scope, name) == digest


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("+5", 5),
        ("-5", -5),
        ("-0", 0),
        ("007", 7),
        ("0" * 5000 + "7", 7),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775808", None),
        ("-9223372036854775809", None),
        ("1" * 5000, None),
        ("", None),
        ("+", None),
        ("--1", None),
        (" 1", None),
        ("1 ", None),
        ("1\n", None),
        ("1_0", None),
        ("1.0", None),
        ("1e3", None),
        ("0x1", None),
        ("\u0663", None),
        ("\u00b2", None),
    ],
)
def test_parse_int(text: str, value: int | None) -> None:
    assert parse_int(text) == value


@pytest.mark.parametrize(
    ("dividend", "divisor", "quotient", "remainder"),
    [
        (7, 2, 3, 1),
        (-1, 2, 0, -1),
        (-7, 2, -3, -1),
        (7, -2, -3, 1),
        (-7, -2, 3, -1),
        (-4, 2, -2, 0),
        (0, -3, 0, 0),
    ],
)
def test_divide_truncates_toward_zero(dividend: int, divisor: int, quotient: int, remainder: int) -> None:
    assert divide(dividend, divisor) == (quotient, remainder)
