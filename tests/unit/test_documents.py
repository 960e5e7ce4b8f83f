"""What is read of texts that people wrote, and what is said of those that nobody can read."""

from __future__ import annotations

from typing import Any

import pytest

from lws import documents
from lws.documents import Unreadable, read_document, read_documents

BOMB = "a: &0 [x, x, x, x, x, x, x, x]\n" + "".join(
    f"b{x}: &{x} [*{x - 1}, *{x - 1}, *{x - 1}, *{x - 1}, *{x - 1}, *{x - 1}, *{x - 1}, *{x - 1}]\n"
    for x in range(1, 8)
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("a: 1\n---\n---\nb: 2", [{"a": 1}, {"b": 2}], id="several"),
        pytest.param('{\t"a": [1.5, true, null]}', [{"a": [1.5, True, None]}], id="JSON with tabs"),
        pytest.param("{a: 1}", [{"a": 1}], id="YAML in braces"),
        pytest.param("a: 2026-02-30", [{"a": "2026-02-30"}], id="looks like a date"),
        pytest.param("a: 2026-02-03 20:00:00 +99:00", [{"a": "2026-02-03 20:00:00 +99:00"}], id="a time"),
        pytest.param("{2026-01-01: a, true: 1, 3: 4}", [{"2026-01-01": "a", "true": 1, "3": 4}], id="keys"),
        pytest.param("a: !!binary aGk=", [{"a": "hi"}], id="bytes are text"),
        pytest.param("a: !!set {b}", [{"a": {"b": None}}], id="a set is a mapping"),
        pytest.param("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2", [{"a": {"b": 1}, "c": {"b": 1, "d": 2}}], id="<<"),
        pytest.param('{"a": "\\ud83d\\ude00"}', [{"a": "😀"}], id="a character of two halves"),
    ],
)
def test_what_is_read(text: str, found: list[Any]) -> None:
    assert read_documents(text) == found
    assert read_document(text) == next(iter(found), None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("a: [", "line 1, column 5: expected the node content", id="no YAML"),
        pytest.param("a: !!int secret", "line 1, column 4: what stands here is no int", id="tagged int"),
        pytest.param("a: !!float x", "line 1, column 4: what stands here is no float", id="tagged float"),
        pytest.param("a: !!bool maybe", "line 1, column 4: what stands here is no bool", id="tagged bool"),
        pytest.param("a: !!binary '@@'", "line 1, column 4: what stands here is no binary", id="no bytes"),
        pytest.param("a: !!map 3", "line 1, column 4: what stands here is no map", id="tagged map"),
        pytest.param("a: !!omap [b: c]", "line 1, column 4: there is no omap in JSON", id="omap"),
        pytest.param("a: 0b_", "line 1, column 4: what stands here is no int", id="looks like a number"),
        pytest.param("a: " + "9" * 5000, "line 1, column 4: what stands here is no int", id="5,000 digits"),
        pytest.param('{"a": ' + "9" * 5000 + "}", "line 1, column 7: what stands here is no", id="JSON's"),
        pytest.param("a: {b: " + "9" * 400 + "}", "a.b: no number may have so many digits", id="400 digits"),
        pytest.param("a: " + "[" * 3000, "line 1, column 10", id="deep"),
        pytest.param('{"a":' + "[" * 100_000 + "}", "line 1, column 10", id="deep JSON"),
        pytest.param('{"a":' + "[" * 110 + "]" * 110 + "}", "a[0][0]", id="deeper than anything means"),
        pytest.param("a: &x\n  b: *x", "line 1, column 4: found unconstructable recursive node", id="itself"),
        pytest.param("a: &x [*x]", "line 1, column 4: found unconstructable", id="itself, a list"),
        pytest.param("? \n: 1", "line 1, column 2: this can be no key", id="no key"),
        pytest.param("? [a]\n: 1", "line 1, column 3: this can be no key", id="a list as key"),
        pytest.param('a: ["\\ud800"]', "a[0]: a text holds half a character", id="half a character"),
        pytest.param('{"\\ud800": 1}', "(top): a text holds half a character", id="half a key"),
        pytest.param('a: "\\UFFFFFFFF"', "it holds what no parser can read", id="no character"),
        pytest.param("%YAML " + "9" * 5000 + ".1\n---\na", "it holds what no parser can read", id="version"),
        pytest.param("a: \x00", "unacceptable character", id="binary"),
    ],
)
def test_what_cannot_be_read(text: str, problem: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_documents(text)
    said = str(caught.value)
    assert said.startswith(problem)
    assert "\n" not in said
    assert "secret" not in said


def test_aliases_that_make_too_much_of_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MEMBERS", 10_000)
    with pytest.raises(Unreadable, match="its aliases make too much of it"):
        read_document(BOMB)


@pytest.mark.parametrize("text", ["{a: 1, b: 2, a: 3}", '{"a": 1, "b": 2, "a": 3}'], ids=["YAML", "JSON"])
def test_keys_that_are_given_twice_are_remembered(text: str) -> None:
    found = read_document(text)
    assert (found, found.twice) == ({"a": 3, "b": 2}, ["a"])
