"""An object of anybody's, nested as deeply as an API server takes it, beside the sets of everybody else."""

from __future__ import annotations

import msgspec
import pytest
from support.faults.operations import NAME, SET, a_set
from support.faults.world import NAMESPACE, World

from lws.api import constants as c

DEEP = msgspec.Raw(b'{"x":' * 3000 + b"1" + b"}" * 3000)


def plant(world: World) -> None:
    """A revision that our watches select."""
    metadata = {
        "name": "deep",
        "namespace": NAMESPACE,
        "uid": "uid-deep",
        "labels": {c.NAME_LABEL: "another"},
    }
    document = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata, "revision": 1}
    world.store.put(world.where("ControllerRevision", "deep"), {**document, "data": DEEP})


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "listed"])
@pytest.mark.parametrize("before", [True, False], ids=["when-it-starts", "while-it-watches"])
def test_it_stops_nobody_elses_set(streams: bool, before: bool) -> None:
    with World(1, streams=streams) as world:
        if before:
            plant(world)
        world.start()
        world.settle()
        if not before:
            plant(world)
            world.settle()
        world.create(SET, a_set())
        world.settle()
        found = world.find(SET, NAME)
    assert found is not None
    held = [x["type"] for x in found["status"]["conditions"] if x["status"] == "True"]
    assert held == [c.AVAILABLE]
