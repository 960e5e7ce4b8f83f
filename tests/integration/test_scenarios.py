"""The controller integration scenarios of reconcilers.md, 10.1, by their numbers, on a bare API server.

Nobody but the controller acts there (``support.bare``), so every state in between can be held still and be
looked at. The shorthand is that of the specification (``support.scenarios``). Numbers 52 and 53, on gang
scheduling, are in ``test_gang.py``. Several scenarios run at a time, each in its own namespace.

Where the harness of the specification does what no cluster can, these do what a cluster would: pods that end
in time are bound to a node (18 to 22, 43), and a leader gets another revision by being replaced (43).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from operator import methodcaller as do

import pytest
from support import hasty
from support.bare import BareSet, bare_cluster, make_bare_namespace
from support.cluster import ROOT, Cluster
from support.manager import Manager
from support.scenarios import Scenario, Step, play
from support.together import Outcomes, played

from lws.api import constants as c

pytestmark = pytest.mark.integration

HASTY = ("env", f"PYTHONPATH={ROOT}", sys.executable, hasty.__file__)
UNIQUE = {"networkConfig": {"subdomainPolicy": "UniquePerReplica"}}
ONE_GROUP = {"replicas": 1, "size": 4}
AFTER_START = {**ONE_GROUP, "restartPolicy": c.RESTART_RECREATE_GROUP_AFTER_START}
AT_REST = [Step([do("ready_all", 4)], "A✓ p=0 4/4")]


def annotated(name: str, value: str) -> dict[str, object]:
    return {"metadata": {"annotations": {name: value}}}


def progressing(ready: int, total: int) -> str:
    return f"Replicas are progressing, with {ready} groups ready of total {total} groups"


def all_ready(total: int) -> str:
    return f"All replicas are ready, with {total} groups ready of total {total} groups"


def recreated(worker: int) -> str:
    return f"Worker pod test-sample-0-{worker} failed, deleted leader pod test-sample-0 to recreate group 0"


SCENARIOS = {
    "1-scale-up": Scenario({}, [Step([do("change", replicas=3), do("make_leaders", 2, 3)], "S=3 L W")]),
    "2-scale-down": Scenario(
        {"replicas": 4}, [Step([do("change", replicas=3), do("remove_surplus")], "S=3 L W")]
    ),
    "3-scale-to-zero": Scenario(
        {}, [Step([do("change", replicas=0), do("remove_surplus")], "S=0 L workers=")]
    ),
    "4-scale-from-zero": Scenario(
        {"replicas": 0}, [Step([do("change", replicas=3), do("make_leaders", 0, 3)], "S=3 L W")]
    ),
    "5-size-1": Scenario(
        {"size": 1},
        [
            Step([], "S=2 L workers="),
            Step([do("leaders_ready", 0, 1), do("settle_leader_set")], "A✓ S=2 workers=", stays=True),
        ],
    ),
    "6-zero-replicas": Scenario({"replicas": 0}, [Step([], "S=0 L W")]),
    "7-creation": Scenario(
        {},
        [
            Step(
                [],
                "S=2 L W",
                [
                    "Created leader statefulset test-sample",
                    "Created worker statefulset for leader pod test-sample-0",
                    "Created worker statefulset for leader pod test-sample-1",
                ],
            )
        ],
    ),
    "8-worker-set-deleted": Scenario({}, [Step([], "W"), Step([do("delete_worker_set", 0)], "W")]),
    "9-shared-service": Scenario({}, [Step([], "services=shared")]),
    "10-shared-service-deleted": Scenario(
        {}, [Step([], "services=shared"), Step([do("delete_service")], "services=shared")]
    ),
    "11-services-of-groups": Scenario(UNIQUE, [Step([], "services=groups", stays=True)]),
    "12-leader-set-deleted": Scenario({}, [Step([], "S=2"), Step([do("delete_leader_set")], "S=2 L")]),
    "13-scale-read": Scenario({}, [Step([do("settle_leader_set")], "scale=2/2")]),
    "14-scale-write": Scenario(
        {}, [Step([do("settle_leader_set")], "scale=2/2"), Step([do("scale", 3)], "R=3 S=3")]
    ),
    "15-available": Scenario({}, [Step([do("ready_all", 2)], "A✓")]),
    "16-conditions-there-and-back": Scenario(
        {},
        [
            Step([], "P✓", [progressing(0, 2)]),
            Step([do("ready_all", 2)], "P✗ A✓", [all_ready(2)]),
            Step([do("change", replicas=3)], "P✓ A✗", [progressing(2, 3)]),
        ],
    ),
    "17-exclusive-and-unscheduled": Scenario(
        annotated(c.EXCLUSIVE_TOPOLOGY_ANNOTATION, "cloud.google.com/gke-nodepool"),
        [Step([], "S=2 L P✓ workers=", stays=True)],
    ),
    "18-no-restart-policy": Scenario(
        {**ONE_GROUP, "restartPolicy": c.RESTART_NONE},
        [
            Step([do("make_workers", 0)], "pods=0,0-1,0-2,0-3"),
            Step([do("delete_pod", "test-sample-0-1")], "pods=0,0-1!,0-2,0-3"),
            Step([do("remove_pod", "0-1")], "pods=0,0-2,0-3", stays=True),
        ],
    ),
    "19-recreate-on-restart": Scenario(
        ONE_GROUP,
        [
            Step([do("make_workers", 0)], "pods=0,0-1,0-2,0-3"),
            Step([do("delete_pod", "test-sample-0-1")], "pods=0!,0-1!,0-2,0-3", [recreated(1)]),
        ],
    ),
    "20-after-start-annotation-one-pending": Scenario(
        {**ONE_GROUP, **annotated(c.RECREATE_AFTER_START_ANNOTATION, "enable")},
        [
            Step([do("make_workers", 0), do("set_phase", "Pending", "0-2")], "pods=0,0-1,0-2,0-3"),
            Step([do("delete_pod", "test-sample-0-1")], "pods=0,0-1!,0-2,0-3", stays=True),
            Step([do("remove_pod", "0-1")], "pods=0,0-2,0-3", stays=True),
        ],
    ),
    "21-after-start-one-pending": Scenario(
        AFTER_START,
        [
            Step([do("make_workers", 0), do("set_phase", "Pending", "0-2")], "pods=0,0-1,0-2,0-3"),
            Step([do("delete_pod", "test-sample-0-1")], "pods=0,0-1!,0-2,0-3", stays=True),
            Step([do("remove_pod", "0-1")], "pods=0,0-2,0-3", stays=True),
        ],
    ),
    "22-after-start-none-pending": Scenario(
        AFTER_START,
        [
            Step([do("make_workers", 0), do("set_phase", "Running", "0")], "pods=0,0-1,0-2,0-3"),
            Step([do("delete_pod", "test-sample-0-2")], "pods=0!,0-1,0-2!,0-3", [recreated(2)]),
        ],
    ),
    "23-progressing-event": Scenario({}, [Step([], "S=2 W P✓", [progressing(0, 2)])]),
    "24-no-update-at-birth": Scenario(
        {"replicas": 4, "maxSurge": 2}, [Step([], "W P✓ U-", [progressing(0, 4)])]
    ),
    "25-conditions-wiped": Scenario({}, [Step([], "P✓"), Step([do("wipe_conditions")], "P✓")]),
    "26-available-event": Scenario({}, [Step([do("ready_all", 2)], "A✓", [all_ready(2)])]),
    "27-leader-template": Scenario(
        {"replicas": 4},
        [
            *AT_REST,
            Step([do("rename", "leader", "new")], "S=4 A✗ P✓ U✓ p=3 4/0", ["Updating replica 3"]),
            Step([do("ready", 3)], "p=2 4/1", ["Updating replica 2"]),
            Step([do("ready", 1)], "p=2 4/2"),
            Step([do("broken", 3)], "p=2 3/2"),
            Step([do("ready_all", 4)], "p=0 P✗ U✗ A✓ 4/4"),
        ],
    ),
    "28-worker-template-two-at-once": Scenario(
        {"replicas": 4, "maxUnavailable": 2},
        [
            *AT_REST,
            Step([do("rename", "worker", "new")], "p=2 4/0 A✗ P✓ U✓"),
            Step([do("ready", 3)], "p=1 4/1"),
            Step([do("ready", 2)], "p=0 4/2"),
            Step([do("ready", 1, 0)], "p=0 A✓ P✗ U✗ 4/4"),
        ],
    ),
    "29-more-unavailable-than-groups": Scenario(
        {"replicas": 4, "maxUnavailable": 10},
        [
            *AT_REST,
            Step([do("rename", "worker", "new")], "p=0 4/0 U✓"),
            Step([do("ready_all", 4)], "A✓ p=0 4/4"),
        ],
    ),
    "30-template-and-scale-up": Scenario(
        {"replicas": 4},
        [
            *AT_REST,
            Step(
                [do("rename", "worker", "new", replicas=6), do("make_leaders", 4, 6, like=0)],
                "S=6 p=4 4/0 U✓",
            ),
            Step([do("ready_all", 6)], "p=0 A✓ 6/6"),
        ],
    ),
    "31-scale-up-in-mid-rollout": Scenario(
        {"replicas": 4},
        [
            *AT_REST,
            Step([do("rename", "worker", "new")], "p=3 4/0"),
            Step([do("ready", 3)], "p=2 4/1"),
            Step([do("change", replicas=6), do("make_leaders", 4, 6), do("ready", 4, 5)], "S=6 p=2 6/3"),
            Step([do("ready_all", 6)], "p=0 A✓ 6/6"),
        ],
    ),
    "32-scale-down-in-mid-rollout": Scenario(
        {"replicas": 6},
        [
            Step([do("ready_all", 6)], "A✓ p=0 6/6"),
            Step([do("rename", "worker", "new")], "p=5 6/0"),
            Step([do("change", replicas=3), do("remove_surplus")], "S=3 p=2 3/0 U✓"),
            Step([do("ready_all", 3)], "p=0 A✓ 3/3"),
        ],
    ),
    "33-surge-and-none-unavailable": Scenario(
        {"replicas": 4, "maxUnavailable": 0, "maxSurge": 1},
        [
            *AT_REST,
            Step([do("rename", "worker", "new"), do("make_leaders", 4, 5, like=0)], "S=5 p=4 4/0"),
            Step([do("ready", 4)], "p=3 5/1"),
            Step([do("ready", 3)], "p=2 5/2"),
            Step([do("ready", 2)], "p=1 5/3"),
            Step([do("ready", 1)], "p=0 S=5 5/4"),
            Step([do("ready", 0), do("remove", 4, 5)], "S=4 p=0 A✓ 4/4"),
        ],
    ),
    "34-surge-and-one-unavailable": Scenario(
        {"replicas": 4, "maxSurge": 1},
        [
            *AT_REST,
            Step([do("rename", "worker", "new"), do("make_leaders", 4, 5, like=0)], "S=5 p=3 4/0"),
            Step([do("ready", 4)], "p=2 5/1"),
            Step([do("ready", 3)], "p=1 5/2"),
            Step([do("ready", 2)], "p=0 S=5 5/3"),
            Step([do("ready", 1), do("remove", 4, 5)], "S=4 p=0 4/3 A✗ U✓"),
            Step([do("ready", 0)], "A✓ 4/4"),
        ],
    ),
    "35-surge-of-two-and-two-unavailable": Scenario(
        {"replicas": 4, "maxUnavailable": 2, "maxSurge": 2},
        [
            *AT_REST,
            Step([do("rename", "worker", "new"), do("make_leaders", 4, 6, like=0)], "S=6 p=2 4/0 U✓"),
            Step([do("ready", 3, 2), do("remove", 4, 6)], "S=4 p=0 4/2"),
            Step([do("ready", 1, 0)], "A✓ 4/4"),
        ],
    ),
    "36-template-and-scale-up-and-surge": Scenario(
        {"maxSurge": 2},
        [
            Step([do("ready_all", 2)], "A✓"),
            Step([do("rename", "worker", "new", replicas=4), do("make_leaders", 2, 6, like=0)], "S=6 p=2 U✓"),
            Step([do("ready_all", 6)], "A✓"),
            Step([do("remove_surplus")], "S=4 p=0 A✓ 4/4"),
        ],
    ),
    "37-template-and-scale-down-and-surge": Scenario(
        {"replicas": 6, "maxSurge": 2},
        [
            Step([do("ready_all", 6)], "A✓"),
            Step([do("rename", "worker", "new", replicas=3)], "S=5 p=2 U✓"),
            Step([do("remove", 5, 6), do("ready_all", 5)], "A✓"),
            Step([do("remove_surplus")], "S=3 p=0 3/3"),
        ],
    ),
    "38-more-surge-than-groups": Scenario(
        {"maxSurge": 4},
        [
            Step([do("ready_all", 2)], "A✓"),
            Step([do("rename", "worker", "new"), do("make_leaders", 2, 3, like=0)], "S=3 p=1 U✓"),
            Step([do("ready_all", 3)], "A✓ P✗ U✗"),
            Step([do("remove_surplus")], "S=2 p=0 2/2"),
        ],
    ),
    "39-scale-up-and-down-in-mid-rollout": Scenario(
        {"replicas": 4, "maxSurge": 2},
        [
            *AT_REST,
            Step([do("rename", "worker", "new"), do("make_leaders", 4, 6, like=0)], "S=6 p=3 4/0"),
            Step([do("change", replicas=6), do("make_leaders", 6, 8)], "S=8 p=3 4/2"),
            Step([do("ready", 7, 6)], "S=8 p=3 6/2"),
            Step([do("change", replicas=2), do("remove", 4, 8), do("remove", 3, 4)], "S=3 p=1 3/0"),
            Step([do("ready", 2)], "p=0 S=3 3/1"),
            Step([do("ready", 1), do("remove", 2, 3)], "S=2 p=0 2/1 U✓"),
            Step([do("ready", 0)], "A✓ 2/2"),
        ],
    ),
    "40-two-changes-in-a-row": Scenario(
        {"replicas": 4, "maxSurge": 2},
        [
            Step([do("ready_all", 4)], "A✓ 4/4 revs=1"),
            Step([do("rename", "worker", "new"), do("make_leaders", 4, 6, like=0)], "S=6 p=3 4/0 revs=2"),
            Step([do("ready", 5, 4)], "p=1 6/2 revs=2"),
            Step([do("rename", "worker", "newer")], "p=3 6/0 revs=3"),
            Step([do("ready_all", 6)], "A✓"),
            Step([do("remove_surplus")], "S=4 p=0 4/4 revs=1"),
        ],
    ),
    "41-old-group-rebuilt-in-mid-rollout": Scenario(
        {"replicas": 4},
        [
            Step([do("ready_all", 4)], "A✓ revs=1"),
            Step([do("rename", "worker", "new")], "revs=2 4/0 p=3"),
            Step([do("ready", 3)], "4/1 built=worker/1/2,worker/1/2,worker/1/2,new/1/2"),
            Step(
                [do("replace_leader", 0, like=1)],
                "built=worker/1/2,worker/1/2,worker/1/2,new/1/2 revs=2 U✓ 3/1",
            ),
            Step([do("ready_all", 4)], "A✓ revs=1 W"),
        ],
    ),
    "42-old-group-rebuilt-in-mid-resize": Scenario(
        {"replicas": 4, "size": 4},
        [
            *AT_REST,
            Step([do("rename", "worker", "new", size=2)], "U✓ revs=2 4/0"),
            Step([do("ready", 3)], "4/1 built=worker/3/4,worker/3/4,worker/3/4,new/1/2"),
            Step([do("replace_leader", 0, like=1)], "3/1 built=worker/3/4,worker/3/4,worker/3/4,new/1/2"),
        ],
    ),
    "43-one-restart-for-an-update": Scenario(
        {"replicas": 4},
        [
            *AT_REST,
            Step([do("make_workers", 3)], "pods=0,1,2,3,3-1"),
            Step([do("rename", "worker", "new")], "4/0"),
            Step([do("replace_leader", 3), do("ready", 3)], "4/1 pods=0,1,2,3,3-1"),
            Step([do("delete_pod", "test-sample-3-1")], "pods=0,1,2,3,3-1!", stays=True),
            Step([do("remove_pod", "3-1")], "pods=0,1,2,3", stays=True),
            Step([do("ready_all", 4), do("make_workers", 3)], "A✓ pods=0,1,2,3,3-1"),
            Step([do("delete_pod", "test-sample-3-1")], "pods=0,1,2,3!,3-1!"),
        ],
    ),
    "44-key-without-revision": Scenario(
        {},
        [
            Step([do("ready_all", 2)], "A✓ revs=1"),
            Step([do("label_leader_set", "template-hash")], "newest=template-hash"),
            Step([do("ready_all", 2)], "A✓ keys=template-hash 2/2 p=0"),
        ],
    ),
    "45-leader-ready": Scenario(
        {"replicas": 4, "startupPolicy": c.STARTUP_LEADER_READY},
        [
            Step([], "S=4 P✓ workers=", stays=True),
            Step([do("leaders_ready", 0, 1)], "workers=0,1", stays=True),
            Step([do("leaders_ready", 2, 3)], "W"),
        ],
    ),
    "46-leader-created": Scenario({"replicas": 4}, [Step([], "W")]),
    "47-broken-below-the-window": Scenario(
        {"replicas": 4, "maxUnavailable": 2},
        [
            *AT_REST,
            Step([do("broken", 1)], "A✗ P✓ 3/4"),
            Step([do("rename", "worker", "new")], "p=3 3/0"),
            Step([do("ready_all", 4)], "p=0 A✓ 4/4"),
        ],
    ),
    "48-nothing-ready": Scenario(
        {},
        [
            Step([do("ready_all", 2)], "A✓"),
            Step([do("broken", 0, 1)], "A✗ p=0"),
            Step([do("rename", "worker", "new")], "p=1 0/0 U✓"),
            Step([do("ready", 1)], "p=0"),
            Step([do("ready", 0)], "A✓"),
        ],
    ),
    "49-resize": Scenario(
        {"size": 3},
        [
            Step([do("ready_all", 2)], "A✓"),
            Step(
                [do("change", size=4)],
                "p=1 U✓ 2/0",
                ["Rolling Upgrade is in progress, with 2 groups ready of total 2 groups"],
            ),
            Step([do("ready_all", 2)], "A✓ p=0 S=2 L W 2/2"),
        ],
    ),
    "50-partition": Scenario(
        {"replicas": 6, "partition": 4},
        [
            Step([do("ready_all", 6)], "A✓ p=4 6/6"),
            Step([do("rename", "worker", "new")], "p=5 6/0 U✓"),
            Step([do("ready", 5)], "p=4 6/1 U✓"),
            Step([do("ready", 4)], "A✓ p=4 6/2"),
            Step([do("change", partition=2)], "p=3 6/2 U✓"),
            Step([do("ready", 3)], "p=2 6/3"),
            Step([do("ready", 2)], "A✓ p=2 6/4"),
        ],
    ),
    "51-partition-and-surge": Scenario(
        {"replicas": 3, "maxSurge": 1, "partition": 2},
        [
            Step([do("ready_all", 3)], "A✓ p=2 S=3"),
            Step([do("rename", "worker", "new")], "p=2 S=4 3/0 U✓"),
            Step([do("make_leaders", 3, 4), do("ready", 3, 2)], "A✓ p=2 S=4 4/2"),
            Step([do("change", partition=0)], "p=0 S=4 4/2 U✓"),
            Step([do("ready", 1, 0)], "A✓ S=3 p=0 4/4"),
            Step([do("remove", 3, 4)], "A✓ 3/3"),
        ],
    ),
}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane of its own."""
    with bare_cluster(tmp_path_factory.mktemp("bare") / "cluster") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def hasty_manager(bare: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with Manager(bare, tmp_path_factory.mktemp("hasty"), command=HASTY) as manager:
        manager.start()
        yield manager


@pytest.fixture(scope="module")
def outcomes(bare: Cluster, hasty_manager: Manager, request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    def play_alone(name: str) -> None:
        namespace = f"s-{name}"
        make_bare_namespace(bare.client, namespace)
        scenario = SCENARIOS[name]
        play(BareSet.create(bare.client, namespace, **scenario.members), scenario.steps)

    with played(request, "test_scenario", play_alone, at_once=8) as outcomes:
        yield outcomes


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(outcomes: Outcomes, name: str) -> None:
    outcomes[name].result()
