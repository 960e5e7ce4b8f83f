"""``kubectl lws plan``: what a roll of an edit would do, step by step, before it is made.

The edit, and the StatefulSets that the controller would make of it, go through the API server's dry run;
whether it is another template, and which groups then go in which step, is decided by the controller's own
planners (``simulation``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.cli.drawing import BAD, BUSY, GOOD, QUIET, count, numbers, table
from lws.cli.kinds import LEADERWORKERSETS
from lws.cli.manifest import try_edit
from lws.cli.observing import Seen, groups_of, revision_of, see
from lws.cli.pause import is_paused
from lws.cli.session import CommandError, Session
from lws.cli.simulation import Model, ModelGroup, Step, steps
from lws.cli.trial import Trial, try_out
from lws.objects import KubeObject
from lws.planning.inplace.eligibility import Changes
from lws.planning.leader import leader_document
from lws.planning.revisions import RevisionPlan
from lws.planning.rollout import Rollout, RolloutNumbers, rollout_numbers, surge_shortfall

_SHOWN = 20
ACCEPTED = Trial()


class PlanView(Struct, rename="camel"):
    """``held_back``: outdated groups below the partition at the end; ``stuck``: those above it.

    ``refused``: what the API server says to the StatefulSets; where that is the leaders', there are no steps.
    ``restarts_pods``: whether any group is replaced, or restarts. ``in_place``: it restarts in its pods;
    ``anew_because``: why not, although the set asks for it. ``from_revision`` and ``to_revision`` are keys.
    """

    namespace: str
    name: str
    changes: list[str]
    from_revision: str
    to_revision: str
    replicas: int
    max_unavailable: int
    max_surge: int
    partition: int
    restarts_pods: bool
    steps: list[Step]
    held_back: list[int]
    stuck: list[int]
    notes: list[str]
    refused: list[str] = []
    in_place: bool = False
    anew_because: str = ""


def describe(seen: Seen, edited: LeaderWorkerSet, changes: list[str], trial: Trial = ACCEPTED) -> PlanView:
    """What would happen once ``seen.lws`` is ``edited``, and the server answered ``trial``.

    Raises CommandError.
    """
    revision = revision_of(seen, edited)
    try:
        allowed = rollout_numbers(edited)
    except ValueError as error:
        raise CommandError(str(error)) from error
    model = model_of(seen, edited, revision.key)
    done = [] if trial.leader else list(steps(model))
    left = [] if trial.leader else [i for i, x in model.groups.items() if x.key != model.key]
    outdated = [i for i in left if i < allowed.replicas]
    refusal = _not_in_place(seen, edited, revision)
    return PlanView(
        namespace=edited.namespace,
        name=edited.name,
        changes=changes,
        from_revision=seen.leader.labels.get(c.REVISION_LABEL, "") if seen.leader is not None else "",
        to_revision=revision.key,
        replicas=allowed.replicas,
        max_unavailable=allowed.max_unavailable,
        max_surge=allowed.max_surge,
        partition=allowed.partition,
        restarts_pods=any(x.replaced for x in done),
        steps=done,
        held_back=sorted(i for i in outdated if i < allowed.partition),
        stuck=sorted(i for i in outdated if i >= allowed.partition),
        notes=[*_notes(seen, edited, revision, allowed), *(f"not tried: {x}" for x in trial.untried)],
        refused=_refused(trial),
        in_place=edited.updates_in_place and not refusal,
        anew_because=refusal,
    )


def _not_in_place(seen: Seen, edited: LeaderWorkerSet, revision: RevisionPlan) -> str:
    """Why groups of the revision that the leaders are of now cannot become those of the edit in place."""
    if not edited.updates_in_place or seen.leader is None or not revision.changed:
        return ""
    change = Changes(edited, seen.revisions).between(_key(seen.leader), revision.key)
    return "the former revision is not there any more" if change is None else change.refusal


def model_of(seen: Seen, edited: LeaderWorkerSet, key: str) -> Model:
    """The set as it is now, about to be ``edited``."""
    leader = seen.leader
    if leader is None:
        raise CommandError(f"{edited.name} has no leader StatefulSet yet: there is nothing to replace")
    applied = _key(leader)
    groups = {
        x.index: ModelGroup(_group_key(x.leader, x.workers, key), x.state.ready)
        for x in groups_of(seen, key)
        if x.leader is not None and x.index < leader.spec.replicas
    }
    partition = leader.spec.update_strategy.rolling_update.partition
    return Model(
        lws=edited,
        key=key,
        applied=applied,
        current=_current_key(seen) or applied,
        rollout=Rollout(partition, leader.spec.replicas),
        annotation=leader.annotations.get(c.REPLICAS_ANNOTATION, ""),
        groups=groups,
    )


def _key(obj: KubeObject) -> str:
    return obj.labels.get(c.REVISION_LABEL, "")


def _group_key(leader: KubeObject, workers: KubeObject | None, key: str) -> str:
    """The key of a group; a group of two is of the one that is not wanted."""
    if workers is not None and _key(workers) != key:
        return _key(workers)
    return _key(leader)


def _current_key(seen: Seen) -> str:
    """What the StatefulSet controller makes groups below the partition from: its own revision's label."""
    name = seen.leader.status.current_revision if seen.leader is not None else ""
    return next((_key(x) for x in seen.revisions if x.name == name), "")


