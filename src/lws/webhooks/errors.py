"""How admission says no: a denial, and a violation of one field in the API server's own form.

Only the forms live here, and what an update makes worse; which rule is broken, and what the text says, is for
the rules to know.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

INVALID: Final = "FieldValueInvalid"
REQUIRED: Final = "FieldValueRequired"
TOO_LONG: Final = "FieldValueTooLong"
FORBIDDEN: Final = "FieldValueForbidden"
NOT_SUPPORTED: Final = "FieldValueNotSupported"

_KINDS: Final = {
    INVALID: "Invalid value",
    REQUIRED: "Required value",
    TOO_LONG: "Too long",
    FORBIDDEN: "Forbidden",
    NOT_SUPPORTED: "Unsupported value",
}
_VALUELESS: Final = frozenset({REQUIRED, TOO_LONG, FORBIDDEN})
_SHOWN_VALUE = 1024
_INDEX: Final = re.compile(r"\[\d+\]")


class NotKnownError(Exception):
    """What a rule has to know could not be asked for: nobody is to blame, and another try may succeed."""


class AdmissionError(Exception):
    """The object is denied (403); the text names the member at fault and what is allowed."""


class FieldError(Struct, frozen=True):
    """One violation: ``reason`` is the API's cause type, ``field`` the path, ``value`` what was found.

    Two more members tell :func:`worsened` whether an old object had the same violation. ``basis``: what it
    rests on, where that is not value and detail. ``excess``: how far beyond the rule it is, where less is
    better; the same basis is then worse only with more of it.
    """

    reason: str
    field: str
    value: Any
    detail: str
    basis: Sequence[Any] | None = None
    excess: int = 0

    def __str__(self) -> str:
        """``<path>: <kind>: <value>: <detail>``; Required, Too long and Forbidden leave the value out."""
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


def invalid(
    field: str, value: Any, detail: str, *, basis: Sequence[Any] | None = None, excess: int = 0
) -> FieldError:
    """The value is there and is not allowed; ``basis`` and ``excess`` as in :class:`FieldError`."""
    return FieldError(INVALID, field, value, detail, basis, excess)


def required(field: str, detail: str) -> FieldError:
    """The value is missing or empty."""
    return FieldError(REQUIRED, field, "", detail)


def too_long(field: str, limit: int, *, found: int) -> FieldError:
    """The value has ``found`` bytes, more than ``limit``."""
    return FieldError(TOO_LONG, field, "", f"must have at most {limit} bytes", excess=found)


def forbidden(field: str, detail: str) -> FieldError:
    """The member may not be there, or not so, because of others."""
    return FieldError(FORBIDDEN, field, "", detail)


def not_supported(field: str, value: str, supported: Sequence[str]) -> FieldError:
    """The value is none of the enumerated ones."""
    values = ", ".join(map(shown, supported))
    return FieldError(NOT_SUPPORTED, field, value, f"supported values: {values}")


def worsened(new: Iterable[FieldError], old: Iterable[FieldError]) -> list[FieldError]:
    """Those of ``new`` that ``old`` had not: an update is refused for these only (KEP-4008).

    A violation is the same when reason, path (list indexes aside, as lists are reordered) and basis are. As
    many are forgiven as there were before, so that a second label of the same bad value is a new violation.
    """
    known = [(_sameness(error), error.excess) for error in old]
    left, excess = Counter(same for same, _ in known), dict(known)
    found = []
    for error in new:
        same = _sameness(error)
        if left[same] and error.excess <= excess[same]:
            left[same] -= 1
        else:
            found.append(error)
    return found


def _sameness(error: FieldError) -> tuple[str, str, bytes]:
    basis = (error.value, error.detail) if error.basis is None else error.basis
    return error.reason, _INDEX.sub("[]", error.field), msgspec.json.encode(basis)


def aggregate(errors: Iterable[FieldError]) -> str:
    """The message for a list of violations (api.md, 4.1): equal ones once, several as ``[a, b]``."""
    messages = list(dict.fromkeys(map(str, errors)))
    return f"[{', '.join(messages)}]" if len(messages) > 1 else "".join(messages)
