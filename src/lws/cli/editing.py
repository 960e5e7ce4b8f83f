"""Changing a set: conditional writes, tried again when somebody else wrote meanwhile, and what was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from rich.text import Text

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.cli.kinds import LEADERWORKERSETS
from lws.cli.observing import Seen, see
from lws.cli.session import CommandError, Session
from lws.kube.errors import Conflict, NotFound

_TRIES = 5
Patch = dict[str, Any]


class ActionView(Struct, rename="camel"):
    """What a command did to a set. ``changed``: False when there was nothing to do."""

    namespace: str
    name: str
    action: str
    changed: bool
    message: str


def edit(
    session: Session, name: str, action: str, decide: Callable[[Seen], tuple[Patch | None, str]]
) -> ActionView:
    """Merge-patch what ``decide`` wants (None: nothing) and say its text; decided anew after a conflict."""
    for _ in range(_TRIES):
        seen = see(session, name)
        patch, text = decide(seen)
        if patch is None:
            return done(seen.lws, action, text, changed=False)
        try:
            write(session, seen.lws, patch)
        except Conflict:
            continue
        return done(seen.lws, action, text)
    raise CommandError(f"{name}: somebody else changed it {_TRIES} times meanwhile; try again")


def write(session: Session, lws: LeaderWorkerSet, patch: Patch) -> LeaderWorkerSet:
    """Patch this very state of a set. Raises Conflict when there is another by now."""
    metadata = {**patch.get("metadata", {}), "resourceVersion": lws.metadata.resource_version}
    try:
        return session.client.merge_patch(
            LEADERWORKERSETS,
            LeaderWorkerSet,
            lws.name,
            {**patch, "metadata": metadata},
            namespace=lws.namespace,
        )
    except NotFound as error:
        raise CommandError(f"leaderworkerset {lws.name!r} was deleted meanwhile") from error


def done(lws: LeaderWorkerSet, action: str, text: str, *, changed: bool = True) -> ActionView:
    return ActionView(lws.namespace, lws.name, action, changed, text)


def draw(view: ActionView) -> Text:
    """As kubectl says what it did."""
    return Text(f"leaderworkerset.leaderworkerset.x-k8s.io/{view.name} {view.message}")
