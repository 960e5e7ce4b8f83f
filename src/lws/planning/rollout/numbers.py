"""How far a rollout may go: partition and replicas of the leader StatefulSet (reconcilers.md, 3).

A group is updated from the highest index down once the partition is at or below it; surge groups stand in
beyond spec.replicas meanwhile, and at no other time (docs/decisions/131). Numbers and the events that tell of
them; documents are made in ``leader``.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple

from lws.api import constants as c
from lws.api.intorpercent import scaled
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import StatefulSet
from lws.objects import ObjectReference
from lws.planning.actions import Record
from lws.planning.events import normal
from lws.planning.groups import GroupState

_FIELD: Final = "spec.rolloutStrategy.rollingUpdateConfiguration"


class RolloutNumbers(NamedTuple):
    """What the user allows, in groups: percentages are resolved, and surge is at most ``replicas``.

    Where there are groups, ``max_unavailable`` and ``max_surge`` are never both 0.
    """

    replicas: int
    max_unavailable: int
    max_surge: int
    partition: int

    @property
    def ceiling(self) -> int:
        """Groups while surging."""
        return self.replicas + self.max_surge

    @property
    def leaders_unavailable(self) -> int:
        """``maxUnavailable`` of the leader StatefulSet: surge groups are starting, too; at least 1."""
        return max(1, self.max_unavailable + self.max_surge)

    def spare(self, available: int) -> int:
        """How many of the available groups, surge included, there are beyond those that have to stay."""
        return available - (self.replicas - self.max_unavailable)


class Rollout(NamedTuple):
    """For the leader StatefulSet: groups from ``partition`` up are updated, ``replicas`` groups exist."""

    partition: int
    replicas: int


def rollout_numbers(lws: LeaderWorkerSet) -> RolloutNumbers:
    """The live numbers. Raises ValueError naming the field whose value is no number of groups.

    Both may come to 0 where admission does not look: a share after a scale-down through ``/scale``. One group
    is then rolled at a time, as Deployments do it, rather than none for ever (docs/decisions/130).
    """
    config, total = lws.rolling_update, lws.replicas
    unavailable = 1 if config.max_unavailable is None else config.max_unavailable
    surge = 0 if config.max_surge is None else config.max_surge
    for field, number in (("spec.replicas", total), (f"{_FIELD}.partition", lws.partition)):
        if number < 0:
            raise ValueError(f"{field}: {number} is negative")
    groups_down = scaled(unavailable, total, round_up=False, field=f"{_FIELD}.maxUnavailable")
    groups_more = min(total, scaled(surge, total, round_up=True, field=f"{_FIELD}.maxSurge"))
    if total and not groups_down and not groups_more:
        groups_down = 1
    return RolloutNumbers(total, groups_down, groups_more, lws.partition)


def rollout_parameters(
    lws: LeaderWorkerSet,
    leader: StatefulSet | None,
    states: Sequence[GroupState],
    *,
    template_changed: bool,
    floor: int = 0,
) -> Rollout:
    """Partition and replicas to apply (reconcilers.md, 3.4).

    ``leader`` is the leader StatefulSet as observed, ``states`` that of each of its groups (none without it),
    and ``template_changed`` whether it carries another template than the one about to be applied. The
    partition is never below the user's, and not below ``floor``: groups up to there are updated in place, and
    the StatefulSet controller would replace their leaders. Raises ValueError for numbers that cannot be read.
    """
    numbers = rollout_numbers(lws)
    if leader is None:
        decided = Rollout(0, numbers.replicas)
    elif template_changed:
        decided = _begin(numbers, leader.spec.replicas, states)
    else:
        decided = _proceed(numbers, leader, states)
    return decided._replace(partition=max(decided.partition, numbers.partition, floor))


def past_groups_down(
    lws: LeaderWorkerSet, rollout: Rollout, states: Sequence[GroupState], *, floor: int = 0
) -> Rollout:
    """``rollout``, and on past groups that are down where nothing above them can move.

    A window of ready groups of which none can be spared, because others below it are down, waits for these;
    and these wait for the window. To replace them costs nothing (docs/decisions/246), if they are down: the
    window grows by more than may be down at once, so an old cache is not enough to go by (249).
    """
    numbers, start = rollout_numbers(lws), rollout.partition
    waiting = [x for x in states[start:] if not x.done]
    spare = numbers.spare(sum(x.available for x in states))
    if not waiting or spare > 0 or not all(x.ready and x.outdated for x in waiting):
        return rollout
    while (
        start > max(numbers.partition, floor) and states[start - 1].outdated and not states[start - 1].ready
    ):
        start -= 1
    return rollout._replace(partition=start)


def _begin(numbers: RolloutNumbers, current: int, states: Sequence[GroupState]) -> Rollout:
    """A new template: every existing group is held back first. No surge on top of a pending scale-up."""
    replicas = numbers.replicas
    wanted = replicas
    if current >= replicas:
        wanted = _groups(numbers, current, states, unready=replicas)
    return Rollout(min(replicas, current), wanted)


def _proceed(numbers: RolloutNumbers, leader: StatefulSet, states: Sequence[GroupState]) -> Rollout:
    """The same template as before; a rollout may be under way."""
    replicas, current = numbers.replicas, leader.spec.replicas
    partition = leader.spec.update_strategy.rolling_update.partition
    if current < replicas or (partition == 0 and current == replicas):
        return Rollout(partition, replicas)
    wanted = _groups(numbers, current, states, unready=unready_count(states, replicas))
    # The number of the last apply. Where somebody removed it, this pass restores it and goes no further.
    if leader.annotations.get(c.REPLICAS_ANNOTATION) != str(replicas):
        return Rollout(min(partition, numbers.ceiling), wanted)
    step = numbers.max_unavailable + current - replicas
    return Rollout(next_partition(states, step=step, partition=partition), wanted)


def _groups(numbers: RolloutNumbers, current: int, states: Sequence[GroupState], *, unready: int) -> int:
    """Groups to keep or to make, of which there are ``current``: surge groups begin in a roll only.

    A roll is told by a group that is outdated and that the user's partition lets go. The partition itself
    tells nothing: that of a canary or of a paused set stays where nothing rolls.
    """
    wanted = wanted_replicas(numbers, unready=unready)
    rolling = any(x.outdated for x in states[numbers.partition : numbers.replicas])
    return wanted if rolling else min(current, wanted)


def wanted_replicas(numbers: RolloutNumbers, *, unready: int) -> int:
    """Groups to keep, while so many of the wanted ones are not ready or not updated (reconcilers.md, 3.3).

    Surge stays at its ceiling until no more than ``max_surge`` are outstanding; then as much stays as covers
    those that ``max_unavailable`` does not tolerate.
    """
    if unready > numbers.max_surge:
        return numbers.ceiling
    return numbers.replicas + max(0, unready - numbers.max_unavailable)


def surge_shortfall(replicas: int, *, max_unavailable: int, max_surge: int) -> int:
    """How many of the surge groups that are asked for a roll does not begin with.

    Where ``replicas`` is at most ``max_surge``, what may be down is taken off the surge: with one group and
    the default of maxUnavailable there is none, and the only group goes first (kubernetes-sigs/lws#688).
    """
    numbers = RolloutNumbers(replicas, max_unavailable, min(replicas, max_surge), 0)
    return numbers.ceiling - wanted_replicas(numbers, unready=replicas)


def unready_count(states: Sequence[GroupState], replicas: int) -> int:
    """How many of the groups 0 to ``replicas`` - 1 are missing, not ready or not updated."""
    return replicas - sum(x.done for x in states[:replicas])


def next_partition(states: Sequence[GroupState], *, step: int, partition: int) -> int:
    """Where the window of groups being updated may begin now, at most ``partition`` (reconcilers.md, 3.5).

    ``step`` is how many groups may be down at once, the starting surge groups among them.
    """
    done = sum(1 for _ in itertools.takewhile(lambda x: x.done, reversed(states)))
    base = max(0, len(states) - done - step)
    # Groups below the window that are down, or have come up just now, have used up part of what may be down.
    start = base + sum(not x.available for x in states[:base])
    for index in range(min(start, len(states) - 1), base - 1, -1):
        # Nothing is lost by passing a group that is down anyway, or done already.
        if states[index].ready and not states[index].updated:
            break
        start = index
    return min(start, partition)


def group_deletion(lws: LeaderWorkerSet, leader: StatefulSet, rollout: Rollout) -> Record | None:
    """The event that groups go; None when none do. With an edit that nobody has looked at yet it is a
    scale-down, which upstream calls surge, too: so it is told of every role that a DisaggregatedSet drains.
    """
    first, last = rollout.replicas, leader.spec.replicas - 1
    if first > last:
        return None
    edited = lws.status.observed_generation != lws.metadata.generation
    what = "replica" if edited else "surge replica"
    note = f"deleting {what}s from {lws.name}-{first} to {lws.name}-{last}"
    if first == last:
        note = f"deleting {what} {lws.name}-{first}"
    return normal(lws, c.REASON_GROUPS_PROGRESSING, "Delete", note)


def partition_move(
    lws: LeaderWorkerSet, leader: StatefulSet, rollout: Rollout, *, revision: ObjectReference
) -> Record | None:
    """The event that further groups are updated to ``revision``; the pass that begins a roll has none.

    None unless the partition sinks: when the user raises it, nothing is updated (upstream says
    "Updating replicas 4 to 2 (inclusive)" then).
    """
    first, last = rollout.partition, leader.spec.update_strategy.rolling_update.partition - 1
    if first > last:
        return None
    note = f"Updating replicas {first} to {last} (inclusive)" if first < last else f"Updating replica {first}"
    return normal(lws, c.REASON_GROUPS_UPDATING, "Update", note, related=revision)
