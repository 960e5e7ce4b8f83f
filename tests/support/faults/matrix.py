"""One run: an operation in a world in which a fault strikes, and what is wrong then. All faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import NamedTuple

import msgspec

from support.apimodel.store import Document
from support.faults.chaos import (
    Chaos,
    CutWatches,
    Harmless,
    HarmlessToAny,
    Hidden,
    LooksAgain,
    Meddling,
    MeddlingMended,
    OlderReconnect,
    OlderView,
    Order,
    Priorities,
    Relabelled,
    Restarts,
)
from support.faults.meddling import is_nobodys
from support.faults.operations import Operation
from support.faults.oracles import Watch, at_the_end, forgotten
from support.faults.states import State, differences, state_of
from support.faults.strangers import plant
from support.faults.trouble import Calm, CrashAt, Faulty
from support.faults.world import NeverStable, World


class Run(NamedTuple):
    """What came of one. ``writes``: how many the manager sent, but for events."""

    violations: tuple[str, ...]
    writes: int


def run(operation: Operation, seed: int, trouble: Calm | None = None, chaos: Chaos | None = None) -> Run:
    """The operation once, from its beginning to rest, and then the end of what it was done to."""
    trouble, chaos = trouble or Calm(), chaos or Chaos(seed)
    wanted, nothing = fresh(operation.after), fresh(None)
    with World(seed, trouble=trouble, streams=chaos.streams) as world:
        trouble.kill = world.tasks.die
        watch = _prepared(world, operation)
        found: list[str] = []
        trouble.armed = True
        chaos.begin(world)
        try:
            _amid_chaos(world, operation, chaos)
            trouble.armed = trouble.lasts
            world.settle()
            found += chaos.mend(world)
            trouble.armed = False
            excused = isinstance(chaos, Meddling) and is_nobodys(world.store)
            found += at_the_end(world, None if excused else wanted, operation.left)
            found += _judged(operation, watch, chaos)
            found += [*watch.touched(), *_ended(world, operation, None if excused else nothing)]
        except NeverStable as error:
            found.append(str(error))
        return Run(tuple(found), trouble.writes)


LONGEST = 4_000
"""Steps of chaos at most: there are some that it lets come to rest only by chance."""


def _amid_chaos(world: World, operation: Operation, chaos: Chaos) -> None:
    """What is done, and chaos around it until all is at rest, which is more than that nobody could go on."""
    each = partial(chaos.each, world)
    operation.act(world, each)
    while True:
        world.run(LONGEST - chaos.steps, each)
        chaos.end(world)
        if world.still or chaos.steps >= LONGEST:
            return


def _prepared(world: World, operation: Operation) -> Watch:
    plant(world, *operation.strangers)
    world.start()
    world.settle()
    if operation.before is not None:
        world.create(operation.before["kind"], operation.before)
        world.settle()
    freed = [document["metadata"]["name"] for _, document in operation.strangers]
    return Watch(world, operation.subject, operation.bounds(), freed=freed)


def _judged(operation: Operation, watch: Watch, chaos: Chaos) -> Iterator[str]:
    """What was wrong on the way. Of what others delete as much is made again, but for pods."""
    world = watch.world
    world.watchers.remove(watch.look)
    yield from watch.repeated()
    if chaos.lenient:
        return
    yield from watch.violations
    if (recreated := watch.recreated()) != operation.recreated:
        yield f"recreated {dict(recreated)}, not {dict(operation.recreated)}"
    for kind, number in watch.made().items():
        excused = isinstance(chaos, Meddling) and kind != "Pod"
        if number > operation.made.get(kind, 0) and not excused:
            yield f"{number} objects of kind {kind} were made, not {operation.made.get(kind, 0)}"


def _ended(world: World, operation: Operation, nothing: State | None) -> Iterator[str]:
    """What is left when users have deleted everything; None: whatever it is."""
    if operation.after is not None:
        world.delete(*operation.subject, propagation=world.random.choice(("Foreground", "Background")))
        world.settle()
        if nothing is not None:
            yield from differences(state_of(world.store), nothing)
    yield from forgotten(world)


def fresh(wanted: Document | None) -> State:
    """The state of a set that was never anything else; None: of nothing but strangers."""
    key = msgspec.json.encode(wanted)
    if key not in _fresh:
        with World(0) as world:
            plant(world)
            world.start()
            if wanted is not None:
                world.create(wanted["kind"], wanted)
            world.settle()
            _fresh[key] = state_of(world.store)
    return _fresh[key]


_fresh: dict[bytes, State] = {}


Runs = Callable[[Operation, int], Iterator[Run]]


def _crashes(operation: Operation, seed: int) -> Iterator[Run]:
    """One run for each write and each side of it."""
    first = run(operation, seed)
    yield first
    for number in range(1, first.writes + 1):
        yield run(operation, seed, CrashAt(number, after=False))
        yield run(operation, seed, CrashAt(number, after=True))


def _amid(chaos: type[Chaos]) -> Runs:
    def runs(operation: Operation, seed: int) -> Iterator[Run]:
        yield run(operation, seed, chaos=chaos(seed))

    return runs


def _meddled(chaos: type[Chaos], *, to_the_end: type[Chaos]) -> Runs:
    """``to_the_end``: of a set. What is cut off just before that is nobody's: there nothing is."""

    def runs(operation: Operation, seed: int) -> Iterator[Run]:
        yield run(operation, seed, chaos=(to_the_end if operation.after is None else chaos)(seed))

    return runs


def _requests(*ways: str, chance: float = 0.2) -> Runs:
    def runs(operation: Operation, seed: int) -> Iterator[Run]:
        yield run(operation, seed, Faulty(Random(seed), *ways, chance=chance))

    return runs


MANY = 10
"""So many runs the first fault makes of one seed, at least: it is given so many fewer of them."""

PAUSES = "none, and looks at every pause"
FAULTS: dict[str, Runs] = {
    "crash before and after every write": _crashes,
    "crash at any step": _amid(Restarts),
    "older view after a restart": _amid(OlderView),
    "hidden events, 410": _amid(Hidden),
    "watches cut": _amid(CutWatches),
    "answers lost": _requests("lost", "silent", "unreachable"),
    "409": _requests("conflict", chance=0.5),
    "429, 500, 403": _requests("throttled", "broken", "forbidden"),
    "orders of other components": _amid(Order),
    "orders of all steps": _amid(Priorities),
    "children edited and deleted": _meddled(Meddling, to_the_end=MeddlingMended),
    "older view after a reconnect": _amid(OlderReconnect),
    "harmless edits": _meddled(Harmless, to_the_end=HarmlessToAny),
    "labels of pods": _amid(Relabelled),
    PAUSES: _amid(LooksAgain),
}


def faults_of(operation: Operation) -> list[str]:
    """Those that strike during it."""
    return [PAUSES] if operation.waits else list(FAULTS)
