"""``kubectl lws history``: the templates that a set had, as its revisions keep them."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import yaml
from msgspec import Struct
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from lws.api import constants as c
from lws.api.workloads import ControllerRevision
from lws.cli.drawing import GOOD, QUIET, age, table
from lws.cli.kinds import reference
from lws.cli.observing import Seen, see
from lws.cli.session import CommandError, Session
from lws.planning.revisions import SETS, Marks, Template, history_limit, owned_revisions, restore

UNREADABLE: Final = "cannot be read"


class RevisionView(Struct, rename="camel"):
    """``groups``: how many groups are made from it now. ``images``: of leader and workers. ``change``: what
    differs from the one before; empty of the first.
    """

    revision: int
    name: str
    key: str
    created: str
    current: bool
    groups: int
    size: int
    leader_images: list[str]
    worker_images: list[str]
    change: str = ""


class HistoryView(Struct, rename="camel"):
    """``limit``: former templates that the set has kept; None: none, as upstream."""

    namespace: str
    name: str
    limit: int | None
    revisions: list[RevisionView]

    @property
    def names(self) -> list[str]:
        return [f"controllerrevision.apps/{x.name}" for x in self.revisions]


class TemplateView(Struct, rename="camel"):
    """One revision whole: the members of ``spec`` that it stores."""

    namespace: str
    name: str
    revision: int
    key: str
    leader_worker_template: dict[str, Any]
    network_config: dict[str, Any]

    @property
    def names(self) -> list[str]:
        return [reference(c.KIND, self.name)]


def revisions_of(seen: Seen) -> list[ControllerRevision]:
    """One for each template, the one with the highest number, ascending."""
    return newest_of_each(owned_revisions(seen.lws, seen.revisions), SETS)


def newest_of_each(own: Iterable[ControllerRevision], marks: Marks) -> list[ControllerRevision]:
    """As ``revisions_of``, of a set's ``own`` revisions."""
    ordered = sorted(own, key=lambda x: x.revision)
    newest = {x.labels.get(marks.revision, ""): x for x in ordered if not x.deleting}
    return sorted(newest.values(), key=lambda x: x.revision)


def numbered(
    name: str, own: Iterable[ControllerRevision], number: int, marks: Marks = SETS
) -> ControllerRevision:
    """The revision of that number of set ``name``. Raises CommandError naming those there are."""
    kept = [x for x in own if not x.deleting]
    found = next((x for x in kept if x.revision == number), None)
    if found is None:
        there = ", ".join(str(x.revision) for x in newest_of_each(kept, marks)) or "none"
        raise CommandError(f"{name} has no revision {number}; revisions: {there}")
    return found


def stored(seen: Seen, revision: ControllerRevision) -> Template:
    """What a revision holds. Raises CommandError when it cannot be read."""
    try:
        return restore(revision, seen.revision.template)
    except ValueError as error:
        raise CommandError(
            f"revision {revision.revision} of {seen.lws.name} cannot be read: {error}"
        ) from error


def describe(seen: Seen) -> HistoryView:
    key = seen.revision.key
    groups = Counter(x.labels.get(c.REVISION_LABEL) for x in seen.observed.leaders)
    views: list[RevisionView] = []
    before: Shown | None = None
    for x in revisions_of(seen):
        own = x.labels.get(c.REVISION_LABEL, "")
        template = _shown(seen, x)
        views.append(
            RevisionView(
                revision=x.revision,
                name=x.name,
                key=own,
                created=x.metadata.creation_timestamp or "",
                current=own == key,
                groups=groups[own],
                size=template.size if template is not None else 0,
                leader_images=template.leader if template is not None else [],
                worker_images=template.worker if template is not None else [],
                change=UNREADABLE if template is None else "" if before is None else change(before, template),
            )
        )
        before = template or before
    return HistoryView(seen.lws.namespace, seen.lws.name, history_limit(seen.lws.annotations), views)


def _shown(seen: Seen, revision: ControllerRevision) -> Shown | None:
    """None of one that nobody can read, which hides no other."""
    try:
        return shown(stored(seen, revision).leader_worker_template)
    except CommandError:
        return None


class Shown(NamedTuple):
    """What is shown of a template: pods of a group, and the images of leader and workers."""

    size: int
    leader: list[str]
    worker: list[str]


