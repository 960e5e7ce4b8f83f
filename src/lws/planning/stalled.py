"""The condition that says when a set cannot go on: the API server refuses its leader StatefulSet.

Claim templates of a StatefulSet cannot be changed (docs/decisions/012): an edit of them is refused on every
try. Only a set that was refused once carries the condition.
"""

from __future__ import annotations

from msgspec.structs import replace

from lws.api import constants as c
from lws.objects import Condition

_LONGEST = 2048
"""Characters of the API server's answer that are shown; it may quote whole objects."""


def with_stalled(
    conditions: tuple[Condition, ...], refusal: str | None, *, generation: int, now: str
) -> tuple[Condition, ...]:
    """``refusal``: what the API server says against the leader StatefulSet, None when it took it."""
    stored = next((x for x in conditions if x.type == c.STALLED), None)
    if stored is None and refusal is None:
        return conditions
    if refusal is None:
        wanted = Condition(c.STALLED, "False", c.REASON_APPLIED, "The leader StatefulSet is as wanted", now)
    else:
        message = f"The API server refuses the leader StatefulSet: {refusal[:_LONGEST]}"
        wanted = Condition(c.STALLED, "True", c.REASON_REFUSED, message, now)
    wanted = replace(wanted, observed_generation=generation)
    if stored is not None and stored.status == wanted.status:
        wanted = replace(wanted, last_transition_time=stored.last_transition_time)
    return (*(x for x in conditions if x.type != c.STALLED), wanted)