def _notes(seen: Seen, edited: LeaderWorkerSet, revision: RevisionPlan, allowed: RolloutNumbers) -> list[str]:
    notes = []
    down = [x.index for x in groups_of(seen, revision.key) if not x.state.ready and x.index < seen.expected]
    if down:
        notes.append(f"not ready now, taken to stay so until replaced: {numbers(down)}")
    if is_paused(edited):
        notes.append("the set is paused: nothing is replaced until 'kubectl lws resume'")
    if not revision.changed and _leader_template(seen.lws, revision) != _leader_template(edited, revision):
        notes.append(
            "an annotation of the set reaches the pods: the StatefulSet controller replaces leaders one after"
            " another, although the template is the same"
        )
    if shortfall := surge_shortfall(
        allowed.replicas, max_unavailable=allowed.max_unavailable, max_surge=allowed.max_surge
    ):
        notes.append(
            f"{count(shortfall, 'surge group')} fewer than maxSurge, as replicas is not above it and"
            " maxUnavailable is taken off; with maxUnavailable 0 surge groups come first"
        )
    if allowed.max_surge and allowed.partition > allowed.max_surge:
        notes.append("surge groups stay as long as the partition holds back more groups than maxSurge")
    return notes


def _refused(trial: Trial) -> list[str]:
    refused = []
    if trial.leader:
        refused.append(f"the API server refuses the leader StatefulSet, so no group changes: {trial.leader}")
    if trial.workers:
        refused.append(f"the API server refuses worker StatefulSets, new groups get none: {trial.workers}")
    return refused


def _leader_template(lws: LeaderWorkerSet, revision: RevisionPlan) -> Any:
    return leader_document(lws, revision.template, revision.key, partition=0, replicas=0)["spec"]["template"]


def draw(view: PlanView) -> RenderableType:
    lines = drawn_edit(view.changes, view.refused)
    if view.steps or not view.refused:
        lines.append(_verdict(view))
    if view.steps:
        lines.append(_drawn_steps(view))
    if view.held_back:
        lines.append(
            Text(f"left as they are by partition {view.partition}: groups {numbers(view.held_back)}")
        )
    if view.stuck:
        text = (
            f"the roll stops before groups {numbers(view.stuck)}: groups that are down use up maxUnavailable"
        )
        lines.append(Text(text, style=BUSY))
    if view.in_place and view.restarts_pods:
        text = "pods stay, and containers whose image changes restart; a group that cannot be so goes anew"
        lines.append(Text(text, style=QUIET))
    if view.anew_because:
        lines.append(Text(f"recreated and not updated in place: {view.anew_because}", style=BUSY))
    lines += [Text(f"note: {x}", style=QUIET) for x in view.notes]
    return Lines(*lines)


def drawn_edit(changes: Sequence[str], refused: Sequence[str]) -> list[RenderableType]:
    """What is edited, and what the API server says to it."""
    more = [f"... {len(changes) - _SHOWN} more"] if len(changes) > _SHOWN else []
    lines = [Text(x) for x in (*changes[:_SHOWN], *more) or ("no change",)]
    return [*lines, Text(""), *(Text(x, style=BAD) for x in refused)]


def _verdict(view: PlanView) -> Text:
    budget = f"maxUnavailable {view.max_unavailable}, maxSurge {view.max_surge}, partition {view.partition}"
    if not view.restarts_pods and view.stuck:
        return Text("no group is replaced as long as others are down", style=BUSY)
    if not view.restarts_pods:
        what = "no pod restarts" + (": only groups are added or removed" if view.steps else "")
        return Text(what, style=GOOD)
    replaced = sum(len(x.replaced) for x in view.steps)
    waits = sum(bool(x.replaced or x.created) for x in view.steps)
    done = "updated in place" if view.in_place else "replaced"
    text = f"{count(replaced, 'group')} {done} in {count(waits, 'step')} ({budget})"
    if view.from_revision != view.to_revision:
        text += f", revision {view.from_revision} -> {view.to_revision}"
    return Text(text)


def _drawn_steps(view: PlanView) -> RenderableType:
    rows = [
        (
            str(x.number),
            numbers(x.replaced) or "-",
            numbers(x.created) or "-",
            numbers(x.removed) or "-",
            f"{x.ready}/{view.replicas}",
        )
        for x in view.steps
    ]
    first = "UPDATED" if view.in_place else "REPLACED"
    return table(("STEP", first, "CREATED", "REMOVED", "READY MEANWHILE"), rows)


def run(session: Session, options: Any) -> int:
    edit = try_edit(session, options, LEADERWORKERSETS)
    edited = msgspec.json.decode(msgspec.json.encode(edit.wanted), type=LeaderWorkerSet)
    seen = see(session, options.name)
    view = describe(seen, edited, edit.changes, try_out(session, seen, edited, revision_of(seen, edited)))
    session.show(view, draw(view))
    return 1 if view.refused else 0
