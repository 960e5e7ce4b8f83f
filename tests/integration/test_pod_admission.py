"""Pods on their way through the real API server: labels, TPU variables, exclusive placement, environment.

The table of api.md, 7.4. Every pod is a dry run, so nothing is left and nothing is scheduled. P28, gang
scheduling, needs a controller of its own and is a unit test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from support.admission import Document, a_container, a_leader_pod, a_pod, a_worker_pod, env_of
from support.cluster import Cluster
from support.manager import Manager
from support.namespaces import make_namespace

from lws.api import constants as c
from lws.kube.errors import Forbidden
from lws.kube.resources import PODS

pytestmark = pytest.mark.integration

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
TPU = [a_container(tpu="4")]
LEADER_TPU = {c.LEADER_REQUESTS_TPUS_ANNOTATION: "true"}
UNIQUE = {c.SUBDOMAIN_POLICY_ANNOTATION: "UniquePerReplica"}
EXCLUSIVE = {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: "rack"}
ADDRESS = c.LEADER_ADDRESS_ENV
Admit = Callable[[Document], Document]


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> str:
    return make_namespace(cluster.client)


@pytest.fixture
def admit(cluster: Cluster, manager: Manager, namespace: str) -> Admit:
    """The pod as the API server would store it. Raises ApiError."""

    def dry_run(pod: Document) -> Document:
        pod["metadata"]["namespace"] = namespace
        body = msgspec.json.encode(pod)
        path = PODS.path(namespace)
        answer = cluster.client.connection.request("POST", path, query={"dryRun": "All"}, body=body)
        return dict(msgspec.json.decode(answer))

    return dry_run


def labels_of(pod: Document) -> dict[str, str]:
    """Labels without the common prefix; keys, which are hashes, as ``key``."""
    labels = {name.removeprefix(c.PREFIX): value for name, value in pod["metadata"].get("labels", {}).items()}
    return {
        name: "key" if name.endswith("-key") and len(value) == 40 else value for name, value in labels.items()
    }


def subgroup(size: int, **more: str) -> dict[str, str]:
    return {c.SUBGROUP_SIZE_ANNOTATION: str(size), **more}


def tpu_leader(size: int, *, annotations: dict[str, str] | None = None, **spec: Any) -> Document:
    containers = spec.pop("containers", TPU)
    return a_leader_pod(size=str(size), annotations=annotations or {}, containers=containers, **spec)


def tpu_worker(name: str, size: int, *, annotations: dict[str, str] | None = None) -> Document:
    return a_worker_pod(name, size=str(size), annotations=annotations or {}, containers=TPU)


def hosts(*pods: str, subdomain: str = "default") -> str:
    return ",".join(f"{pod}.{subdomain}" for pod in pods)


def group(*indexes: int) -> tuple[str, ...]:
    """Pods of group 1 of ``test-sample`` by worker index."""
    return tuple(f"test-sample-1-{x}" if x else "test-sample-1" for x in indexes)


@pytest.mark.parametrize("containers", [[a_container()], TPU], ids=["P1", "P7"])
def test_pods_of_no_set_are_left_alone(admit: Admit, containers: list[Document]) -> None:
    """P1, P7, P27."""
    pod = a_pod("test-1", size="2", labels={"app": "x"}, containers=containers)
    del pod["metadata"]["labels"][c.NAME_LABEL]
    stored = admit(pod)
    assert stored["metadata"]["labels"] == {"app": "x"}
    assert env_of(stored) == {}


@pytest.mark.parametrize(
    ("pod", "labels"),
    [
        pytest.param(a_worker_pod("test-1-1"), {"group-index": "1", "worker-index": "1"}, id="P2"),
        pytest.param(
            a_leader_pod("test-1"), {"group-index": "1", "worker-index": "0", "group-key": "key"}, id="P3"
        ),
        pytest.param(
            a_leader_pod("test-1", size="5", annotations=subgroup(4, **LEADER_TPU), containers=TPU),
            {
                "group-index": "1",
                "worker-index": "0",
                "group-key": "key",
                "subgroup-index": "0",
                "subgroup-key": "key",
            },
            id="P4",
        ),
        pytest.param(
            a_worker_pod("test-1-3", size="4", annotations=subgroup(2, **LEADER_TPU)),
            {"group-index": "1", "worker-index": "3", "subgroup-index": "1", "subgroup-key": "key"},
            id="P5",
        ),
        pytest.param(
            a_worker_pod("test-1-4", size="5", annotations=subgroup(2), containers=TPU),
            {"group-index": "1", "worker-index": "4", "subgroup-index": "1", "subgroup-key": "key"},
            id="P6",
        ),
    ],
)
def test_labels(admit: Admit, pod: Document, labels: dict[str, str]) -> None:
    assert labels_of(admit(pod)) == {"name": "test-sample", **labels}


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(a_leader_pod("test-1"), id="P8"),
        pytest.param(a_worker_pod("test-1-2", size="3"), id="P9"),
    ],
)
def test_without_tpus_there_are_no_tpu_variables(admit: Admit, pod: Document) -> None:
    assert not [name for name in env_of(admit(pod)) if name.startswith("TPU_")]


@pytest.mark.parametrize(
    ("pod", "names", "worker_id"),
    [
        pytest.param(tpu_leader(5), hosts(*group(0, 1, 2, 3, 4)), 0, id="P10"),
        pytest.param(
            tpu_leader(5, annotations=UNIQUE),
            hosts(*group(0, 1, 2, 3, 4), subdomain="test-sample-1"),
            0,
            id="P11",
        ),
        pytest.param(tpu_leader(5, annotations=subgroup(5)), hosts(*group(0, 1, 2, 3, 4)), 0, id="P12"),
        pytest.param(
            tpu_worker("test-sample-1-3", 5, annotations=LEADER_TPU),
            hosts(*group(0, 1, 2, 3, 4)),
            3,
            id="P13",
        ),
        pytest.param(
            tpu_worker("test-sample-1-3", 10, annotations=subgroup(5, **LEADER_TPU)),
            hosts(*group(0, 1, 2, 3, 4)),
            3,
            id="P14",
        ),
        pytest.param(tpu_worker("test-sample-1-3", 5), hosts(*group(1, 2, 3, 4)), 2, id="P15"),
        pytest.param(
            tpu_worker("test-sample-1-7", 11, annotations=subgroup(5)),
            hosts(*group(6, 7, 8, 9, 10)),
            1,
            id="P16",
        ),
        pytest.param(
            tpu_worker("test-sample-1-1", 2, annotations=LEADER_TPU), hosts(*group(0, 1)), 1, id="P17"
        ),
        pytest.param(tpu_leader(1), hosts(*group(0)), 0, id="P18"),
    ],
)
def test_tpu_variables(admit: Admit, pod: Document, names: str, worker_id: int) -> None:
    env = env_of(admit(pod))
    assert (env["TPU_WORKER_HOSTNAMES"], env["TPU_WORKER_ID"]) == (names, str(worker_id))
    assert (env["TPU_PROCESS_PORT"], env["TPU_NAME"]) == ("8476", "test-sample-1")


def test_only_the_container_with_tpus_gets_their_variables(admit: Admit) -> None:
    """P19."""
    pod = admit(tpu_leader(1, containers=[a_container("plain"), a_container("tpu", tpu="4")]))
    assert "TPU_WORKER_HOSTNAMES" not in env_of(pod, 0)
    assert env_of(pod, 1)["TPU_WORKER_HOSTNAMES"] == hosts(*group(0))


def test_a_group_with_its_own_subdomain_finds_its_leader_there(admit: Admit, namespace: str) -> None:
    """P11."""
    pod = admit(tpu_leader(5, annotations=UNIQUE))
    assert pod["spec"]["subdomain"] == "test-sample-1"
    assert env_of(pod)[ADDRESS] == f"test-sample-1.test-sample-1.{namespace}"


def term(topology: str, label: str) -> Document:
    return {
        "topologyKey": topology,
        "labelSelector": {"matchExpressions": [{"key": c.PREFIX + label, "operator": "Exists"}]},
    }


def affinity(*terms: Document) -> Document:
    return {side: {REQUIRED: list(terms)} for side in ("podAffinity", "podAntiAffinity")}


def pairs(pod: Document) -> list[tuple[str, str]]:
    """Topology key and label of each required term, which must be the same on both sides."""
    both = [
        [
            (x["topologyKey"], x["labelSelector"]["matchExpressions"][0]["key"].removeprefix(c.PREFIX))
            for x in pod["spec"].get("affinity", {}).get(side, {}).get(REQUIRED, [])
        ]
        for side in ("podAffinity", "podAntiAffinity")
    ]
    assert both[0] == both[1]
    return both[0]


BOTH = subgroup(2, **EXCLUSIVE, **{c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: "host"})


@pytest.mark.parametrize(
    ("pod", "wanted"),
    [
        pytest.param(a_leader_pod(annotations=EXCLUSIVE), [("rack", "group-key")], id="P20"),
        pytest.param(
            a_leader_pod(size="4", annotations=BOTH),
            [("rack", "group-key"), ("host", "subgroup-key")],
            id="P21",
        ),
        pytest.param(a_worker_pod(size="4", annotations=BOTH), [("host", "subgroup-key")], id="P22"),
        pytest.param(a_leader_pod(size="4"), [], id="P23"),
        pytest.param(
            a_leader_pod(annotations=EXCLUSIVE, affinity=affinity(term("rack", "group-key"))),
            [("rack", "group-key")],
            id="P24",
        ),
        pytest.param(
            a_leader_pod(annotations=EXCLUSIVE, affinity=affinity(term("zone", "of-the-user"))),
            [("zone", "of-the-user"), ("rack", "group-key")],
            id="P25",
        ),
    ],
)
def test_exclusive_placement(admit: Admit, pod: Document, wanted: list[tuple[str, str]]) -> None:
    assert pairs(admit(pod)) == wanted


def test_every_container_learns_of_its_group_first(admit: Admit, namespace: str) -> None:
    """P26: the address comes first, so that the user's own variables may refer to it."""
    containers = [a_container(env={"MINE": f"$({ADDRESS})", c.GROUP_SIZE_ENV: "99"})]
    inits = [a_container("init", env={"MINE": "1"})]
    spec: dict[str, Any] = {"containers": containers, "initContainers": inits, "subdomain": "test-sample"}
    pod = admit(a_worker_pod(**spec))
    address = f"test-sample-1.test-sample.{namespace}"
    ours = {ADDRESS: address, c.GROUP_SIZE_ENV: "2", c.WORKER_INDEX_ENV: "1"}
    assert env_of(pod) == ours | {"MINE": f"$({ADDRESS})"}
    assert env_of(pod, member="initContainers") == ours | {"MINE": "1"}
    for member in ("containers", "initContainers"):
        assert pod["spec"][member][0]["env"][0]["name"] == ADDRESS


def test_a_pod_that_cannot_be_placed_in_a_group_is_refused_and_told_why(admit: Admit) -> None:
    """A pod that carries a set's label without the size of its group (api.md, 6 #15)."""
    pod = a_leader_pod("test-1")
    del pod["metadata"]["annotations"][c.SIZE_ANNOTATION]
    with pytest.raises(Forbidden, match=c.SIZE_ANNOTATION):
        admit(pod)
