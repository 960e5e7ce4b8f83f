"""Some of the faults of ``make recovery`` once: every set is whole again without a hand, however soon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.cluster import Cluster
from support.manager import Manager
from support.namespaces import make_namespace
from support.recovery import network, refusals
from support.recovery.arena import Desk, Fault, proxied_account, proxy_of
from support.sets import Sets
from support.wholeness import await_whole

pytestmark = pytest.mark.integration

FAULTS = (network.REFUSED, network.HUNG_UP, refusals.RIGHTS)


@pytest.fixture(scope="module")
def desk(cluster: Cluster, one_manager: Manager, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """With a manager behind a proxy, in the place of the one that other tests share."""
    if one_manager.running:
        assert one_manager.stop() == 0
    directory = tmp_path_factory.mktemp("recovery")
    with proxy_of(cluster) as proxy:
        proxied_account(cluster, proxy, directory)
        with Manager(cluster, directory) as manager:
            manager.start()
            desk = Desk(cluster, Sets(cluster.client, make_namespace(cluster.client)), manager, proxy)
            yield desk
            desk.clear()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_sets_are_whole_again(desk: Desk, fault: Fault) -> None:
    desk.reset()
    fault.strike(desk)
    await_whole(*desk.lives)
    assert desk.manager.running