def shown(template: dict[str, Any]) -> Shown:
    """Of a ``leaderWorkerTemplate``; without a template of their own leaders have that of workers."""
    worker = template.get("workerTemplate") or {}
    return Shown(template.get("size") or 1, images(template.get("leaderTemplate") or worker), images(worker))


def change(old: Shown, new: Shown) -> str:
    """What a person would call the difference."""
    told = [] if old.size == new.size else [f"size {old.size} -> {new.size}"]
    pairs = {"leader": (old.leader, new.leader), "worker": (old.worker, new.worker)}
    if pairs["leader"] == pairs["worker"]:
        pairs = {"": pairs["worker"]}
    for role, (before, after) in pairs.items():
        if before != after:
            told.append(f"{role} image {_moved(before, after)}".strip())
    return ", ".join(told) or "other members of the template"


def _moved(before: list[str], after: list[str]) -> str:
    """Of images whose name stays the tags, or digests, alone."""
    changed = [(old, new) for old, new in zip(before, after, strict=False) if old != new]
    if len(before) != len(after) or not changed:
        return f"{', '.join(before)} -> {', '.join(after)}"
    return ", ".join(_step(old, new) for old, new in changed)


def _step(old: str, new: str) -> str:
    (name, _, tag), (other, _, newer) = (x.rpartition(":") for x in (old, new))
    return f"{tag} -> {newer}" if name == other and name else f"{old} -> {new}"


def images(template: dict[str, Any]) -> list[str]:
    containers = (template.get("spec") or {}).get("containers") or ()
    return [str(x.get("image", "")) for x in containers]


COMMON: Final = ("REVISION", "KEY", "CURRENT", "GROUPS")


class Row(Protocol):
    """What rows of both kinds of sets begin with."""

    revision: int
    key: str
    current: bool
    groups: int


def common(row: Row) -> tuple[str | Text, ...]:
    """The cells under ``COMMON``."""
    key = Text(row.key, style=GOOD if row.current else "")
    return str(row.revision), key, "yes" if row.current else "", str(row.groups)


def with_hint(drawn: RenderableType, hint: str) -> RenderableType:
    """``hint``: what annotating the set would do; empty: it is annotated."""
    if not hint:
        return drawn
    return Lines(drawn, Text(f"{hint}: annotate {c.HISTORY_LIMIT_ANNOTATION}=10", style=QUIET))


def draw(view: HistoryView, *, now: float, wide: bool = False) -> RenderableType:
    """``now``: seconds since 1970. ``wide``: images whole, and when each was made."""
    headers, rows = [*COMMON, "SIZE"], [[*common(x), str(x.size)] for x in view.revisions]
    for row, x in zip(rows, view.revisions, strict=True):
        workers = x.worker_images if x.size > 1 else []
        if wide:
            row += [", ".join(x.leader_images), ", ".join(workers), x.created, x.change]
        else:
            row += [short(x.leader_images + workers), age(x.created, now), x.change]
    headers += ["LEADER", "WORKER", "CREATED", "CHANGE"] if wide else ["IMAGES", "AGE", "CHANGE"]
    kept = view.limit or len(view.revisions) > 1
    hint = "" if kept else "There is no former template. To keep ten when a roll is complete"
    return with_hint(table(headers, rows), hint)


def short(found: Iterable[str]) -> str:
    """Images without registry and path, each once; of a digest as much as tells it from another."""
    names = (x.rpartition("/")[2] for x in found)
    cut = (re.sub("@sha256:([0-9a-f]{7})[0-9a-f]+", r"@\1", x) for x in names)
    return ", ".join(dict.fromkeys(cut))


def one(seen: Seen, number: int) -> TemplateView:
    revision = numbered(seen.lws.name, owned_revisions(seen.lws, seen.revisions), number)
    template = stored(seen, revision)
    return TemplateView(
        seen.lws.namespace,
        seen.lws.name,
        number,
        revision.labels.get(c.REVISION_LABEL, ""),
        template.leader_worker_template,
        template.network_config,
    )


def run(session: Session, options: Any) -> int:
    seen = see(session, options.name)
    if options.revision is not None:
        view = one(seen, options.revision)
        document = msgspec.to_builtins(view)
        session.show(view, Text(yaml.safe_dump(document, sort_keys=False, width=1000).rstrip()))
    else:
        history = describe(seen)
        session.show(history, draw(history, now=time.time(), wide=session.output.format == "wide"))
    return 0
