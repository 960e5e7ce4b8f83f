"""``kubectl lws undo``: put a former template back into the set (docs/decisions/060)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision
from lws.cli.editing import TRIES, ActionView, Change, draw, too_busy
from lws.cli.history import numbered, revisions_of, stored
from lws.cli.kinds import LEADERWORKERSETS
from lws.cli.observing import Seen, see
from lws.cli.pause import is_paused
from lws.cli.session import FIELD_MANAGER, CommandError, Session
from lws.kube.errors import Conflict, Forbidden
from lws.kube.resources import CONTROLLER_REVISIONS
from lws.planning.revisions import owned_revisions

_CHANGE: Final = Change(LEADERWORKERSETS, "undo")
_JSON_PATCH = "application/json-patch+json"


def target(seen: Seen, number: int) -> ControllerRevision:
    """The revision to go back to; 0: the last one with another template. Raises CommandError."""
    if number:
        return numbered(seen, number)
    key = seen.revision.key
    former = [x for x in revisions_of(seen) if x.labels.get(c.REVISION_LABEL) != key]
    if not former:
        raise CommandError(
            f"{seen.lws.name} has no former template to go back to: revisions are kept while a roll goes on,"
            f" and with the annotation {c.HISTORY_LIMIT_ANNOTATION}"
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


def undo(session: Session, name: str, number: int) -> ActionView:
    """Go back, and let the revision be the newest again, so that the controller makes no copy of it."""
    chosen = ""
    for _ in range(TRIES):
        seen = see(session, name)
        if is_paused(seen.lws):
            raise CommandError(f"{name} is paused: run 'kubectl lws resume {name}' first")
        revision = next((x for x in seen.revisions if x.name == chosen), None) or target(seen, number)
        chosen = revision.name  # its number is going to change
        patch = patch_of(seen, revision)
        if not patch:
            text = f"skipped undo: its template is that of revision {number or revision.revision}"
            return _CHANGE.done(seen.lws, text, changed=False)
        try:
            _renumber(session, seen, revision)
            _patch(session, seen.lws, patch)
        except Conflict:
            continue
        return _CHANGE.done(seen.lws, f"rolled back to revision {number or revision.revision}")
    raise too_busy(name)


def _renumber(session: Session, seen: Seen, revision: ControllerRevision) -> None:
    """Give it the next number; whoever may not, leaves the controller to make a copy of that number."""
    highest = max(x.revision for x in owned_revisions(seen.lws, seen.revisions))
    if revision.revision == highest:
        return
    patch = {"metadata": {"resourceVersion": revision.metadata.resource_version}, "revision": highest + 1}
    try:
        session.client.merge_patch(
            CONTROLLER_REVISIONS, dict, revision.name, patch, namespace=revision.namespace
        )
    except Forbidden:
        return


def _patch(session: Session, lws: LeaderWorkerSet, patch: list[dict[str, Any]]) -> None:
    session.client.connection.request(
        "PATCH",
        LEADERWORKERSETS.path(lws.namespace, lws.name),
        query={"fieldManager": FIELD_MANAGER},
        body=msgspec.json.encode(patch),
        content_type=_JSON_PATCH,
    )


def run(session: Session, options: Any) -> int:
    view = undo(session, options.name, options.to_revision)
    session.show(view, draw(view))
    return 0
