"""JSON as the revision encoding needs it: numbers keep their text, strings are escaped as upstream does.

Only spelling lives here; which members there are is the business of ``encoding``.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final

from lws.api.timestamps import ZERO_TIME, canonical_time

_EXACT_IN_A_DOUBLE: Final = 2**53
_ESCAPED: Final = re.compile("[<>&\u2028\u2029\ud800-\udfff]")


class Number(str):
    """A JSON number as it was spelled."""

    __slots__ = ()


def _reject(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


_DECODER: Final = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_reject)
_quote_plain: Final = json.JSONEncoder(ensure_ascii=False).encode


def read_json(text: bytes) -> Any:
    """The document in ``text``, its numbers as ``Number``. Raises ValueError when it is no JSON."""
    try:
        return _DECODER.decode(text.decode())
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None


def quote(text: str) -> str:
    """A JSON string: ``<``, ``>``, ``&``, U+2028 and U+2029 as \\u and four digits, other text raw.

    An unpaired surrogate, which UTF-8 cannot hold, becomes U+FFFD.
    """
    quoted = _quote_plain(text)
    # Hardly any text needs more, and to look is cheaper than to replace nothing.
    return _ESCAPED.sub(_escape, quoted) if _ESCAPED.search(quoted) else quoted


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    return "\ufffd" if "\ud800" <= char <= "\udfff" else f"\\u{ord(char):04x}"


def spell_integer(text: str, *, bits: int, exact: bool = False) -> str:
    """An integer as it comes out of a double: exact up to 2⁵³, beyond that the shortest digits.

    ``exact``: all digits, as the text has them.

    Raises ValueError when ``text`` is no integer, or one that ``bits`` bits cannot hold.
    """
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"{text} is no integer") from None
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise ValueError(f"{text} does not fit {bits} bits")
    return str(value) if exact or abs(value) <= _EXACT_IN_A_DOUBLE else _spell_double(float(value))


def _spell_double(value: float) -> str:
    """The shortest digits that give the same double, never with an exponent."""
    text = f"{Decimal(repr(value)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def spell_time(text: str) -> str:
    """A time in UTC; the zero time is ``null``. Raises ValueError when ``text`` is no time."""
    canonical = canonical_time(text)
    return "null" if canonical == ZERO_TIME else f'"{canonical}"'


def spell_any(value: Any) -> str:
    """Any JSON value with sorted keys."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{quote(key)}:{spell_any(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(spell_any, value)) + "]"
    if isinstance(value, Number):
        return _spell_double(float(value))
    if isinstance(value, str):
        return quote(value)
    return json.dumps(value)


def spell_given(value: Any) -> str:
    """Any JSON value without blanks; members and numbers as they came."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{quote(key)}:{spell_given(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(spell_given, value)) + "]"
    if isinstance(value, str) and not isinstance(value, Number):
        return quote(value)
    return str(value) if isinstance(value, Number) else json.dumps(value)
