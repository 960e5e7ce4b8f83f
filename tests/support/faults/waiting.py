"""Operations in which something is waited for, with pauses in which nobody has anything to do.

What users are told meanwhile has to be true then, not only in the end.
"""

from __future__ import annotations

from collections.abc import Callable

from lws.api import constants as c
from support.admission import spec_patch
from support.apimodel.answers import Refused
from support.apimodel.store import Document, Kind, uid_of
from support.faults.bounds import made
from support.faults.operation import Act, Each, Operation
from support.faults.oracles import PATIENCE
from support.faults.sets import NAME, SET, a_set, edit, image, on_set
from support.faults.world import World

WORKER = f"{NAME}-1-1"
LONG = 1_000
"""Steps: more than it takes until all is at rest."""


def each_at_rest(*deeds: Callable[[World], object]) -> Act:
    """One after the other, each when nothing is to be done any more."""

    def act(world: World, each: Each) -> None:
        for number, deed in enumerate(deeds):
            if number:
                world.run(LONG, each)
            deed(world)

    return act


def _edited(changes: Document) -> Callable[[World], object]:
    return lambda world: world.edit(SET, NAME, changes)


def _named(*names: str) -> Callable[[Document], bool]:
    return lambda pod: pod["metadata"]["name"] in names


def of_image(name: str) -> Callable[[Document], bool]:
    return lambda pod: any(x["image"] == name for x in pod["spec"]["containers"])


def _nothing(_: Document) -> bool:
    return False


def held(deed: Callable[[World], object], pods: Callable[[Document], bool]) -> Act:
    """These pods do not become ready until all else is done."""

    def begin(world: World) -> None:
        world.nodes.stuck = pods
        deed(world)

    return each_at_rest(begin, _get_well)


def _get_well(world: World) -> None:
    world.nodes.stuck = _nothing


def _roll_well(world: World) -> None:
    _get_well(world)
    world.edit(SET, NAME, image("b"))


def _crashing(times: int, then: Callable[[World], object]) -> Act:
    """A container of a worker ends whenever all wait for it to get ready, which no such worker does before
    ``then``; that is done when all is at rest.
    """

    def act(world: World, each: Each) -> None:
        world.nodes.stuck = _named(WORKER)
        met: set[str] = set()
        for _ in range(LONG):
            if world.pause > PATIENCE:
                world.settle(1.0)  # the answers to all writes have been heard, too
                pod = world.find("Pod", WORKER)
                if pod is not None and uid_of(pod) not in met:
                    met.add(uid_of(pod))
                    world.nodes.restart(pod)
            if len(met) == times:
                break
            world.run(1, each)
        world.run(LONG, each)
        then(world)

    return act


def _fill(world: World) -> None:
    world.nodes.full = True
    world.edit(SET, NAME, THREE)


def _make_room(world: World) -> None:
    world.nodes.full = False


def _leave(world: World) -> None:
    world.nodes.away = True
    world.edit(SET, NAME, THREE)


def _start_slowly(world: World) -> None:
    world.nodes.away = False
    world.nodes.stuck = _named(f"{NAME}-2", f"{NAME}-2-1")


def _limit(world: World) -> None:
    """A quota has no room for another StatefulSet."""

    def let_in(kind: Kind, new: Document) -> None:
        if kind.kind == "StatefulSet":
            raise Refused(403, "Forbidden", f"{new['metadata']['name']} is forbidden: exceeded quota")

    world.server.admission.let_in = let_in
    world.edit(SET, NAME, THREE)


def _unlimited(world: World) -> None:
    world.server.admission.let_in = lambda kind, new: None


DEADLINE = {"progressDeadlineSeconds": 60}
GATED = {"groupReadiness": c.GROUP_READINESS_LEADER_GATE}
LATE = {"startupPolicy": c.STARTUP_LEADER_READY}
PROVEN = {"minReadySeconds": 30}
THREE = spec_patch(replicas=3)
A_ROLL = made(2, revisions=1)
ONE_MORE = made(1)

_OPERATIONS: tuple[Operation, ...] = (
    on_set(
        "crash loop",
        _crashing(3, _get_well),
        after={"image": "a"},
        recreated={f"{NAME}-1": 3},
        serving=1,
        made=made(3),
    ),
    on_set(
        "crash loop that is given up",
        _crashing(2, _roll_well),
        of=a_set(maxGroupRestarts=1),
        after={"image": "b", "maxGroupRestarts": 1},
        recreated={f"{NAME}-1": 1},
        serving=1,
        made=made(3, revisions=1),
    ),
    on_set(
        "roll that is too late",
        each_at_rest(_edited(image("bad")), _edited(image("b"))),
        of=a_set(**DEADLINE),
        after={"image": "b", **DEADLINE},
        serving=1,
        made=made(3, revisions=2),
    ),
    on_set(
        "roll that has to prove itself",
        edit(image("b")),
        of=a_set(**PROVEN),
        after={"image": "b", **PROVEN},
        serving=1,
        made=A_ROLL,
    ),
    on_set(
        "roll in two parts",
        each_at_rest(_edited(image("b", partition=1)), _edited(spec_patch(partition=0))),
        after={"image": "b"},
        serving=1,
        made=A_ROLL,
    ),
    on_set(
        "late leader",
        held(_edited(THREE), _named(f"{NAME}-2")),
        of=a_set(**LATE),
        after={"replicas": 3, **LATE},
        serving=2,
        most=3,
        made=ONE_MORE,
    ),
    on_set(
        "late worker of a gated leader",
        held(_edited(THREE), _named(f"{NAME}-2-1")),
        of=a_set(**GATED),
        after={"replicas": 3, **GATED},
        serving=2,
        most=3,
        made=ONE_MORE,
    ),
    on_set(
        "no room on nodes",
        each_at_rest(_fill, _make_room),
        after={"replicas": 3},
        serving=2,
        most=3,
        made=ONE_MORE,
    ),
    on_set(
        "slow start",
        each_at_rest(_leave, _start_slowly, _get_well),
        after={"replicas": 3},
        serving=2,
        most=3,
        made=ONE_MORE,
    ),
    on_set(
        "no room in a quota",
        each_at_rest(_limit, _unlimited),
        after={"replicas": 3},
        serving=2,
        most=3,
        made=ONE_MORE,
    ),
)
WAITING = tuple(x._replace(waits=True) for x in _OPERATIONS)
