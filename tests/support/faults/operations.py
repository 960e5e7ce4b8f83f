"""What users do with sets, as what was there before, what they do, and what a fresh one is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from lws.api import constants as c
from support.admission import an_lws, spec_patch
from support.apimodel.store import Document
from support.faults.world import World

NAME = "s"
SET = "LeaderWorkerSet"


class Operation(NamedTuple):
    """``before``: None: nothing is there; ``after``: None: nothing is left. ``serving`` and ``most``: groups
    that are ready, and that there are, at any time. ``recreated``: leaders that the manager deletes, at most.
    ``left``: what stays, though a fresh set would not have it.
    """

    name: str
    before: Document | None
    act: Callable[[World], None]
    after: Document | None
    serving: int = 0
    most: int = 10**6
    recreated: int = 0
    left: tuple[str, ...] = ()


def a_set(image: str = "a", **spec: Any) -> Document:
    pods = {"spec": {"containers": [{"name": "c", "image": image}]}}
    spec = {"leaderTemplate": None, "workerTemplate": pods, "restartPolicy": c.RESTART_RECREATE_GROUP} | spec
    return an_lws(metadata={"name": NAME}, **spec)


def _edit(*edits: Document) -> Callable[[World], None]:
    """One after the other, some steps apart."""

    def act(world: World) -> None:
        for number, changes in enumerate(edits):
            if number:
                world.run(world.random.randint(5, 150))
            world.edit(SET, NAME, changes)

    return act


def _image(name: str) -> Document:
    return spec_patch(workerTemplate={"spec": {"containers": [{"name": "c", "image": name}]}})


def _create(world: World) -> None:
    world.create(SET, a_set())


def _delete(world: World) -> None:
    world.delete(SET, NAME)


def _delete_in_foreground(world: World) -> None:
    world.delete(SET, NAME, propagation="Foreground")


def _restart(world: World) -> None:
    """A container of a worker of one group ends."""
    pod = world.find("Pod", f"{NAME}-1-1")
    assert pod is not None
    world.nodes.restart(pod)


def _fail(world: World) -> None:
    """A worker fails for good."""
    pod = world.find("Pod", f"{NAME}-1-1")
    assert pod is not None
    world.nodes.fail(pod)


def _operation(
    name: str, act: Callable[[World], None], *, of: Document | None = None, **to: Any
) -> Operation:
    """From the set with two groups of two, or ``of``. ``to``: members of the operation."""
    after = to.pop("after", {})
    return Operation(name, of or a_set(), act, after and a_set(**after) if after is not None else None, **to)


UNIQUE = {"subdomainPolicy": c.SUBDOMAIN_UNIQUE}
IN_PLACE = {"podUpdatePolicy": c.POD_UPDATE_IN_PLACE}

OPERATIONS: tuple[Operation, ...] = (
    Operation("create", None, _create, a_set(), most=2),
    _operation("scale up", _edit(spec_patch(replicas=4)), after={"replicas": 4}, serving=2, most=4),
    _operation("scale down", _edit(spec_patch(replicas=1)), after={"replicas": 1}, serving=1, most=2),
    _operation("scale to nothing", _edit(spec_patch(replicas=0)), after={"replicas": 0}, most=2),
    _operation("roll", _edit(_image("b")), after={"image": "b"}, serving=1, most=2, recreated=2),
    _operation(
        "roll with surge",
        _edit(_image("b")),
        of=a_set(maxSurge=1, maxUnavailable=0),
        after={"image": "b", "maxSurge": 1, "maxUnavailable": 0},
        serving=2,
        most=3,
        recreated=2,
    ),
    _operation(
        "roll in place",
        _edit(_image("b")),
        of=a_set(**IN_PLACE),
        after={"image": "b", **IN_PLACE},
        serving=1,
        most=2,
        recreated=2,
    ),
    _operation(
        "rollback", _edit(_image("b"), _image("a")), after={"image": "a"}, serving=1, most=2, recreated=4
    ),
    _operation("restart", _restart, after={"image": "a"}, serving=1, most=2, recreated=1),
    _operation("worker fails", _fail, after={"image": "a"}, serving=1, most=2, recreated=1),
    _operation("resize", _edit(spec_patch(size=3)), after={"size": 3}, serving=1, most=2, recreated=2),
    _operation(
        "policy edit",
        _edit(spec_patch(restartPolicy=c.RESTART_NONE)),
        after={"restartPolicy": c.RESTART_NONE},
        serving=1,
        most=2,
        recreated=2,
    ),
    _operation(
        "network switch",
        _edit({"spec": {"networkConfig": UNIQUE}}),
        after={"networkConfig": UNIQUE},
        serving=1,
        most=2,
        recreated=2,
        left=(f"Service {NAME}",),
    ),
    _operation("delete", _delete, after=None),
    _operation("delete in the foreground", _delete_in_foreground, after=None),
)
