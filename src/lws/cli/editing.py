"""Changing a set: conditional writes, tried again when somebody else wrote meanwhile, and what was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace
from rich.text import Text

from lws.cli.kinds import reference
from lws.cli.session import CommandError, Session
from lws.cli.writing import NONE, said
from lws.kube.errors import Conflict, NotFound
from lws.kube.resources import Resource
from lws.objects import KubeObject

TRIES = 5
Patch = dict[str, Any]


class Looked(Protocol):
    """What was seen of a set; ``owner`` is the set itself."""

    @property
    def owner(self) -> KubeObject: ...


LookedT = TypeVar("LookedT", bound=Looked)


class ActionView(Struct, rename="camel"):
    """What a command did to a set. ``changed``: False when there was nothing to do. ``dry_run``: unless it is
    ``none``, what it would have done.
    """

    namespace: str
    name: str
    action: str
    changed: bool
    message: str
    kind: str
    dry_run: str = NONE

    @property
    def names(self) -> list[str]:
        return [reference(self.kind, self.name)]


class Change(NamedTuple):
    """What is changed, and what that is called."""

    kind: Resource
    action: str

    def done(self, owner: KubeObject, text: str, *, changed: bool = True) -> ActionView:
        return ActionView(owner.namespace, owner.name, self.action, changed, text, self.kind.kind)


def edit(
    session: Session,
    change: Change,
    look: Callable[[], LookedT],
    decide: Callable[[LookedT], tuple[Patch | None, str]],
) -> ActionView:
    """Merge-patch what ``decide`` wants (None: nothing) and say its text; decided anew after a conflict."""
    name = ""
    for _ in range(TRIES):
        seen = look()
        patch, text = decide(seen)
        if patch is None:
            return change.done(seen.owner, text, changed=False)
        try:
            write(session, change.kind, seen.owner, patch)
        except Conflict:
            name = seen.owner.name
            continue
        return change.done(seen.owner, text)
    raise too_busy(name)


def tell(session: Session, view: ActionView) -> int:
    """The line that says what a command did; its exit code."""
    view = stamped(session, view)
    session.show(view, draw(view))
    return 0


def stamped(session: Session, view: ActionView) -> ActionView:
    """With whether it was done, or only tried."""
    return replace(view, dry_run=session.writer.dry_run)


def too_busy(name: str) -> CommandError:
    return CommandError(f"{name}: somebody else changed it {TRIES} times meanwhile; try again")


def write(session: Session, kind: Resource, one: KubeObject, patch: Patch) -> None:
    """Patch this very state of a set. Raises Conflict when there is another by now."""
    metadata = {**patch.get("metadata", {}), "resourceVersion": one.metadata.resource_version}
    body = {**patch, "metadata": metadata}
    try:
        session.writer.merge_patch(kind, one.name, body, namespace=one.namespace)
    except NotFound as error:
        raise CommandError(f"{kind.kind.lower()} {one.name!r} was deleted meanwhile") from error


def draw(view: ActionView, *, namespaced: bool = False) -> Text:
    """As kubectl says what it did. ``namespaced``: name the namespace, too."""
    name = f"{view.namespace}/{view.name}" if namespaced else view.name
    tried = said(view.dry_run) if view.changed else ""
    return Text(f"{reference(view.kind, name)} {view.message}{tried}")
