"""``kubectl lws status``: how far a set is, once or until it is done, as ``kubectl rollout status``.

Done is what the controller says of the present spec: its condition Available. What is shown meanwhile is
counted from the groups themselves, so that nobody waits for counters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from rich.text import Text

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.cli.drawing import BAD, BUSY, GOOD, count
from lws.cli.kinds import LEADERWORKERSETS
from lws.cli.observing import Group, Seen, groups_of, see
from lws.cli.pause import is_paused
from lws.cli.session import CommandError, Session
from lws.kube.errors import Gone, TransportError
from lws.kube.selectors import equals
from lws.kube.watch import error_of, watch
from lws.objects import Condition, KubeObject, resource_version
from lws.planning import groups as planners
from lws.planning.recreation.record import failed_groups

_WATCH_SECONDS = 300
_RETRY_SECONDS = 1.0
_decode = msgspec.json.Decoder(KubeObject).decode


class StatusView(Struct, rename="camel"):
    """Numbers are groups. ``due``: wanted ones from the partition up. ``done`` and ``failed`` end a wait."""

    namespace: str
    name: str
    generation: int
    observed_generation: int
    revision: str
    replicas: int
    ready: int
    updated: int
    due: int
    due_updated: int
    surge: int
    partition: int
    paused: bool
    updating: bool
    done: bool
    failed: bool
    message: str


def describe(seen: Seen) -> StatusView:
    """How far the set is."""
    lws, key = seen.lws, seen.revision.key
    groups = groups_of(seen, key)
    wanted = [x for x in groups if x.index < lws.replicas]
    due = [x for x in wanted if x.index >= lws.partition]
    view = StatusView(
        namespace=lws.namespace,
        name=lws.name,
        generation=lws.metadata.generation,
        observed_generation=lws.status.observed_generation,
        revision=key,
        replicas=lws.replicas,
        ready=sum(x.state.ready for x in wanted),
        updated=sum(x.state.updated for x in wanted),
        due=len(due),
        due_updated=sum(x.state.updated for x in due),
        surge=len(groups) - len(wanted),
        partition=lws.partition,
        paused=is_paused(lws),
        updating=any(x.outdated(key) for x in due) or condition(lws, c.UPDATE_IN_PROGRESS) is not None,
        done=condition(lws, c.AVAILABLE) is not None,
        failed=False,
        message="",
    )
    problem = condition(lws, c.STALLED) or _failure(seen, groups, key)
    view.failed = problem is not None
    view.message = _message(view) if problem is None else problem
    return view


def _failure(seen: Seen, groups: Sequence[Group], key: str) -> str | None:
    """What the set says of groups that were given up, unless the roll is going to replace all of them.

    Where the status cannot hold records of groups, the condition alone counts.
    """
    lws = seen.lws
    replaced = {x.index for x in groups if x.outdated(key) and x.index >= lws.partition}
    left = set(failed_groups(lws, planners.groups_of(seen.observed))) - replaced
    return condition(lws, c.FAILED) if left or not lws.status.groups else None


def condition(lws: LeaderWorkerSet, type_: str) -> str | None:
    """The message of a condition that is True of the present spec, else None."""
    found = standing_condition(lws, type_)
    return None if found is None else found.message


def standing_condition(lws: LeaderWorkerSet, type_: str) -> Condition | None:
    """A condition that is True of the present spec."""
    if lws.status.observed_generation != lws.metadata.generation:
        return None
    found = next((x for x in lws.status.conditions if x.type == type_), None)
    if found is None or found.status != "True" or found.observed_generation != lws.metadata.generation:
        return None
    return found


def _message(view: StatusView) -> str:
    if view.observed_generation != view.generation:
        return "waiting for the controller to see the present spec"
    if view.done and view.paused:
        return f"paused: {view.updated} of {count(view.replicas, 'group')} updated, all ready"
    if view.done and view.partition and view.updated < view.replicas:
        held = f"{view.replicas - view.updated} held back by partition {view.partition}"
        return f"rolled out as far as it may: {view.due} of {count(view.replicas, 'group')} updated, {held}"
    if view.done:
        return f"successfully rolled out: {count(view.replicas, 'group')} updated and ready"
    parts = []
    if view.updating:
        parts.append(f"{view.due_updated} of {count(view.due, 'group')} updated")
    parts.append(f"{view.ready} of {count(view.replicas, 'group')} ready")
    if view.surge:
        parts.append(f"{view.surge} surge")
    return f"waiting: {', '.join(parts)}"


def draw(view: StatusView) -> Text:
    style = BAD if view.failed else GOOD if view.done else BUSY
    text = Text(f'leaderworkerset "{view.name}" ')
    return text.append(view.message, style=style)


def run(session: Session, options: Any) -> int:
    """Once: always 0. With ``--watch``: 0 when done, 1 when it cannot be or the time is up."""
    if not options.watch:
        view = describe(see(session, options.name))
        session.show(view, draw(view))
        return 0
    said = ""
    for seen in changes(session, options.name, timeout=options.timeout):
        view = describe(seen)
        if view.message != said:
            session.show_line(view, draw(view))
            said = view.message
        if view.done or view.failed:
            return 0 if view.done and not view.failed else 1
    raise CommandError(f'leaderworkerset "{options.name}": timed out after {options.timeout:g}s: {said}')


def changes(
    session: Session, name: str, *, timeout: float, clock: Callable[[], float] = time.monotonic
) -> Iterator[Seen]:
    """The set now, and after each change of it, for ``timeout`` seconds (0: for ever).

    Raises CommandError when it is deleted.
    """
    end = clock() + timeout if timeout else float("inf")
    uid = ""
    while True:
        seen = see(session, name)
        if uid not in ("", seen.lws.uid):
            raise CommandError(f'leaderworkerset "{name}" was deleted and made anew')
        uid = seen.lws.uid
        yield seen
        left = end - clock()
        if left <= 0:
            return
        _await_change(session, seen.lws, seconds=min(_WATCH_SECONDS, left))


def _await_change(session: Session, lws: LeaderWorkerSet, *, seconds: float) -> None:
    """Return at the next change of the set, or after about so many seconds."""
    try:
        with watch(
            session.client.connection,
            LEADERWORKERSETS,
            namespace=lws.namespace,
            field_selector=equals("metadata.name", lws.name),
            resource_version=lws.metadata.resource_version,
            timeout_seconds=max(1, round(seconds)),
        ) as events:
            for event in events:
                if event.type == "ERROR":
                    raise error_of(event)
                if event.type == "DELETED":
                    raise CommandError(f'leaderworkerset "{lws.name}" was deleted')
                if event.type != "BOOKMARK" and resource_version(_decode(event.object)) > resource_version(
                    lws
                ):
                    return
    except Gone:
        return
    except TransportError:
        time.sleep(_RETRY_SECONDS)  # then the set is read: that says whether the server is there
