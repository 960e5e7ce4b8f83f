"""What must hold at every step and at the end, whatever went wrong on the way. A line for each violation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator

from lws.controllers.settling import SETTLE
from lws.controllers.standings import URGENT
from lws.controllers.statuspace import INTERVAL
from support.apimodel.answers import Request
from support.apimodel.store import Change, owner_of, uid_of
from support.faults.bounds import Bounds, groups_of
from support.faults.memory import gone_from, remembered
from support.faults.states import State, differences, state_of
from support.faults.strangers import is_stranger, is_untouchable
from support.faults.world import QUIET, NeverStable, World

FOREGROUND = "Foreground"
PATIENCE = SETTLE + URGENT + INTERVAL
"""Seconds for which what a look finds may be held back: news settle, a reason has to last, and the patch that
tells it waits for company. A reason that every group meets has to last for longer, so short pauses miss it.
"""
HOUR = 3600.0
"""Seconds after which nothing that forgets by itself still knows anything."""


class Watch:
    """Looks at a world at every step of an operation. ``wanted``: the kind and the name of what users edit;
    ``freed``: names of strangers that users take away.
    """

    def __init__(
        self, world: World, wanted: tuple[str, str], bounds: Bounds, *, freed: Collection[str] = ()
    ) -> None:
        self.world, self._wanted, self._bounds, self._freed = world, wanted, bounds, freed
        self.violations: Counter[str] = Counter()
        self._version = world.store.version
        self._asked, self._answered = len(world.writes), len(world.answered)
        self._accepted = len(world.accepted)
        self._strangers = {uid_of(x) for _, x in world.store.everything() if is_stranger(x)}
        self._untouchable = {where for where, x in world.store.everything() if is_untouchable(x)}
        world.watchers.append(self.look)
        self.look()

    def look(self) -> None:
        store = self.world.store
        groups = groups_of(store.all("Pod"), store.all("LeaderWorkerSet"))
        self.violations.update(self._bounds.broken(self.world.find(*self._wanted), groups))

    # What happened since.

    def _changes(self) -> Iterator[Change]:
        return (x for x in self.world.store.changes() if x.version > self._version)

    def made(self) -> Counter[str]:
        """Objects that were created, by kind.

        Those whose owner had gone, or was about to, are not counted: until a controller hears of that, it
        makes what the collector takes, as others do. They go with it, which the end shows. Nor is what other
        controllers make of what was made for an owner that had gone: to them it is one like others.
        """
        found: Counter[str] = Counter()
        going: set[str] = set()  # by UID, of all that there ever were
        gone: set[str] = set()  # made for such, too
        for change in sorted(self.world.store.changes(), key=lambda x: x.version):
            owner, uid = owner_of(change.document), uid_of(change.document)
            if "deletionTimestamp" in change.document["metadata"]:
                going.add(uid)
            if change.gone or (change.before is None and owner in gone):
                gone.add(uid)
            if change.before is None and change.version > self._version and owner not in going | gone:
                found[change.where.kind.kind] += 1
        return found

    def recreated(self) -> Counter[str]:
        """Pods that the manager deleted with all their group, by name: of each incarnation one.

        Those that it replaces because their template is old go in the background; what that costs is bounded
        by what is ``made``.
        """
        deleted = [x for x in self.world.accepted[self._accepted :] if _of_pod(x)]
        whole = [x for x in deleted if x.body["propagationPolicy"] == FOREGROUND]
        return Counter({_uid(x): x.where.name for x in whole if x.where is not None}.values())

    def repeated(self) -> Iterator[str]:
        """Deletions of pods that a process asked for again, though it had been answered."""
        asked = Counter((life, _uid(x)) for life, x in self.world.answered[self._answered :] if _of_pod(x))
        return (f"asked {times} times to delete {uid}" for (_, uid), times in asked.items() if times > 1)

    def _was_freed(self, change: Change) -> bool:
        """By users, with all that it had; that nobody else asked for it is looked at below."""
        there = self.world.store.by_uid
        owner = owner_of(change.document)
        let_go = change.gone or "deletionTimestamp" in change.document["metadata"]
        return let_go and (change.where.name in self._freed or (owner != "" and owner not in there))

    def touched(self) -> Iterator[str]:
        """Strangers that anybody has written or taken away, and what the manager asked to be done to them."""
        for change in self._changes():
            if uid_of(change.document) in self._strangers and not self._was_freed(change):
                yield f"a stranger was {'taken away' if change.gone else 'written'}: {change.where}"
        for asked in self.world.writes[self._asked :]:
            named = asked.where in self._untouchable and asked.where.name not in self._freed
            if named or (asked.method == "DELETE" and _uid(asked) in self._strangers):
                yield f"a stranger was to be written: {asked}"


def _uid(asked: Request) -> str:
    return str((asked.body.get("preconditions") or {}).get("uid", ""))


def _of_pod(asked: Request) -> bool:
    return asked.method == "DELETE" and asked.where is not None and asked.where.kind.kind == "Pod"


def at_the_end(world: World, wanted: State | None, left: tuple[str, ...] = ()) -> list[str]:
    """The state is as a fresh one, and nothing is sent when everything is looked at again, nor by another
    process.

    ``wanted`` None: whatever it is, it stays.
    """
    world.pass_time(QUIET)  # events are told late
    state = state_of(world.store)
    kept = {x: y for x, y in state.items() if x not in left}
    found = [] if wanted is None else differences(kept, wanted)
    found += _quiet(world, world.resync, "requests at rest")
    with world.another():
        return found + _quiet(world, lambda: None, "requests of another process")


def at_a_pause(world: World) -> list[str]:
    """Nothing but events is sent when everything is looked at again while nobody has anything to do.

    What such a look finds is awaited for half of the pause, at least for as long as our own pacing holds it
    back; a pause that is shorter tells nothing.
    """
    seconds = min(max(PATIENCE, world.pause / 2), QUIET)
    return _quiet(world, world.resync, "requests at a pause", seconds=seconds, but=("Event", "Lease"))


def _quiet(
    world: World,
    act: Callable[[], None],
    told: str,
    *,
    seconds: float = QUIET,
    but: Collection[str] = (),
) -> list[str]:
    """What is wrong if there comes more of this than reading. ``but``: kinds that may be written."""
    before = len(world.writes)
    act()
    try:
        world.settle(seconds)
    except NeverStable as error:
        return [str(error)]
    sent = sorted({str(x) for x in world.writes[before:] if x.where is None or x.where.kind.kind not in but})
    return [f"{told}: {', '.join(sent[:3])}"] if sent else []


def forgotten(world: World) -> list[str]:
    """What the manager still remembers of what is gone."""
    life = world.life
    assert life is not None
    world.pass_time(QUIET)
    world.pass_time(HOUR)
    return remembered(life.app, gone_from(world.store))


__all__ = ["Watch", "at_a_pause", "at_the_end", "forgotten"]
