"""What is due for one group that is updated in place; every pass reads from the objects how far it is.

Drained, prepared, its workers patched and then its leader, restarting, settled: drawn in docs/decisions/211.
The leader comes last: by its label all of the group is of the new revision. What is written is ``writes``'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.timestamps import epoch, rfc3339
from lws.api.workloads import Pod, StatefulSet
from lws.planning.actions import Action, Attempt, Delete, Patch, Record, Requeue, UpdatedInPlace
from lws.planning.events import failed_delete, normal, pod_reference, warning
from lws.planning.gate import drain_gate
from lws.planning.groups import Group
from lws.planning.inplace.eligibility import Change, Changes
from lws.planning.inplace.marks import Mark, began, changed_to, proven
from lws.planning.inplace.pods import (
    all_counted,
    came_since,
    carrying,
    changed_since,
    comes_again,
    miscounted,
    spared,
    unfit,
)
from lws.planning.inplace.writes import change_pod, give_up, prepare, settle
from lws.planning.observed import Certainty, ObservedGroup, members
from lws.planning.recreation.evidence import (
    Cause,
    Mode,
    digests,
    find_cause,
    format_counts,
    mode_of,
    ordinal_of,
    workers_of,
)

UPDATED = "updated"
FALLBACK = "fallback"
OUTCOMES = (UPDATED, FALLBACK)


class Steps(NamedTuple):
    """``needs`` above the group's certainty: the pods have to be read from the server first; then again."""

    actions: tuple[Action, ...] = ()
    needs: Certainty = Certainty.CACHED


def in_hand(own: Group) -> bool:
    """Whether the update decides what becomes of the group, and not what else would have it recreated.

    One that has only been chosen, or is given up, fails as any other.
    """
    mark = own.mark
    if mark is None or mark.anew or own.leader.deleting:
        return False
    return own.workers is None or own.alone or own.workers.revision_of_pods == mark.to


def plan_steps(group: ObservedGroup, own: Group, *, now: float) -> Steps:
    """What is due for a group with a mark. ``now``: seconds since 1970."""
    lws, mark = group.lws, own.mark
    if lws is None or mark is None or own.leader.deleting:
        return Steps()
    return _Course(group, lws, own, mark, now).plan()


