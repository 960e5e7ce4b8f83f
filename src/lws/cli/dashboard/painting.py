"""One thread that keeps the board up to date: what somebody looks at, and only that.

Changes that come in quick succession are shown together. A large set takes longer to work out, so the pause
before the next time is longer, too: no more than a part of a core is used.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, TypeVar

from msgspec import Struct

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.cli.dashboard.board import Board
from lws.cli.dashboard.overview import Line, line_of_roles, line_of_set
from lws.cli.dashboard.scene import Scene
from lws.cli.dashboard.tiles import BAD
from lws.cli.dashboard.watching import EVENTS, EVERYTHING, LINES, Watched
from lws.objects import Key
from lws.runtime.logs import get_logger

COMMON: Final = "common"
SHORTEST: Final = 0.1
"""Seconds from a picture to the next one."""
LONGEST: Final = 0.4
TICK: Final = 1.0
"""Seconds after which is asked whether the server is still there, though nothing was heard."""
STALE: Final = 5.0
"""Seconds after which a picture is made anew though nothing has changed: times in it go on."""
KEPT: Final = 8
"""Sets whose steps are remembered after nobody looks at them any more."""

SetT = TypeVar("SetT", LeaderWorkerSet, DisaggregatedSet)
_log = get_logger("dashboard")


class About(Struct, rename="camel"):
    """What the page is about. ``blind``: what the user may not see; ``lost``: why nothing new is heard."""

    title: str
    namespace: str
    version: str
    ready: bool
    blind: list[str]
    lost: str


class Painter:
    """``watched`` may be given later than it is made, since it tells ``touch`` of changes."""

    def __init__(self, board: Board, about: About, *, clock: Callable[[], float] = time.time) -> None:
        self._board, self._about, self._clock = board, about, clock
        self._lock = threading.Lock()
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._dirty: set[str] = {LINES}
        self._lookers: Counter[str] = Counter()
        self._scenes: dict[str, Scene] = {}
        self._painted: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="dashboard-painter", daemon=True)
        self._watched: Watched | None = None

    def start(self, watched: Watched) -> None:
        self._watched = watched
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def looked_at(self) -> list[str]:
        """Sets that somebody looks at."""
        with self._lock:
            return list(self._lookers)

    def touch(self, topic: str) -> None:
        """Something of this topic has changed; from any thread."""
        with self._lock:
            self._dirty.add(topic)
        self._wake.set()

    def enter(self, topic: str) -> None:
        """Somebody looks at this set from now on."""
        with self._lock:
            self._lookers[topic] += 1
            self._dirty.add(topic)
        self._wake.set()

    def leave(self, topic: str) -> None:
        with self._lock:
            self._lookers[topic] -= 1
            if self._lookers[topic] <= 0:
                del self._lookers[topic]
                self._painted.pop(topic, None)
                self._board.drop(topic)

    def _run(self) -> None:
        assert self._watched is not None
        while not self._stopping.is_set():
            self._wake.wait(SHORTEST if self._behind() else TICK)
            began = time.monotonic()
            try:
                self.paint(self._watched)
            except Exception:  # noqa: BLE001 - one object that nobody foresaw must not end the page
                _log.exception("Picture failed")
            spent = time.monotonic() - began
            self._stopping.wait(min(LONGEST, max(SHORTEST, 2 * spent)))

    def paint(self, watched: Watched) -> None:
        """Bring the board up to date."""
        self._wake.clear()
        with self._lock:
            dirty, self._dirty = self._dirty, set()
        self._paint_common(watched)
        now = self._clock()
        for topic in self.looked_at:
            if dirty & {topic, EVENTS, EVERYTHING} or self._is_due(topic, now):
                try:
                    self._paint(watched, topic, now)
                except Exception:  # noqa: BLE001 - a set that nobody foresaw must not hide the others
                    _log.exception("Picture failed", set=topic)
                    self._painted[topic] = now

    def _behind(self) -> bool:
        """Something of what is looked at is still to be worked out."""
        return any(self._scenes[x].behind for x in self.looked_at if x in self._scenes)

    def _is_due(self, topic: str, now: float) -> bool:
        """Without news of it."""
        age = now - self._painted.get(topic, 0.0)
        behind = topic in self._scenes and self._scenes[topic].behind
        return age > STALE or (behind and self._scenes[topic].due(now))

    def _paint_common(self, watched: Watched) -> None:
        sets, roles = watched.shown
        lines = [*(_line(line_of_set, x) for x in sets), *(_line(line_of_roles, x) for x in roles)]
        documents: dict[str, Any] = {f"line/{x.kind}/{x.namespace}/{x.name}": x for x in lines}
        blind = watched.blind
        self._about.ready = watched.synced
        self._about.blind = [f"{x.what}: {x.why}" for x in blind if not x.stale]
        self._about.lost = next((x.why for x in blind if x.stale), "")
        self._board.publish(COMMON, documents | {"about": self._about})

    def _paint(self, watched: Watched, topic: str, now: float) -> None:
        scene = self._scenes.pop(topic, None) or Scene(*_which(topic))
        self._scenes[topic] = scene  # the last one
        while len(self._scenes) > KEPT:
            self._scenes.pop(next(iter(self._scenes)))
        self._board.publish(topic, scene.documents(watched, now=now))
        self._painted[topic] = now
        with self._lock:
            if topic not in self._lookers:
                self._board.drop(topic)
                self._painted.pop(topic, None)


def _line(make: Callable[[SetT], Line], one: SetT) -> Line:
    """A set that nobody foresaw has its line, too, and hides no other."""
    try:
        return make(one)
    except Exception:  # noqa: BLE001 - of any kind
        _log.exception("Line failed", set=str(one.key))
        kind = c.KIND if isinstance(one, LeaderWorkerSet) else d.KIND
        return Line(kind, *one.key, ready=0, updated=0, wanted=0, tone=BAD, note="cannot be shown")


def _which(topic: str) -> tuple[str, Key]:
    kind, namespace, name = topic.split("/")
    return (c.KIND if kind == "lws" else d.KIND), Key(namespace, name)
