"""JSON that is nested more deeply than any object has a reason to be."""

from __future__ import annotations

import msgspec
import pytest

from lws.kube.shallow import DEPTH, decoded, shallow

BRACKETS = rb"a \" quote, a \\"


def nested(levels: int, inner: bytes = b"1") -> bytes:
    """Objects and lists by turns."""
    opening = [b'{"x":' if x % 2 else b"[" for x in range(levels)]
    closing = [b"}" if x % 2 else b"]" for x in reversed(range(levels))]
    return b"".join([*opening, inner, *closing])


def test_what_is_not_deep_stays_as_it_is() -> None:
    data = b'{"a":[{"b":"}]{["},' + nested(DEPTH - 3) + b'],"c":"' + BRACKETS + b'"}'
    assert shallow(data) == data
    assert msgspec.json.decode(shallow(data)) == msgspec.json.decode(data)


@pytest.mark.parametrize("levels", [DEPTH + 1, 900, 3000, 9999])
@pytest.mark.parametrize(
    "inner", [b"1", b'"}]"', b'"\\""', b"{}"], ids=["number", "brackets", "quote", "empty"]
)
def test_what_is_too_deep_is_null(levels: int, inner: bytes) -> None:
    data = b'{"before":1,"deep":' + nested(levels, inner) + b',"after":{"a":[2]}}'
    made = msgspec.json.decode(shallow(data))
    assert (made["before"], made["after"]) == (1, {"a": [2]})
    at, found = made["deep"], 1
    while at is not None:
        at = at["x"] if isinstance(at, dict) else at[0]
        found += 1
    assert found == DEPTH


def test_only_what_cannot_be_decoded_is_cut() -> None:
    decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    fits = b'{"a":' + nested(DEPTH + 50) + b"}"
    assert decoded(decode, fits) == decode(fits)
    assert decoded(decode, b'{"a":' + nested(3000) + b',"b":2}').keys() == {"a", "b"}


def test_what_is_no_json_is_refused_as_ever() -> None:
    with pytest.raises(msgspec.DecodeError):
        decoded(msgspec.json.Decoder(dict).decode, b"{" + nested(50))
