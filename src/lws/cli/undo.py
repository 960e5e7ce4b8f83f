"""``kubectl lws undo``: put a former template back into the set (docs/decisions/060)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from lws.api import constants as c
from lws.api.workloads import ControllerRevision
from lws.cli.editing import TRIES, ActionView, Change, tell, too_busy
from lws.cli.history import newest_of_each, numbered, stored
from lws.cli.kinds import LEADERWORKERSETS
from lws.cli.observing import Seen, see
from lws.cli.ownership import check_alone
from lws.cli.pause import is_paused
from lws.cli.session import CommandError, Session
from lws.kube.errors import Conflict, Forbidden
from lws.kube.resources import CONTROLLER_REVISIONS
from lws.objects import KubeObject
from lws.planning.revisions import SETS, Marks, owned_revisions


class Past(NamedTuple):
    """A set with its ``own`` revisions. ``key``: that of its present template. ``way``: what puts a
    revision's template back into this very state of the set (else Conflict); None: it is there.
    """

    owner: KubeObject
    own: Sequence[ControllerRevision]
    marks: Marks
    key: str
    way: Callable[[ControllerRevision], Callable[[], None] | None]


def target(past: Past, number: int) -> ControllerRevision:
    """The revision to go back to; 0: the last one with another template. Raises CommandError."""
    if number:
        return numbered(past.owner.name, past.own, number, past.marks)
    kept = newest_of_each(past.own, past.marks)
    former = [x for x in kept if x.labels.get(past.marks.revision) != past.key]
    if not former:
        raise CommandError(
            f"{past.owner.name} has no former template to go back to: they are kept with the annotation"
            f" {c.HISTORY_LIMIT_ANNOTATION}; a LeaderWorkerSet keeps them while a roll goes on, too"
        )
    return former[-1]


def patch_of(seen: Seen, revision: ControllerRevision) -> list[dict[str, Any]]:
    """The JSON patch that puts the template of a revision into the set; empty when it is there already."""
    template = stored(seen, revision)
    if template.data == seen.revision.template.data:
        return []
    return [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": seen.lws.metadata.resource_version},
        {"op": "add", "path": "/spec/leaderWorkerTemplate", "value": _plain(template.leader_worker_template)},
        {"op": "add", "path": "/spec/networkConfig", "value": _plain(template.network_config)},
    ]


def _plain(value: Any) -> Any:
    """Without null members: to the encoding they are the same as absent ones, not to a schema."""
    if isinstance(value, dict):
        return {name: _plain(x) for name, x in value.items() if x is not None}
    return [_plain(x) for x in value] if isinstance(value, list) else value


def roll_back(change: Change, look: Callable[[], Past], number: int) -> ActionView:
    """Put the template of the revision back, whatever else happens to the set meanwhile."""
    chosen = name = ""
    for _ in range(TRIES):
        past = look()
        name = past.owner.name
        revision = next((x for x in past.own if x.name == chosen), None) or target(past, number)
        chosen = revision.name  # its number is going to change
        go = past.way(revision)
        if go is None:
            text = f"skipped undo: its template is that of revision {number or revision.revision}"
            return change.done(past.owner, text, changed=False)
        try:
            go()
        except Conflict:
            continue
        return change.done(past.owner, f"rolled back to revision {number or revision.revision}")
    raise too_busy(name)


def _renumber(session: Session, own: Sequence[ControllerRevision], revision: ControllerRevision) -> None:
    """Give it the next number, or the controller makes a copy of it, as it does for whoever may not."""
    highest = max(x.revision for x in own)
    if revision.revision == highest:
        return
    patch = {"metadata": {"resourceVersion": revision.metadata.resource_version}, "revision": highest + 1}
    try:
        session.writer.merge_patch(CONTROLLER_REVISIONS, revision.name, patch, namespace=revision.namespace)
    except Forbidden:
        return


def past_of(session: Session, seen: Seen) -> Past:
    """Raises CommandError for a set that is paused, or a part of a DisaggregatedSet."""
    lws, own = seen.lws, owned_revisions(seen.lws, seen.revisions)
    check_alone(lws, "undo {ds}")
    if is_paused(lws):
        raise CommandError(f"{lws.name} is paused: run 'kubectl lws resume {lws.name}' first")

    def way(revision: ControllerRevision) -> Callable[[], None] | None:
        patch = patch_of(seen, revision)

        def go() -> None:
            _renumber(session, own, revision)
            session.writer.json_patch(LEADERWORKERSETS, lws, patch)

        return go if patch else None

    return Past(lws, own, SETS, seen.revision.key, way)


def undo(session: Session, name: str, number: int = 0) -> ActionView:
    """Of one LeaderWorkerSet. ``number``: of the revision; 0: the last one with another template."""
    change = Change(LEADERWORKERSETS, "undo")
    return roll_back(change, lambda: past_of(session, see(session, name)), number)


def run(session: Session, options: Any) -> int:
    return tell(session, undo(session, options.name, options.to_revision))
