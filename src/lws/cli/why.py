"""``kubectl lws why``: what keeps a set from being ready and up to date; which group, which pod, and why."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from lws.api import constants as c
from lws.api.workloads import Node
from lws.cli.causes import Events, group_causes, own_causes, set_causes, update_causes
from lws.cli.drawing import GOOD, QUIET, line, numbers
from lws.cli.kinds import CORE_EVENTS, Event, reference
from lws.cli.observing import Seen, groups_of, see
from lws.cli.placing import asks_for_nodes
from lws.cli.podcauses import Cause
from lws.cli.session import CommandError, Session
from lws.cli.status import AnySet, StatusView, ready_of, to_go
from lws.cli.status import describe as describe_status
from lws.cli.urgency import style_of
from lws.kube.errors import Forbidden
from lws.kube.resources import NODES
from lws.kube.selectors import all_of, equals

_LONG: Final = 100
"""Characters of a finding that is not said twice."""


class WhyView(Struct, rename="camel"):
    """``ready``: all wanted groups are ready and updated, and nothing is wrong with the set."""

    namespace: str
    name: str
    ready: bool
    summary: str
    causes: list[Cause]
    kind: str = c.KIND

    @property
    def names(self) -> list[str]:
        """For scripts that look for sets that something is wrong with."""
        return [] if self.ready else [reference(self.kind, self.name)]


def describe(seen: Seen, events: Events, *, now: float, nodes: Sequence[Node] | None = None) -> WhyView:
    """All findings: about the set, then group by group, then what keeps outdated groups from their update.

    ``nodes``: as for ``group_causes``.
    """
    lws, status = seen.lws, describe_status(seen)
    causes = causes_of(seen, events, now=now, nodes=nodes)
    return WhyView(lws.namespace, lws.name, not causes, _summary(status), causes)


def causes_of(seen: Seen, events: Events, *, now: float, nodes: Sequence[Node] | None = None) -> list[Cause]:
    """``now``: seconds since 1970. ``nodes``: as for ``group_causes``."""
    of_groups = group_causes(seen, events, now=now, nodes=nodes)
    return [*set_causes(seen, events), *of_groups, *update_causes(seen)]


def unreadable(one: AnySet, kind: str, error: CommandError) -> WhyView:
    """Of a set that nobody can read, among others: what it says itself, or why nothing more is said."""
    return WhyView(one.namespace, one.name, False, "cannot be read", causes_of_unreadable(one, error), kind)


def causes_of_unreadable(one: AnySet, error: CommandError) -> list[Cause]:
    return own_causes(one) or [Cause(c.STALLED, str(error))]


def _summary(status: StatusView) -> str:
    return f"{ready_of(status)}, {status.updated} updated{to_go(status.leaving)}"


def draw(view: WhyView, *, namespaced: bool = False, wide: bool = False) -> RenderableType:
    """``namespaced``: name the namespace, too. ``wide``: each group by itself."""
    name = f"{view.namespace}/{view.name}" if namespaced else view.name
    head = line(
        Text(f"{view.kind.lower()}/{name}", style="bold"),
        Text(view.summary, style=GOOD if view.ready else ""),
    )
    lines: list[RenderableType] = [head]
    if view.ready:
        lines.append(Text("  nothing is wrong", style=GOOD))
    told: dict[tuple[str, str], Cause] = {}
    for cause, of in ((x, [x]) for x in view.causes) if wide else together(view.causes):
        text = Text("  ").append("  ".join([*where(cause, of), ""]))
        lines.append(
            text.append(cause.reason, style=style_of(cause.reason)).append(f"  {_words(cause, told)}")
        )
        if cause.advice:
            lines.append(Text(f"      {_advice(of)}", style=QUIET))
    return Lines(*lines)


def _words(cause: Cause, told: dict[tuple[str, str], Cause]) -> str:
    """In full once, however many LeaderWorkerSets have the same long story to tell. ``told`` remembers it."""
    alike = cause.message.replace(cause.set, "") if cause.set else cause.message
    first = told.setdefault((cause.reason, alike), cause)
    if first is cause or len(cause.message) <= _LONG:
        return cause.message
    return f"the same as {' '.join(where(first, [first]))}"


def _advice(of: Sequence[Cause]) -> str:
    """What may be done about all of them at once."""
    return _for_groups(of[0], " ".join(str(x) for x in sorted({x.group for x in of if x.group is not None})))


def _for_groups(cause: Cause, groups: str) -> str:
    """Its advice, which ends with the group that a command is for, with these ``groups`` instead."""
    own = f" {cause.group}'"
    return cause.advice.removesuffix(own) + f" {groups}'" if cause.advice.endswith(own) else cause.advice


def together(causes: Iterable[Cause]) -> list[tuple[Cause, list[Cause]]]:
    """The first of each kind, with all that say the same of other groups of the same set."""
    found: dict[object, list[Cause]] = {}
    for x in causes:
        alike = (x.reason, x.message, _for_groups(x, ""), x.slice, x.role, x.set, x.group is None)
        found.setdefault(alike, []).append(x)
    return [(same[0], same) for same in found.values()]


def where(cause: Cause, of: Sequence[Cause]) -> list[str]:
    """From the outside to the inside; ``of``: all that say the same."""
    groups = sorted({x.group for x in of if x.group is not None})
    others = len({x.pod for x in of if x.pod}) - 1
    pod = f"pod/{cause.pod}" + (f" and {others} more" if others > 0 else "")
    return [
        *([] if cause.slice is None else [f"slice {cause.slice}"]),
        *([f"role {cause.role}"] if cause.role else []),
        *([f"group{'s' if len(groups) > 1 else ''} {numbers(groups)}"] if groups else []),
        *([pod] if cause.pod else []),
    ]


def warnings(session: Session, seen: Seen) -> Events:
    """Warning events about whatever of this set may have failed to make something, the oldest first.

    Pods say in their status what is wrong with them, so theirs are not asked for.
    """
    groups = groups_of(seen, "")  # what they are made from says nothing about events
    suspects = {seen.lws.uid}
    if seen.leader is not None and len(seen.observed.leaders) < seen.leader.spec.replicas:
        suspects.add(seen.leader.uid)
    suspects |= {
        x.workers.uid for x in groups if x.workers is not None and len(x.pods) - 1 < x.workers.spec.replicas
    }
    return {uid: _about(session, seen.lws.namespace, uid) for uid in suspects}


def _about(session: Session, namespace: str, uid: str) -> list[Event]:
    selector = all_of(equals("involvedObject.uid", uid), equals("type", "Warning"))
    try:
        found = session.client.list(CORE_EVENTS, Event, namespace, field_selector=selector)
    except Forbidden:
        return []
    return sorted(found, key=lambda event: event.time)


def nodes_of(session: Session, seen: Sequence[Seen]) -> list[Node] | None:
    """All nodes, if a pod waits for those of its group; None where nobody asks, or they may not be listed."""
    if not any(asks_for_nodes(pod) for one in seen for pod in one.pods):
        return None
    try:
        return session.client.list(NODES, Node)
    except Forbidden:
        return None


def run(session: Session, options: Any) -> int:
    """One LeaderWorkerSet. The code is 0 whatever is found."""
    seen = see(session, options.name)
    view = look(session, seen, nodes_of(session, [seen]))
    session.show(view, draw(view, wide=session.output.format == "wide"))
    return 0


def look_anyway(session: Session, seen: Seen, nodes: Sequence[Node] | None) -> WhyView:
    """As ``look``, for one of many, of which none must hide another."""
    try:
        return look(session, seen, nodes)
    except CommandError as error:
        return unreadable(seen.lws, c.KIND, error)


def look(session: Session, seen: Seen, nodes: Sequence[Node] | None) -> WhyView:
    """With the events that are asked for, and by the time it is. ``nodes``: as for ``group_causes``."""
    return describe(seen, warnings(session, seen), now=time.time(), nodes=nodes)
