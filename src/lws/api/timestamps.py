"""Times as Kubernetes writes them: RFC 3339, UTC, whole seconds or (``MicroTime``) microseconds.

Spelling only; no clock may be read here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_RFC3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
ZERO_TIME: Final = "0001-01-01T00:00:00Z"


def rfc3339(seconds: float) -> str:
    """The time so many seconds after 1970, its fraction of a second cut off."""
    return datetime.fromtimestamp(int(seconds), UTC).replace(tzinfo=None).isoformat() + "Z"


def micro_time(seconds: float) -> str:
    """The time so many seconds after 1970, with microseconds: what a length of time is measured from."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def instant(text: str) -> float | None:
    """Seconds since 1970 of an RFC 3339 time, with its fraction of a second; None for anything else."""
    if _RFC3339.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text.replace(",", ".")).timestamp()
    except ValueError:
        return None


def epoch(text: str) -> float:
    """Seconds since 1970 of a time as :func:`canonical_time` takes it; 0 (long ago) for anything else."""
    try:
        return datetime.fromisoformat(canonical_time(text)).timestamp()
    except ValueError:
        return 0.0


def canonical_time(text: str) -> str:
    """The same instant in UTC, its fraction of a second cut off (reconcilers.md, 4.8).

    Raises ValueError when ``text`` is no RFC 3339 time between the years 1 and 9999.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no RFC 3339 time")
    day, clock, zone = match.groups()
    try:
        instant = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone == 'Z' else zone}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no RFC 3339 time: {error}") from error
    return instant.replace(tzinfo=None).isoformat() + "Z"
