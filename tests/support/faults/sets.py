"""The set that operations are about, how users edit it, and what an operation on it is."""

from __future__ import annotations

from typing import Any

from lws.api import constants as c
from support.admission import an_lws, spec_patch
from support.apimodel.store import Document
from support.faults.bounds import of_set
from support.faults.operation import Act, Each, Operation
from support.faults.world import World

NAME = "s"
SET = "LeaderWorkerSet"


def a_set(image: str = "a", **spec: Any) -> Document:
    pods = {"spec": {"containers": [{"name": "c", "image": image}]}}
    spec = {"leaderTemplate": None, "workerTemplate": pods, "restartPolicy": c.RESTART_RECREATE_GROUP} | spec
    return an_lws(metadata={"name": NAME}, **spec)


def edit(*edits: Document) -> Act:
    """One after the other, some steps apart."""

    def act(world: World, each: Each) -> None:
        for number, changes in enumerate(edits):
            if number:
                world.run(world.random.randint(5, 150), each)
            world.edit(SET, NAME, changes)

    return act


def image(name: str, **more: Any) -> Document:
    return spec_patch(workerTemplate={"spec": {"containers": [{"name": "c", "image": name}]}}, **more)


def on_set(
    name: str,
    act: Act,
    *,
    of: Document | None = None,
    after: Document | None,
    serving: int = 0,
    most: int = 2,
    **to: Any,
) -> Operation:
    """From the set with two groups of two, or ``of``. ``to``: members of the operation."""
    wanted = a_set(**after) if after is not None else None
    return Operation(name, of or a_set(), act, wanted, **{"bounds": lambda: of_set(serving, most), **to})
