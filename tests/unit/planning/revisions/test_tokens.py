"""JSON spelling: reconcilers.md, 4.8, strings and other numbers."""

from __future__ import annotations

import pytest

from lws.planning.revisions.tokens import Number, quote, read_json, spell_any, spell_integer, spell_time


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", '""'),
        ('a"b\\c/d', '"a\\"b\\\\c/d"'),
        ("\b\f\n\r\t", '"\\b\\f\\n\\r\\t"'),
        ("\x00\x1f", '"\\u0000\\u001f"'),
        ("<a>&</a>", '"\\u003ca\\u003e\\u0026\\u003c/a\\u003e"'),
        ("\u2028\u2029", '"\\u2028\\u2029"'),
        ("\x7f\x85ä€\U0001f600", '"\x7f\x85ä€\U0001f600"'),
        ("a\ud800b\udfff", '"a\ufffdb\ufffd"'),
        ("\\u003c", '"\\\\u003c"'),
    ],
)
def test_quote(text: str, quoted: str) -> None:
    assert quote(text) == quoted


def test_numbers_keep_their_text() -> None:
    document = read_json(b'{"a":[1.50,1e3,-0,12345678901234567890],"b":"1.50","c":true,"d":null}')
    assert document == {"a": ["1.50", "1e3", "-0", "12345678901234567890"], "b": "1.50", "c": True, "d": None}
    assert [type(x) for x in document["a"]] == [Number] * 4
    assert type(document["b"]) is str


def test_escapes_are_read() -> None:
    assert read_json(b'"\\u003c\\ud83d\\ude00\\/"') == "<\U0001f600/"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(b"", "Expecting value", id="empty"),
        pytest.param(b"{", "Expecting property name", id="cut"),
        pytest.param(b"NaN", "NaN is no JSON", id="nan"),
        pytest.param(b"[-Infinity]", "-Infinity is no JSON", id="infinity"),
        pytest.param(b'"\xff"', "can't decode byte 0xff", id="no UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', "can't decode byte 0xed", id="surrogate"),
        pytest.param(b"{}x", "Extra data", id="more"),
        pytest.param(b"[" * 200_000, "nested too deeply", id="deep"),
    ],
)
def test_no_json(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_json(text)


@pytest.mark.parametrize(
    ("text", "bits", "spelled"),
    [
        ("0", 32, "0"),
        ("-0", 32, "0"),
        ("2147483647", 32, "2147483647"),
        ("-2147483648", 32, "-2147483648"),
        ("9007199254740992", 64, "9007199254740992"),
        ("9007199254740993", 64, "9007199254740992"),
        ("-9007199254740995", 64, "-9007199254740996"),
        ("1234567890123456789", 64, "1234567890123456800"),
        ("9223372036854775807", 64, "9223372036854776000"),
    ],
)
def test_integers(text: str, bits: int, spelled: str) -> None:
    assert spell_integer(text, bits=bits) == spelled


@pytest.mark.parametrize(
    ("text", "bits"),
    [("2147483648", 32), ("-2147483649", 32), ("9223372036854776000", 64), ("1.0", 32), ("1e3", 32)],
)
def test_no_such_integer(text: str, bits: int) -> None:
    with pytest.raises(ValueError, match=r"does not fit|is no integer"):
        spell_integer(text, bits=bits)


def test_the_zero_time_is_null() -> None:
    assert spell_time("0001-01-01T01:00:00.5+01:00") == "null"
    assert spell_time("2026-01-01T01:00:00+01:00") == '"2026-01-01T00:00:00Z"'


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        (
            b'{"b": [1, 1.50, 1e3, "x"], "a": {"f:<": null, "e": true}}',
            '{"a":{"e":true,"f:\\u003c":null},"b":[1,1.5,1000,"x"]}',
        ),
        (b"[]", "[]"),
        (b"[0.000001, -2.5, 100000000000000000000]", "[0.000001,-2.5,100000000000000000000]"),
    ],
)
def test_any_value(text: bytes, spelled: str) -> None:
    assert spell_any(read_json(text)) == spelled
