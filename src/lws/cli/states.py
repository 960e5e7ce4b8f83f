"""A set's state in one word, from its own status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lws.api import constants as c
from lws.cli.drawing import BAD, BUSY, GOOD, QUIET
from lws.cli.status import AnySet, standing_condition
from lws.objects import Condition

STYLES: Final[Mapping[str, str]] = {
    "Available": GOOD,
    "Failed": BAD,
    "Paused": QUIET,
    "Pending": BUSY,
    "Progressing": BUSY,
    "Stalled": BAD,
    "Terminating": BUSY,
    "Updating": BUSY,
}


def state_of(one: AnySet, *, paused: bool) -> tuple[str, Condition | None]:
    """One word, and the condition that says why it is not available."""
    if one.deleting:
        return "Terminating", None
    if one.status.observed_generation != one.metadata.generation:
        return "Pending", None
    for type_, state in ((c.STALLED, "Stalled"), (c.FAILED, "Failed")):
        if (found := standing_condition(one, type_)) is not None:
            return state, found
    if paused:
        return "Paused", None
    if standing_condition(one, c.AVAILABLE) is not None:
        return "Available", None
    updating = standing_condition(one, c.UPDATE_IN_PROGRESS) is not None
    return "Updating" if updating else "Progressing", standing_condition(one, c.PROGRESSING)
