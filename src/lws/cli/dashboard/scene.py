"""Everything that is told of one set, as documents by key; what happened since the last look included.

Not pure only in that it remembers the last look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct

from lws.api import constants as c
from lws.cli import why
from lws.cli.causes import Events
from lws.cli.dashboard.focus import Focus, Picture, picture_of_roles, picture_of_set
from lws.cli.dashboard.kinds import Event
from lws.cli.dashboard.steps import Step, kept, remembered, steps_between
from lws.cli.dashboard.tiles import BAD, BUSY, STILL, Tile
from lws.cli.dashboard.watching import Watched
from lws.cli.disaggregated.causes import roles_causes
from lws.cli.disaggregated.observing import SeenRoles
from lws.cli.drawing import BUSY as YELLOW
from lws.cli.drawing import QUIET
from lws.cli.observing import Seen
from lws.cli.podcauses import Cause
from lws.cli.session import CommandError
from lws.cli.urgency import style_of
from lws.objects import Key

EVENTS_SHOWN: Final = 100
WHY_EVERY: Final = 1.0
"""Seconds between two looks for causes, which take longer than all the rest."""
_GONE: Final = "This set is not there, or not any more."


class Finding(Struct, rename="camel"):
    """What ``kubectl lws why`` says, once for all groups that it is true of."""

    where: str
    reason: str
    message: str
    advice: str
    tone: str


class Said(Struct, rename="camel"):
    """An event. ``time``: RFC 3339."""

    time: str
    about: str
    type: str
    reason: str
    message: str


class Scene:
    """``kind`` and ``key``: which set."""

    def __init__(self, kind: str, key: Key) -> None:
        self._kind, self._key = kind, key
        self._tiles: dict[str, Tile] | None = None
        self._steps: list[Step] = []
        self._why: list[Finding] = []
        self._why_at = 0.0
        self.behind = False  # causes have not been looked for since the last change

    def documents(self, watched: Watched, *, now: float) -> dict[str, Any]:
        """``now``: seconds since 1970."""
        seen = watched.seen(self._key) if self._kind == c.KIND else None
        roles = watched.seen_roles(self._key) if self._kind != c.KIND else None
        focus, tiles = self._picture(watched, seen, roles, now)
        first = self._tiles is None  # somebody waits for it
        self._remember(tiles, now)
        self.behind = first or not self.due(now)
        if not self.behind:
            self._why, self._why_at = self._findings(watched, seen, roles, now), now
        names = name_test([x.lws.name for x in parts_of(seen, roles)] + [self._key.name])
        return {
            "focus": focus,
            "why": self._why,
            "steps": self._steps,
            "events": [said(x) for x in watched.events(names)[:EVENTS_SHOWN]],
            **{f"tile/{x.key}": x for x in tiles},
        }

    def due(self, now: float) -> bool:
        """Whether causes may be looked for again."""
        return now - self._why_at >= WHY_EVERY

    def _picture(self, watched: Watched, seen: Seen | None, roles: SeenRoles | None, now: float) -> Picture:
        try:
            if seen is not None:
                return picture_of_set(seen, watched.ground, now=now)
            if roles is not None:
                return picture_of_roles(roles, watched.ground, watched.kept(self._key), now=now)
            problem = _GONE
        except CommandError as error:
            problem = str(error)
        return Picture(Focus(self._kind, *self._key, tone=BAD, message=problem), [])

    def _remember(self, tiles: Sequence[Tile], now: float) -> None:
        after = remembered(self._tiles or {}, tiles)
        if self._tiles is not None:
            self._steps = kept(self._steps, list(steps_between(self._tiles, after, now=now)))
        self._tiles = after

    def _findings(
        self, watched: Watched, seen: Seen | None, roles: SeenRoles | None, now: float
    ) -> list[Finding]:
        warnings = _warnings(watched, parts_of(seen, roles))
        try:
            if seen is not None:
                causes = why.causes_of(seen, warnings, now=now, nodes=watched.ground.nodes or None)
            elif roles is not None:
                causes = roles_causes(roles, warnings, now=now, nodes=watched.ground.nodes or None)
            else:
                return []
        except CommandError:
            return []  # the head says it
        return findings(causes)


def parts_of(seen: Seen | None, roles: SeenRoles | None) -> list[Seen]:
    return [seen] if seen is not None else list(roles.sets) if roles is not None else []


def findings(causes: Sequence[Cause]) -> list[Finding]:
    """Those that say the same together; what needs somebody first."""
    tones = {QUIET: STILL, YELLOW: BUSY}
    found = [
        Finding(
            ", ".join(why.where(x, of)), x.reason, x.message, x.advice, tones.get(style_of(x.reason), BAD)
        )
        for x, of in why.together(causes)
    ]
    return sorted(found, key=lambda x: (BAD, BUSY, STILL).index(x.tone))


def name_test(sets: Sequence[str]) -> Callable[[str], bool]:
    """Whether a name is that of one of these sets, or of a pod or StatefulSet of its groups."""
    either = "|".join(map(re.escape, sets))
    match = re.compile(rf"(?:{either})(?:-\d+){{0,2}}").fullmatch
    return lambda name: match(name) is not None


def said(event: Event) -> Said:
    about = event.involved_object
    times = f" ({event.count} times)" if (event.count or 1) > 1 else ""
    message = " ".join(event.message.split()) + times
    return Said(event.time, f"{about.kind.lower()}/{about.name}", event.type, event.reason, message)


def _warnings(watched: Watched, parts: Sequence[Seen]) -> Events:
    """By the UID of whatever of these sets may have failed to make something, the oldest first."""
    uids = {x.lws.uid for x in parts} | {y.uid for x in parts for y in x.stateful_sets}
    found: dict[str, list[Event]] = {}
    for event in reversed(watched.events(lambda _: True)):
        if event.type == "Warning" and event.involved_object.uid in uids:
            found.setdefault(event.involved_object.uid, []).append(event)
    return found
