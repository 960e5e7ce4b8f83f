"""The condition that says when a set, or one of its groups, cannot go on until somebody changes something.

The API server refuses an object, a name is taken, a node is missing (docs/decisions/012, 120). Only a set
that was stalled once carries the condition.
"""

from __future__ import annotations

from msgspec.structs import replace

from lws.api import constants as c
from lws.objects import Condition
from lws.planning.problems import SetProblems, summary


def with_stalled(
    conditions: tuple[Condition, ...], problems: SetProblems, *, generation: int, now: str
) -> tuple[Condition, ...]:
    """``problems``: what is known to be in the way; ``now``: RFC 3339."""
    stored = next((x for x in conditions if x.type == c.STALLED), None)
    if stored is None and not problems.any:
        return conditions
    if problems.any:
        wanted = Condition(c.STALLED, "True", *summary(problems), now)
    else:
        # Without a message, which a column of kubectl shows whatever the status is.
        wanted = Condition(c.STALLED, "False", c.REASON_NOTHING_IN_THE_WAY, "", now)
    wanted = replace(wanted, observed_generation=generation)
    if stored is not None and stored.status == wanted.status:
        wanted = replace(wanted, last_transition_time=stored.last_transition_time)
    return (*(x for x in conditions if x.type != c.STALLED), wanted)
