"""How admission says no: a denial, and a violation of one field in the API server's own form.

Only the forms live here, and what an update makes worse; which rule is broken, and what the text says, is for
the rules to know.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
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
_SHOWN_VALUE: Final = 1024
MOST_SHOWN: Final = 20
"""Violations of a message, and warnings of an answer: whoever asks must not decide how long it gets."""
_INDEX: Final = re.compile(r"\[\d+\]")


STORABLE_BYTES: Final = 1_572_864
"""What etcd takes in one request: whatever would get longer by an answer could never be stored."""


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
        parts = [cut(self.field), _KINDS.get(self.reason, self.reason)]
        if self.reason not in _VALUELESS:
            parts.append(shown(self.value))
        if self.detail:
            parts.append(cut(self.detail, 4 * _SHOWN_VALUE))
        return ": ".join(parts)


def shown(value: Any) -> str:
    """A value as a message shows it: as JSON, cut where it would swamp the message."""
    # No more of a text is encoded than may be shown: it may be the value of many violations.
    text = msgspec.json.encode(value[:_SHOWN_VALUE] if isinstance(value, str) else value).decode()
    return cut(text)


def cut(text: str, most: int = _SHOWN_VALUE) -> str:
    """The beginning of a text that would swamp a message."""
    return text if len(text) <= most else text[:most] + "..."


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
    """The :func:`first` of ``new`` that ``old`` had not: an update is refused for these only (KEP-4008).

    A violation is the same when reason, path (list indexes aside, as lists are reordered) and basis are. As
    many are forgiven as there were before, so that a second label of the same bad value is a new violation,
    and each for one that was as bad: two roles may break a rule to different degrees.
    """
    return first(_worsened(new, old))


def _worsened(new: Iterable[FieldError], old: Iterable[FieldError]) -> Iterator[FieldError]:
    new = iter(new)
    begun = next(new, None)
    if begun is None:  # most updates
        return
    known = _excesses(old)
    for error in chain((begun,), new):
        if not _forgiven(error, known.get(_sameness(error), [])):
            yield error


def _excesses(errors: Iterable[FieldError]) -> dict[Any, list[int]]:
    """By sameness, the least first."""
    found: dict[Any, list[int]] = {}
    for error in errors:
        found.setdefault(_sameness(error), []).append(error.excess)
    for excesses in found.values():
        excesses.sort()
    return found


def _forgiven(error: FieldError, known: list[int]) -> bool:
    """Whether one of ``known`` is as bad, of which the least is used up: worse ones may need the others."""
    least = bisect_left(known, error.excess)
    if least == len(known):
        return False
    # The last of its equals, as there may be many and whatever follows moves up.
    del known[bisect_right(known, known[least]) - 1]
    return True


def _sameness(error: FieldError) -> tuple[str, str, Any]:
    basis = (error.value, error.detail) if error.basis is None else error.basis
    return error.reason, _INDEX.sub("[]", error.field), _compared(basis)


def _compared(basis: Any) -> Any:
    """Text as it is, whose hash Python keeps; all else as JSON, which tells 1 from true."""
    if isinstance(basis, tuple):
        return tuple(map(_compared, basis))
    return basis if isinstance(basis, str) else msgspec.json.encode(basis)


def first(errors: Iterable[FieldError]) -> list[FieldError]:
    """Those that a message tells, and one that says that there are more: later ones are never built."""
    return list(islice(errors, MOST_SHOWN + 1))


def aggregate(errors: Iterable[FieldError]) -> str:
    """The message for a list of violations (api.md, 4.1): equal ones once, several as ``[a, b]``.

    Of more than ``MOST_SHOWN`` it tells the first, and that there are more.
    """
    found = first(errors)
    messages = list(dict.fromkeys(map(str, found[:MOST_SHOWN])))
    if len(found) > MOST_SHOWN:
        messages.append("and more")
    return f"[{', '.join(messages)}]" if len(messages) > 1 else "".join(messages)


def told(warnings: Iterable[str]) -> tuple[str, ...]:
    """Those of an answer, as many and as long as it may have; the API server cuts them at 256 characters."""
    return tuple(cut(text) for text in islice(warnings, MOST_SHOWN))
