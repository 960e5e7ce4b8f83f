"""How admission says no: a denial, and a violation of one field in the API server's own form.

Only the forms live here; which rule is broken, and what the text says, is for the rules to know.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

INVALID: Final = "FieldValueInvalid"
REQUIRED: Final = "FieldValueRequired"
TOO_LONG: Final = "FieldValueTooLong"

_KINDS: Final = {INVALID: "Invalid value", REQUIRED: "Required value", TOO_LONG: "Too long"}
_VALUELESS: Final = frozenset({REQUIRED, TOO_LONG})
_SHOWN_VALUE = 1024


class AdmissionError(Exception):
    """The object is denied (403); the text names the member at fault and what is allowed."""


class FieldError(Struct, frozen=True):
    """One violation: ``reason`` is the API's cause type, ``field`` the path, ``value`` what was found."""

    reason: str
    field: str
    value: Any
    detail: str

    def __str__(self) -> str:
        """``<path>: <kind>: <value>: <detail>``; Required and Too long leave the value out."""
        parts = [self.field, _KINDS.get(self.reason, self.reason)]
        if self.reason not in _VALUELESS:
            parts.append(shown(self.value))
        if self.detail:
            parts.append(self.detail)
        return ": ".join(parts)


def shown(value: Any) -> str:
    """A value as a message shows it: as JSON, cut where it would swamp the message."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN_VALUE else text[:_SHOWN_VALUE] + "..."


def invalid(field: str, value: Any, detail: str) -> FieldError:
    """The value is there and is not allowed."""
    return FieldError(INVALID, field, value, detail)


def required(field: str, detail: str) -> FieldError:
    """The value is missing or empty."""
    return FieldError(REQUIRED, field, "", detail)


def too_long(field: str, limit: int) -> FieldError:
    """The value has more than ``limit`` bytes."""
    return FieldError(TOO_LONG, field, "", f"must have at most {limit} bytes")


def aggregate(errors: Iterable[FieldError]) -> str:
    """The message for a list of violations (api.md, 4.1): equal ones once, several as ``[a, b]``."""
    messages = list(dict.fromkeys(map(str, errors)))
    return f"[{', '.join(messages)}]" if len(messages) > 1 else "".join(messages)
