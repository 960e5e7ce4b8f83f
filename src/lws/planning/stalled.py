"""The condition that says when a set, or one of its groups, cannot go on until somebody changes something.

The API server refuses an object, a name is taken, a node is missing (docs/decisions/012, 120). Only a set
that was stalled once carries the condition.
"""

from __future__ import annotations

from msgspec.structs import replace

from lws.api import constants as c
from lws.objects import Condition
from lws.planning.problems import SetProblems, summary


def with_reconciling(
    conditions: tuple[Condition, ...], *, generation: int, now: str
) -> tuple[Condition, ...]:
    """With ``Reconciling``, which kstatus reads (decision 125): neither available nor stalled.

    Not on a set that was at rest when this condition came into use: it says nothing new of it.
    """
    stored = next((x for x in conditions if x.type == c.RECONCILING), None)
    true = {x.type for x in conditions if x.status == "True"}
    working = not true & {c.AVAILABLE, c.STALLED}
    if stored is None and not working:
        return conditions
    if working:
        wanted = Condition(c.RECONCILING, "True", c.REASON_GROUPS_PROGRESSING, "Groups start or roll")
    else:
        reason = c.STALLED if c.STALLED in true else c.REASON_ALL_GROUPS_READY
        wanted = Condition(c.RECONCILING, "False", reason)
    changed = stored is None or stored.status != wanted.status
    since = now if changed or stored is None else stored.last_transition_time
    wanted = replace(wanted, last_transition_time=since, observed_generation=generation)
    return (*(x for x in conditions if x.type != c.RECONCILING), wanted)


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
