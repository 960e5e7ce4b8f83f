"""``kubectl lws status``: how far a set is, once or until it is done, as ``kubectl rollout status``.

Done is what the controller says of the present spec: its condition Available. What is shown meanwhile is
counted from the groups themselves, so that nobody waits for counters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from rich.text import Text

from lws.api import constants as c
from lws.api.disaggregatedset import DisaggregatedSet
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.cli import following
from lws.cli.drawing import BAD, BUSY, GOOD, count, numbers
from lws.cli.kinds import LEADERWORKERSETS, reference
from lws.cli.observing import Group, Seen, groups_of, see, tally_of
from lws.cli.pause import is_paused
from lws.cli.session import Session
from lws.objects import Condition
from lws.planning import groups as planners
from lws.planning.inplace.marks import Mark, mark_on
from lws.planning.recreation.record import failed_groups

AnySet = LeaderWorkerSet | DisaggregatedSet


class StatusView(Struct, rename="camel"):
    """Numbers are groups. ``due``: wanted ones from the partition up. ``surge``: above the wanted ones, for a
    roll, ``surge_ready`` of them ready; ``leaving``: that are to go, as nobody wants them. ``done`` and
    ``failed`` end a wait.

    ``gated_leaders``: indexes of groups whose leader has the readiness gate that another controller would
    leave as it is (docs/guides/group-readiness.md). ``updating_in_place``: groups under way;
    ``updated_in_place``: those whose containers restarted for that, which upstream takes for a failure.
    """

    namespace: str
    name: str
    generation: int
    observed_generation: int
    revision: str
    replicas: int
    ready: int
    updated: int
    due: int
    due_updated: int
    surge: int
    partition: int
    paused: bool
    updating: bool
    done: bool
    failed: bool
    message: str
    gated_leaders: list[int]
    leaving: int = 0
    surge_ready: int = 0
    updating_in_place: list[int] = []
    updated_in_place: list[int] = []

    @property
    def names(self) -> list[str]:
        return [reference(c.KIND, self.name)]


def describe(seen: Seen) -> StatusView:
    """How far the set is."""
    lws, key = seen.lws, seen.revision.key
    groups = groups_of(seen, key)
    tally = tally_of(seen, groups)
    due = [x for x in groups if lws.partition <= x.index < lws.replicas]
    view = StatusView(
        namespace=lws.namespace,
        name=lws.name,
        generation=lws.metadata.generation,
        observed_generation=lws.status.observed_generation,
        revision=key,
        replicas=lws.replicas,
        ready=tally.ready,
        updated=tally.updated,
        due=len(due),
        due_updated=sum(x.state.updated for x in due),
        surge=tally.surge,
        surge_ready=tally.surge_ready,
        leaving=tally.leaving,
        partition=lws.partition,
        paused=is_paused(lws),
        updating=any(x.outdated(key) for x in due) or condition(lws, c.UPDATE_IN_PROGRESS) is not None,
        done=condition(lws, c.AVAILABLE) is not None and not lws.deleting,
        failed=False,
        message="",
        gated_leaders=[x.index for x in groups if x.leader is not None and x.leader.gated],
        updating_in_place=[x.index for x in groups if (mark := _mark(x)) is not None and not mark.settled],
        updated_in_place=[x.index for x in groups if (mark := _mark(x)) is not None and mark.counts],
    )
    problem = stalled(lws) or _failure(seen, groups, key)
    view.failed = problem is not None
    if lws.deleting:
        problem = being_deleted(sum(bool(x.pods) for x in groups))
    view.message = _message(view) if problem is None else problem
    return view


def being_deleted(left: int) -> str:
    """What is said of a set on its way out, whatever its conditions still say. ``left``: groups."""
    return f"being deleted: {count(left, 'group')} left"


def _mark(group: Group) -> Mark | None:
    """Of an update in place, under way or over."""
    bearer = group.workers or group.leader
    return None if bearer is None else mark_on(bearer)


def _failure(seen: Seen, groups: Sequence[Group], key: str) -> str | None:
    """What the set says of groups that were given up, unless the roll is going to replace all of them.

    Where the status cannot hold records of groups, the condition alone counts.
    """
    lws = seen.lws
    replaced = {x.index for x in groups if x.outdated(key) and x.index >= lws.partition}
    left = set(failed_groups(lws, planners.groups_of(seen.observed))) - replaced
    message = condition(lws, c.FAILED) if left or not lws.status.groups else None
    return None if message is None else f"failed: {message}"


def condition(lws: AnySet, type_: str) -> str | None:
    """The message of a condition that is True of the present spec, else None."""
    found = standing_condition(lws, type_)
    return None if found is None else found.message


def stalled(one: AnySet) -> str | None:
    """What ends a wait for a set that cannot go on, by its own words; None while it can."""
    message = condition(one, c.STALLED)
    return None if message is None else f"stalled: {message}"


def standing_condition(lws: AnySet, type_: str) -> Condition | None:
    """A condition that is True of the present spec."""
    if lws.status.observed_generation != lws.metadata.generation:
        return None
    found = next((x for x in lws.status.conditions if x.type == type_), None)
    if found is None or found.status != "True" or found.observed_generation != lws.metadata.generation:
        return None
    return found


def _message(view: StatusView) -> str:
    if view.observed_generation != view.generation:
        return "waiting for the controller to see the present spec"
    if view.done:
        return f"{_done(view)}{to_go(view.leaving)}"
    parts = []
    if view.paused:  # no group is due, so what is told is of all
        parts.append(f"{view.updated} of {count(view.replicas, 'group')} updated")
    elif view.updating:
        parts.append(f"{view.due_updated} of {count(view.due, 'group')} updated")
    parts.append(ready_of(view))
    return f"{'paused' if view.paused else 'waiting'}: {', '.join(parts)}{to_go(view.leaving)}"


def _done(view: StatusView) -> str:
    if view.paused:
        return f"paused: {view.updated} of {count(view.replicas, 'group')} updated, all ready"
    if view.partition and view.updated < view.replicas:
        held = f"{view.replicas - view.updated} held back by partition {view.partition}"
        return f"rolled out as far as it may: {view.due} of {count(view.replicas, 'group')} updated, {held}"
    return f"successfully rolled out: {count(view.replicas, 'group')} updated and ready"


def to_go(leaving: int) -> str:
    """The end of a line, where groups are still there that nobody wants."""
    return f", {leaving} to go" if leaving else ""


def ready_of(view: StatusView) -> str:
    """All that serve, as ``kubectl get`` counts them: surge is there so that there are enough."""
    text = f"{view.ready + view.surge_ready} of {count(view.replicas, 'group')} ready"
    if view.surge_ready:
        return f"{text}, {view.surge_ready} of them surge"
    return f"{text}, {view.surge} surge not yet" if view.surge else text


def draw(view: StatusView) -> Text:
    style = BAD if view.failed else GOOD if view.done else BUSY
    text = Text(f'leaderworkerset "{view.name}" ')
    return text.append(view.message, style=style)


def draw_whole(view: StatusView) -> Text:
    return draw(view).append_text(draw_gates(view)).append_text(draw_in_place(view))


def draw_gates(view: StatusView) -> Text:
    """The leaders with a gate, for whoever is about to change controllers; empty without any."""
    if not view.gated_leaders:
        return Text()
    what = count(len(view.gated_leaders), "leader")
    return Text(f"\n  {what} with a readiness gate: groups {numbers(view.gated_leaders)}")


def draw_in_place(view: StatusView) -> Text:
    """The groups that a change of controllers would recreate; empty without any."""
    lines = []
    if view.updating_in_place:
        what = count(len(view.updating_in_place), "group")
        lines.append(f"{what} being updated in place: {numbers(view.updating_in_place)}")
    if view.updated_in_place:
        what, which = count(len(view.updated_in_place), "group"), numbers(view.updated_in_place)
        lines.append(f"{what} updated in place, which upstream would recreate at once: {which}")
    return Text("".join(f"\n  {x}" for x in lines))


def run(session: Session, options: Any) -> int:
    """Once, or with ``--watch`` until the end."""

    def look() -> following.Moment:
        seen = see(session, options.name)
        return following.Moment(seen.lws, describe(seen))

    subject = following.Subject(LEADERWORKERSETS, f'leaderworkerset "{options.name}"', look)
    return following.run(session, options, subject, draw if options.watch else draw_whole)