class _Course:
    """One pass over one group; ``mark`` is what it carries."""

    def __init__(
        self, group: ObservedGroup, lws: LeaderWorkerSet, own: Group, mark: Mark, now: float
    ) -> None:
        self._group, self._lws, self._own, self._mark, self._now = group, lws, own, mark, now
        self._changes = Changes(lws, group.revisions)
        self._workers = None if own.alone else own.workers
        self._members = members(group)
        self._left = max(0.0, self._deadline() - now)
        self._counted = mode_of(lws, own) != Mode.NEVER

    def plan(self) -> Steps:
        drained = drain_gate(self._own.leader, now=self._now)
        steps = self._anew() if self._mark.anew else self._step()
        return steps._replace(actions=(*drained, *steps.actions))

    def _step(self) -> Steps:
        if wait := self._drain():
            return Steps((Requeue(wait),))
        workers = self._workers
        if workers is not None and workers.revision_of_pods != self._mark.to:
            return self._prepare(workers)
        cause = find_cause(self._group, self._lws, self._own)
        if cause is not None:
            return self._broken(cause)
        return self._on_pods(workers)

    def _broken(self, cause: Cause) -> Steps:
        """What else would have the group recreated has come in between."""
        if self._group.certainty < cause.needs:
            return Steps(needs=cause.needs)
        return self._give_up("a pod of the group was deleted, replaced or failed meanwhile")

    def _on_pods(self, workers: StatefulSet | None) -> Steps:
        if workers is not None and not workers.seen:
            return self._waiting()
        if any(self._outdated(x) for x in self._members):
            return self._change()
        return self._restarting()

    def _drain(self) -> float:
        """Seconds for which the leader gets no traffic yet keeps its containers; 0 once they are over."""
        changed = any(changed_to(x, self._mark.to) for x in self._members)
        if not self._own.leader.gated or changed:
            return 0.0
        return max(0.0, epoch(self._mark.at) + self._lws.in_place_grace - self._now)

    def _prepare(self, workers: StatefulSet) -> Steps:
        change = self._changes.between(workers.revision_of_pods, self._mark.to)
        if change is None and self._left:  # a cache may be late
            return self._waiting()
        if change is None or change.refusal:
            return self._give_up("the change of its revision cannot be made in place")
        return Steps((prepare(self._lws, workers, self._mark, self._changes),))

    # Changing pods.

    def _outdated(self, pod: Pod) -> bool:
        """It is not of the wanted revision yet; a leader without workers may only carry the group's mark."""
        return pod.labels.get(c.REVISION_LABEL) != self._mark.to

    def _change(self) -> Steps:
        """Change the pods, the leader last. What they are is read from the server: their containerIDs, and
        the resourceVersions that each change is conditional on.
        """
        if cause := self._unfit():
            return self._give_up(cause)
        if self._unheard() or not all(self._known(x) for x in self._members):
            return self._waiting()
        if self._leader_outdated() and not spared(self._group.leader_set, self._mark.to, self._own.index):
            return self._waiting()
        if self._group.certainty < Certainty.GROUP:
            return Steps(needs=Certainty.GROUP)
        patches = tuple(self._patches())
        if len(self._members) == self._own.shape.size and not any(x.deleting for x in self._members):
            patches += self._leader_patch()
        if not patches:
            return self._waiting()
        note = f"Group {self._own.index} is recreated and not updated in place"
        return Steps(
            (Attempt(patches, self._given_up("a change was refused", told=False), self._told(note)),)
        )

    def _unheard(self) -> bool:
        """The StatefulSet controller has yet to hear of a former change of labels, of workers or leaders."""
        one, workers = self._group.leader_set, self._workers
        if one is not None and miscounted(one, self._group.updated_leaders):
            return True
        return workers is not None and miscounted(workers, carrying(workers, self._of_workers()))

    def _unfit(self) -> str:
        """Why these pods cannot be changed, as far as they have not been."""
        for pod in self._members:
            if pod.ended:
                return f"pod {pod.name} has ended"
            if self._outdated(pod) and (cause := self._foreign(pod)):
                return cause
        if not self._left:
            return "the deadline passed before all pods could be changed"
        return ""

    def _foreign(self, pod: Pod) -> str:
        """Of a revision that is not known yet it cannot be told."""
        change, wanted = self._of_pod(pod), self._changes.template(self._mark.to)
        if change is None or wanted is None:
            return ""
        return unfit(self._lws, pod, change, wanted, leads=self._leads(pod))

    def _known(self, pod: Pod) -> bool:
        """A cache that lacks one of the revisions may be late."""
        return not self._outdated(pod) or self._of_pod(pod) is not None

    def _of_pod(self, pod: Pod) -> Change | None:
        return self._changes.between(pod.labels.get(c.REVISION_LABEL, ""), self._mark.to)

    def _leads(self, pod: Pod) -> bool:
        return pod.uid == self._own.leader.uid

    def _leader_outdated(self) -> bool:
        return self._own.key != self._mark.to

    def _patches(self) -> Sequence[Patch]:
        """Of the workers, the highest ordinal first."""
        workers = self._workers
        if workers is None:
            return ()
        mark = Mark(self._mark.to, rfc3339(self._now))
        found = [x for x in self._of_workers() if self._outdated(x) and not x.deleting]
        return [self._patch(x, mark, workers.status.update_revision) for x in reversed(found)]

    def _leader_patch(self) -> tuple[Patch, ...]:
        one = self._group.leader_set
        if not self._leader_outdated() or one is None:
            return ()
        mark = Mark(self._mark.to, rfc3339(self._now), members=self._digest())
        return (self._patch(self._own.leader, mark, one.status.update_revision),)

    def _patch(self, pod: Pod, mark: Mark, controller_revision: str) -> Patch:
        change = self._of_pod(pod)
        if change is None:
            raise ValueError(f"pod {pod.name} is of no known revision")
        role = change.of(leader=self._leads(pod))
        return change_pod(self._lws, pod, role, mark, controller_revision=controller_revision)

    def _digest(self) -> str:
        return list(digests(self._of_workers()))[-1]

    def _of_workers(self) -> list[Pod]:
        """In the order of their ordinals."""
        return workers_of(self._group, self._own.leader)

    # Once all are changed.

    def _restarting(self) -> Steps:
        """Settled when all containers have been started anew and are ready; at the deadline, started will do:
        from then on a restart is a failure again.

        A pod that is missing has been cut loose from its StatefulSet, which takes it back, or is replaced:
        then another one comes.
        """
        if cause := changed_since(self._members, self._changes.between(self._mark.to, self._mark.to)):
            return self._give_up(cause)
        whole = len(self._members) >= self._own.shape.size
        started = whole and all(proven(x, late=not self._left) for x in self._members)
        ready = started and all(x.containers_ready for x in self._members)
        if whole and self._counted and came_since(self._own.leader, self._mark.to, self._digest()):
            return self._give_up("a pod of the group was replaced meanwhile")
        if not ready and self._left:
            return self._waiting()
        if not started:
            return self._give_up(
                f"its containers did not run within {self._lws.in_place_deadline:.0f} seconds"
            )
        if self._workers is not None and not all_counted(self._workers, self._of_workers()):
            return Steps()
        return Steps((self._settle(),))

    def _settle(self) -> Patch:
        leader, note = self._own.leader, f"Updated group {self._own.index} in place"
        start = began(self._members, self._mark.to)
        seconds = max(0.0, self._now - start)
        event = normal(self._lws, c.REASON_UPDATED_IN_PLACE, "Update", note, related=pod_reference(leader))
        then = (event, UpdatedInPlace(UPDATED, seconds)) if start else ()
        counts = format_counts({ordinal_of(x, leader): x.restarts for x in self._members})
        mark = Mark(self._mark.to, settled=True, counts=counts)
        return settle(self._lws, leader, self._workers, mark, then)

    def _deadline(self) -> float:
        grace = self._lws.in_place_grace if self._own.leader.gated else 0.0
        return (
            began(self._members, self._mark.to) or epoch(self._mark.at) + grace
        ) + self._lws.in_place_deadline

    def _waiting(self) -> Steps:
        return Steps((Requeue(self._left),) if self._left else ())

    # Falling back.

    def _told(self, note: str) -> Record:
        return warning(
            self._lws, c.REASON_IN_PLACE_FALLBACK, "Update", note, related=pod_reference(self._own.leader)
        )

    def _give_up(self, cause: str) -> Steps:
        return Steps((self._given_up(cause),))

    def _given_up(self, cause: str, *, told: bool = True) -> Patch:
        event = self._told(f"Group {self._own.index} is recreated and not updated in place: {cause}")
        measured = UpdatedInPlace(FALLBACK)
        then = (event, measured) if told else (measured,)
        on = self._workers or self._own.leader
        return give_up(self._lws, on, replace(self._mark, anew=cause), then)

    def _anew(self) -> Steps:
        """Recreate a group whose leader is of the wanted revision already; the roll does it with any other.

        Not before the leader StatefulSet makes that leader from this very revision again.
        """
        one = self._group.leader_set
        if self._leader_outdated() or one is None:
            return Steps()
        if not comes_again(one, self._mark.to, self._own.index):
            return self._behind(one)
        return self._delete()

    def _behind(self, leaders: StatefulSet) -> Steps:
        """The partition may wait for a ready group above, which cannot be spared while this one is down. So
        after as long again a former revision will do: from that the roll brings it here once more.
        """
        if not spared(leaders, self._mark.to, self._own.index):
            return Steps()
        left = self._deadline() + self._lws.in_place_deadline - self._now
        return Steps((Requeue(left),)) if left > 0 else self._delete()

    def _delete(self) -> Steps:
        leader = self._own.leader
        failed = failed_delete(self._lws, "leader pod", leader.name, leader=leader)
        return Steps((Delete("Pod", leader.key, leader.uid, propagation="Foreground", failed=failed),))
