"""Which role keeps a set from being available, in the words of its LeaderWorkerSet (decision 231).

A LeaderWorkerSet says why its worst group is not ready, and which pod it is; no pod is looked at here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.objects import Condition
from lws.planning.disaggregated.demand import Wanted
from lws.planning.disaggregated.names import revision_of_child, role_of, slice_of
from lws.planning.progress import TEXT, late
from lws.planning.reasons import urgency


class Held(NamedTuple):
    """``message``: one line. ``expired``: the role's ``progressDeadlineSeconds`` have passed."""

    message: str
    expired: bool


def held_by(wanted: Wanted, children: Iterable[LeaderWorkerSet]) -> Held | None:
    """By the one that needs somebody most; None while none says anything.

    The present revision comes first: no step is taken while a group of it is not ready. Former ones are
    drained whatever becomes of them, so their deadlines are none of the set's.
    """
    found = [
        (_urgency(wanted, child, said), child, said)
        for child in children
        if not child.deleting and (said := said_by(child)) is not None
    ]
    if not found:
        return None
    _, child, said = min(found, key=lambda x: x[0])
    place = f"role {role_of(child)} of slice {slice_of(child)}, LeaderWorkerSet {child.name}"
    return Held(f"{place}: {said.message}", is_present(wanted, child) and said.status == "False")


def said_by(child: LeaderWorkerSet) -> Condition | None:
    """A child's ``Progressing``, if that says more than that there is something to do."""
    conditions = child.status.conditions
    going = (x for x in conditions if x.type == c.PROGRESSING and x.status == "True" and x.message != TEXT)
    return late(conditions) or next(going, None)


def is_present(wanted: Wanted, child: LeaderWorkerSet) -> bool:
    """Of the present revision."""
    return revision_of_child(child) == wanted.revision


def _urgency(wanted: Wanted, child: LeaderWorkerSet, said: Condition) -> tuple[object, ...]:
    """Lowest first. ``status.groups`` is there with the message, and has its reasons."""
    order = {x.name: place for place, x in enumerate(wanted.demands)}
    worst = min((urgency(x.reason) for x in child.status.groups.values()), default=urgency(""))
    place = order.get(role_of(child), len(order))
    return (not is_present(wanted, child), said.status == "True", worst, place, child.name)
