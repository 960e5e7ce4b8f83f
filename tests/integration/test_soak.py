"""A short ``make soak``: random deeds and a kill, then every set is right, and nothing of it is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cluster import Cluster
from support.manager import Manager
from support.soak.run import run
from support.soak.world import World

pytestmark = pytest.mark.integration


def test_half_a_minute_of_deeds_and_a_kill_leaves_every_set_right_and_then_nothing(
    cluster: Cluster, one_manager: Manager, tmp_path: Path
) -> None:
    """By a manager of its own, whom strangers besiege."""
    if one_manager.running:
        assert one_manager.stop() == 0
    with Manager(cluster, tmp_path) as manager:
        manager.start()
        world = World(cluster, manager)
        with world.siege:
            soak = run(world, seed=1, minutes=0.3, kills=0.16)
            world.await_right()
            world.await_nothing()
    assert soak.samples[-1].life == 1, "it was killed once"
    assert sum(soak.deeds.values()) > 5, "hardly anything was done"
