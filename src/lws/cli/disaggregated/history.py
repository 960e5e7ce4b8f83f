"""``kubectl lws history`` of DisaggregatedSets: the templates that a set keeps (docs/decisions/183)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import yaml
from msgspec import Struct
from rich.console import RenderableType
from rich.text import Text

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.workloads import ControllerRevision
from lws.cli.disaggregated.observing import SeenRoles, see_children
from lws.cli.drawing import age, table
from lws.cli.history import (
    COMMON,
    UNREADABLE,
    Shown,
    change,
    common,
    newest_of_each,
    numbered,
    short,
    shown,
    with_hint,
)
from lws.cli.kinds import reference
from lws.cli.session import CommandError, Session
from lws.kube.resources import CONTROLLER_REVISIONS
from lws.kube.selectors import absent, all_of, equals
from lws.planning.disaggregated.history import MARKS, stored_roles
from lws.planning.disaggregated.names import revision_of_child
from lws.planning.revisions import history_limit, owned_revisions

Templates = Mapping[str, dict[str, Any]]
"""``leaderWorkerTemplate`` of each role, in the order of the roles."""


class Kept(NamedTuple):
    """A set, and its own revisions."""

    seen: SeenRoles
    own: Sequence[ControllerRevision]


class RolesRevisionView(Struct, rename="camel"):
    """``groups``: that are made from it now. ``images``: of each role, leader and workers. ``change``: what
    differs from the one before; empty of the first.
    """

    revision: int
    name: str
    key: str
    created: str
    current: bool
    groups: int
    images: dict[str, list[str]]
    change: str = ""


class RolesHistoryView(Struct, rename="camel"):
    """``limit``: former templates that the set has kept; None: nothing is kept, as upstream."""

    namespace: str
    name: str
    limit: int | None
    revisions: list[RolesRevisionView]
    kind: str = d.KIND

    @property
    def names(self) -> list[str]:
        return [f"controllerrevision.apps/{x.name}" for x in self.revisions]


class RolesTemplateView(Struct, rename="camel"):
    """One revision whole: the roles as they were when it was made."""

    namespace: str
    name: str
    revision: int
    key: str
    roles: list[dict[str, Any]]
    kind: str = d.KIND

    @property
    def names(self) -> list[str]:
        return [reference(self.kind, self.name)]


def see_kept(session: Session, name: str) -> Kept:
    """Raises CommandError when there is no such set."""
    seen = see_children(session, name)
    selector = all_of(equals(d.NAME_LABEL, name), absent(c.NAME_LABEL))
    found = session.client.list(
        CONTROLLER_REVISIONS, ControllerRevision, session.namespace, label_selector=selector
    )
    return Kept(seen, owned_revisions(seen.ds, found, MARKS))


def roles_of(revision: ControllerRevision) -> list[dict[str, Any]]:
    """Raises CommandError when it cannot be read."""
    try:
        return stored_roles(revision)
    except ValueError as error:
        raise CommandError(
            f"revision {revision.revision} ({revision.name}) cannot be read: {error}"
        ) from error


def describe(kept: Kept) -> RolesHistoryView:
    ds, key = kept.seen.ds, kept.seen.revision
    views: list[RolesRevisionView] = []
    before: Templates | None = None
    for x in newest_of_each(kept.own, MARKS):
        roles = _templates(x)
        told = UNREADABLE if roles is None else "" if before is None else changes(before, roles)
        views.append(_view(kept, x, key, roles or {}, told))
        before = before if roles is None else roles
    return RolesHistoryView(ds.namespace, ds.name, history_limit(ds.annotations), views)


def _templates(revision: ControllerRevision) -> Templates | None:
    """None of one that nobody can read, which hides no other."""
    try:
        roles = [(str(x.get("name")), x.get("spec") or {}) for x in roles_of(revision)]
    except CommandError:
        return None
    return {name: spec.get("leaderWorkerTemplate") or {} for name, spec in roles}


def _view(
    kept: Kept, revision: ControllerRevision, key: str, roles: Templates, change: str
) -> RolesRevisionView:
    own = revision.labels.get(d.REVISION_LABEL, "")
    return RolesRevisionView(
        revision=revision.revision,
        name=revision.name,
        key=own,
        created=revision.metadata.creation_timestamp or "",
        current=own == key,
        groups=sum(x.status.replicas for x in kept.seen.children if revision_of_child(x) == own),
        images={name: _images(shown(x)) for name, x in roles.items()},
        change=change,
    )


def _images(template: Shown) -> list[str]:
    return list(dict.fromkeys((*template.leader, *template.worker)))


def changes(old: Templates, new: Templates) -> str:
    """What a person would call the difference, role by role."""
    told = [
        f"{name}: {change(shown(old[name]), shown(template))}"
        for name, template in new.items()
        if name in old and old[name] != template
    ]
    told += [f"{name} added" for name in new if name not in old]
    told += [f"{name} removed" for name in old if name not in new]
    return "; ".join(told) or "order of the roles"


def draw(view: RolesHistoryView, *, now: float, wide: bool = False) -> RenderableType:
    """As ``lws.cli.history.draw``."""
    rows = [
        (
            *common(x),
            "; ".join(f"{role}: {', '.join(of) if wide else short(of)}" for role, of in x.images.items()),
            x.created if wide else age(x.created, now),
            x.change,
        )
        for x in view.revisions
    ]
    hint = "" if view.limit is not None else "No templates are kept. To keep ten former ones"
    return with_hint(table((*COMMON, "IMAGES", "CREATED" if wide else "AGE", "CHANGE"), rows), hint)


def run(session: Session, options: Any) -> int:
    kept = see_kept(session, options.name)
    if options.revision is None:
        history = describe(kept)
        session.show(history, draw(history, now=time.time(), wide=session.output.format == "wide"))
        return 0
    ds, revision = kept.seen.ds, numbered(options.name, kept.own, options.revision, MARKS)
    key = revision.labels.get(d.REVISION_LABEL, "")
    view = RolesTemplateView(ds.namespace, ds.name, revision.revision, key, roles_of(revision))
    text = yaml.safe_dump(msgspec.to_builtins(view), sort_keys=False, width=1000).rstrip()
    session.show(view, Text(text))
    return 0
