"""``kubectl lws set image``: other images in the templates of a set, by the grammar of ``kubectl set image``.

A set has up to two pod templates; ``leader/CONTAINER`` and ``worker/CONTAINER`` name one of them, a container
alone those of both. The edit rolls as any other does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct
from rich.text import Text

from lws.cli.drawing import QUIET
from lws.cli.editing import TRIES, too_busy
from lws.cli.grammar import UsageError
from lws.cli.kinds import LEADERWORKERSETS, reference
from lws.cli.manifest import Document, differences, live_document, merged
from lws.cli.ownership import check_alone
from lws.cli.session import CommandError, Session
from lws.cli.values import NewImage
from lws.cli.writing import said
from lws.kube.errors import Conflict
from lws.kube.resources import Resource
from lws.objects import KubeObject

_TEMPLATES: Final = {"leader": "leaderTemplate", "worker": "workerTemplate"}
_LISTS: Final = ("initContainers", "containers")


class ImageView(Struct, rename="camel"):
    """What was, or would be, edited. ``changed``: False where all images were so already."""

    namespace: str
    name: str
    kind: str
    changed: bool
    changes: list[str]
    dry_run: str

    @property
    def names(self) -> list[str]:
        return [reference(self.kind, self.name)]


class Templates(NamedTuple):
    """A ``leaderWorkerTemplate`` with other images. ``found``: orders that name a container of it."""

    patch: Document
    found: set[NewImage]


Edit = Callable[[Document], Document]
"""From a set to the patch that gives it other images; empty when it has them."""


def with_images(template: Mapping[str, Any], orders: Sequence[NewImage]) -> Templates:
    """The merge patch of a ``leaderWorkerTemplate``: lists of containers whole, as it replaces lists."""
    patch: Document = {}
    found: set[NewImage] = set()
    for part, member in _TEMPLATES.items():
        spec = (template.get(member) or {}).get("spec") or {}
        mine = [x for x in orders if x.part in ("", part)]
        changed = {}
        for name in _LISTS:
            containers = spec.get(name) or []
            wanted = [_with_image(x, mine, found) for x in containers]
            if wanted != containers:
                changed[name] = wanted
        if changed:
            patch[member] = {"spec": changed}
    return Templates(patch, found)


def _with_image(
    container: Mapping[str, Any], orders: Sequence[NewImage], found: set[NewImage]
) -> Mapping[str, Any]:
    """The last order that names it counts."""
    mine = [x for x in orders if x.container in ("*", container.get("name"))]
    found.update(mine)
    return {**container, "image": mine[-1].image} if mine else container


def containers_of(template: Mapping[str, Any]) -> list[str]:
    """As orders may name them."""
    return [
        f"{part}/{container.get('name')}"
        for part, member in _TEMPLATES.items()
        for name in _LISTS
        for container in ((template.get(member) or {}).get("spec") or {}).get(name) or ()
    ]


def check_found(orders: Sequence[NewImage], found: set[NewImage], there: Sequence[str]) -> None:
    """Raises CommandError for an order that names no container."""
    for x in orders:
        if x not in found:
            called = f"{x.part}/{x.container}" if x.part else x.container
            names = ", ".join(dict.fromkeys(there)) or "none"
            raise CommandError(f"unable to find container named {called!r}; containers: {names}")


def edit_of(orders: Sequence[NewImage]) -> Edit:
    """Of a LeaderWorkerSet."""

    def edit(document: Document) -> Document:
        instead = "set image {ds} CONTAINER=IMAGE --role {role}"
        check_alone(msgspec.convert(document, KubeObject), instead)
        template = document["spec"].get("leaderWorkerTemplate") or {}
        patch, found = with_images(template, orders)
        check_found(orders, found, containers_of(template))
        return {"spec": {"leaderWorkerTemplate": patch}} if patch else {}

    return edit


def change_images(session: Session, kind: Resource, name: str, edit: Edit) -> tuple[ImageView, Document]:
    """Carry the edit out, anew after a conflict; what it changed, and the set as it is, or would be, now."""
    for _ in range(TRIES):
        live = live_document(session, kind, name)
        patch = edit(live)
        try:
            after = _after(session, kind, live, patch) if patch else live
        except Conflict:
            continue
        changes = [*differences(live["spec"], after["spec"], "spec")]
        namespace = live["metadata"]["namespace"]
        view = ImageView(namespace, name, kind.kind, bool(patch), changes, session.writer.dry_run)
        return view, after
    raise too_busy(name)


def _after(session: Session, kind: Resource, live: Document, patch: Document) -> Document:
    metadata = live["metadata"]
    body = {**patch, "metadata": {"resourceVersion": metadata["resourceVersion"]}}
    after = session.writer.merge_patch(kind, metadata["name"], body, namespace=metadata["namespace"])
    return dict(merged(live, patch)) if after is None else after


def draw(view: ImageView) -> Text:
    """As kubectl says it, and below it what changed."""
    (name,) = view.names
    if not view.changed:
        return Text(f"{name} unchanged: it has these images already")
    text = Text(f"{name} image updated{said(view.dry_run)}")
    for x in view.changes:
        text.append(f"\n  {x}", style=QUIET)
    return text


def finish(session: Session, done: tuple[ImageView, Document]) -> int:
    """Documents are the set itself, as ``kubectl set image`` prints it."""
    view, document = done
    session.show(_printed(document) if session.output.documents else view, draw(view))
    return 0


def _printed(document: Document) -> Document:
    """Without who owns which field, as kubectl prints objects: a server-side apply refuses that."""
    metadata = {name: x for name, x in document["metadata"].items() if name != "managedFields"}
    return {**document, "metadata": metadata}


def run(session: Session, options: Any) -> int:
    """One LeaderWorkerSet."""
    if options.role:
        raise UsageError(f"--role is for DisaggregatedSets; {options.name} is a LeaderWorkerSet")
    edit = edit_of(options.images)
    return finish(session, change_images(session, LEADERWORKERSETS, options.name, edit))
