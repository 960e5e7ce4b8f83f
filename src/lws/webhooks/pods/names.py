"""What pod names and decimal strings say: ordinals, group keys, integers as the upstream controller reads
them.

Python's own ``int()`` is not used on users' text: it takes blanks, underscores and other scripts' digits, and
refuses more than 4,300 digits with an exception of its own (api.md, 6 #23 and #24).
"""

from __future__ import annotations

import hashlib

from lws.webhooks.errors import AdmissionError, shown

_INT32_MAX = 2**31 - 1
_INT64_DIGITS = 19


def parse_int(text: str) -> int | None:
    """A decimal 64-bit integer with an optional sign, or None when ``text`` is anything else."""
    digits = text[1:] if text[:1] in {"+", "-"} else text
    if not (digits.isascii() and digits.isdigit()):
        return None
    digits = digits.lstrip("0") or "0"
    if len(digits) > _INT64_DIGITS:
        return None
    value = -int(digits) if text[0] == "-" else int(digits)
    return value if -(2**63) <= value < 2**63 else None


def required_int(text: str | None, where: str, why: str) -> int:
    """``parse_int`` of what must be there. Raises AdmissionError: ``where`` it is, and who must have it."""
    number = None if text is None else parse_int(text)
    if number is None:
        found = "missing" if text is None else shown(text)
        raise AdmissionError(f"{where} is {found}: {why}")
    return number


def split_ordinal(name: str) -> tuple[str, int]:
    """Parent and ordinal of ``<parent>-<ordinal>``, cut at the last dash (api.md, 5.2).

    ``("", -1)`` for a name without ordinal; an ordinal above int32 reads as -1 and keeps its parent.
    """
    parent, dash, digits = name.rpartition("-")
    if not (dash and digits.isascii() and digits.isdigit()):
        return "", -1
    ordinal = parse_int(digits)
    return parent, -1 if ordinal is None or ordinal > _INT32_MAX else ordinal


def key(scope: str, name: str) -> str:
    """The value of a group-key or subgroup-key label: lowercase hex SHA-1 of ``<scope>/<name>``."""
    return hashlib.sha1(f"{scope}/{name}".encode(), usedforsecurity=False).hexdigest()


def divide(dividend: int, divisor: int) -> tuple[int, int]:
    """Quotient truncated toward zero, and the remainder that goes with it (Python's own ones floor)."""
    quotient = abs(dividend) // abs(divisor)
    if (dividend < 0) != (divisor < 0):
        quotient = -quotient
    return quotient, dividend - divisor * quotient
