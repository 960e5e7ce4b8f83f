"""``kubectl lws set image`` of DisaggregatedSets: in named roles, or in all that have the container."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lws.cli.images import Edit, change_images, check_found, containers_of, finish, with_images
from lws.cli.kinds import DISAGGREGATEDSETS
from lws.cli.manifest import Document, merged
from lws.cli.session import CommandError, Session
from lws.cli.values import NewImage

_TEMPLATE = "leaderWorkerTemplate"


def edit_of(orders: Sequence[NewImage], roles: Sequence[str]) -> Edit:
    """The list of roles is patched whole. ``roles``: empty for all."""

    def edit(document: Document) -> Document:
        present = document["spec"]["roles"]
        names = [x["name"] for x in present]
        for role in roles:
            if role not in names:
                raise CommandError(
                    f"{document['metadata']['name']} has no role {role!r}; roles: {', '.join(names)}"
                )
        found: set[NewImage] = set()
        there: list[str] = []
        wanted = []
        for role in present:
            template = (role.get("spec") or {}).get(_TEMPLATE) or {}
            meant = not roles or role["name"] in roles
            patch = with_images(template, orders if meant else ())
            found |= patch.found
            there += containers_of(template) if meant else ()
            wanted.append(merged(role, {"spec": {_TEMPLATE: patch.patch}}) if patch.patch else role)
        check_found(orders, found, there)
        return {"spec": {"roles": wanted}} if wanted != present else {}

    return edit


def run(session: Session, options: Any) -> int:
    """One DisaggregatedSet."""
    edit = edit_of(options.images, options.role)
    return finish(session, change_images(session, DISAGGREGATEDSETS, options.name, edit))
