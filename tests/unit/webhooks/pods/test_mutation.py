"""Pod mutation, scenario by scenario (api.md, 5.2 to 5.8, 7.4)."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from support.admission import Document, a_container, a_leader_pod, a_pod, a_worker_pod, env_of

from lws.api import constants as c
from lws.webhooks.errors import AdmissionError
from lws.webhooks.pods.mutation import mutate_pod
from lws.webhooks.pods.names import key

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
TPU_ENV = {
    "TPU_WORKER_HOSTNAMES",
    "TPU_WORKER_ID",
    "TPU_NAME",
    "TPU_PROCESS_ADDRESSES",
    "TPU_PROCESS_PORT",
}
TPU = [a_container(tpu="4")]
EXCLUSIVE = {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: "rack"}
SUBGROUPS = {c.SUBGROUP_SIZE_ANNOTATION: "2", c.SUBGROUP_POLICY_TYPE_ANNOTATION: "LeaderWorker"}
BOTH = {**EXCLUSIVE, **SUBGROUPS, c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: "host"}
LEADER_TPU = {c.LEADER_REQUESTS_TPUS_ANNOTATION: "true"}


def mutated(pod: Document, *, gang: str | None = None) -> Document:
    """The mutated pod, after a look that the input is as it was."""
    kept = copy.deepcopy(pod)
    result = mutate_pod(pod, "default", gang=gang)
    assert pod == kept
    return result


def labels_of(pod: Document) -> dict[str, str]:
    """Labels of this API, without their common prefix."""
    return {name.removeprefix(c.PREFIX): value for name, value in pod["metadata"]["labels"].items()}


def topologies(pod: Document, side: str) -> list[tuple[str, str]]:
    """Topology key and label key of each required term."""
    terms = pod["spec"].get("affinity", {}).get(side, {}).get(REQUIRED, [])
    return [
        (
            term["topologyKey"],
            term["labelSelector"]["matchExpressions"][0]["key"].removeprefix(c.PREFIX),
        )
        for term in terms
    ]


def pairs(pod: Document) -> list[tuple[str, str]]:
    """The exclusive pairs; both sides must tell the same."""
    affinity = topologies(pod, "podAffinity")
    assert topologies(pod, "podAntiAffinity") == affinity
    return affinity


@pytest.mark.parametrize("metadata", [None, {}, {"labels": None}, {"labels": {"app": "x"}}])
def test_p1_a_pod_of_no_set_is_the_same_object(metadata: Any) -> None:
    pod = {"metadata": metadata, "spec": {"containers": TPU}}
    assert mutate_pod(pod, "default", gang="volcano") is pod


def test_p2_worker() -> None:
    pod = mutated(a_worker_pod("test-1-1"))
    assert labels_of(pod) == {"name": "test-sample", "group-index": "1", "worker-index": "1"}


def test_p3_leader() -> None:
    labels = labels_of(mutated(a_leader_pod("test-1")))
    assert labels == {
        "name": "test-sample",
        "group-index": "1",
        "worker-index": "0",
        "group-key": key("default", "test-1"),
    }


def test_p4_leader_of_subgroups() -> None:
    pod = a_leader_pod(
        "test-1", size="5", annotations={**LEADER_TPU, c.SUBGROUP_SIZE_ANNOTATION: "4"}, containers=TPU
    )
    labels = labels_of(mutated(pod))
    assert labels["subgroup-index"] == "0"
    assert labels["subgroup-key"] == key("test-1", "0")


@pytest.mark.parametrize(
    ("name", "size", "containers", "annotations", "worker"),
    [
        pytest.param("test-1-3", "4", [a_container()], LEADER_TPU, "3", id="P5"),
        pytest.param("test-1-4", "5", TPU, {}, "4", id="P6"),
    ],
)
def test_worker_of_subgroups(
    name: str, size: str, containers: list[Document], annotations: dict[str, str], worker: str
) -> None:
    pod = mutated(
        a_worker_pod(name, size=size, annotations={**SUBGROUPS, **annotations}, containers=containers)
    )
    labels = labels_of(pod)
    assert (labels["worker-index"], labels["subgroup-index"]) == (worker, "1")
    assert labels["subgroup-key"] == key("test-1", "1")


def test_p7_no_tpu_variables_without_labels() -> None:
    pod = {"metadata": {"name": "a-0"}, "spec": {"containers": TPU}}
    assert env_of(mutated(pod)) == {}


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(a_leader_pod(), id="P8"),
        pytest.param(a_worker_pod("test-1-2", size="3"), id="P9"),
    ],
)
def test_no_tpu_variables_without_request(pod: Document) -> None:
    assert not TPU_ENV & env_of(mutated(pod)).keys()


def hosts(*ordinals: int, subdomain: str = "default") -> str:
    """Host list of group 1; 0 is the leader."""
    return ",".join(f"test-sample-1{f'-{w}' if w else ''}.{subdomain}" for w in ordinals)


@pytest.mark.parametrize(
    ("name", "size", "annotations", "wanted", "identity"),
    [
        pytest.param("test-sample-1", "5", {}, hosts(0, 1, 2, 3, 4), "0", id="P10"),
        pytest.param(
            "test-sample-1",
            "5",
            {c.SUBDOMAIN_POLICY_ANNOTATION: "UniquePerReplica"},
            hosts(0, 1, 2, 3, 4, subdomain="test-sample-1"),
            "0",
            id="P11",
        ),
        pytest.param(
            "test-sample-1", "5", {c.SUBGROUP_SIZE_ANNOTATION: "5"}, hosts(0, 1, 2, 3, 4), "0", id="P12"
        ),
        pytest.param("test-sample-1-3", "5", LEADER_TPU, hosts(0, 1, 2, 3, 4), "3", id="P13"),
        pytest.param(
            "test-sample-1-3",
            "10",
            {**LEADER_TPU, c.SUBGROUP_SIZE_ANNOTATION: "5"},
            hosts(0, 1, 2, 3, 4),
            "3",
            id="P14",
        ),
        pytest.param("test-sample-1-3", "5", {}, hosts(1, 2, 3, 4), "2", id="P15"),
        pytest.param(
            "test-sample-1-7", "11", {c.SUBGROUP_SIZE_ANNOTATION: "5"}, hosts(6, 7, 8, 9, 10), "1", id="P16"
        ),
        pytest.param("test-sample-1-1", "2", LEADER_TPU, hosts(0, 1), "1", id="P17"),
        pytest.param("test-sample-1", "1", {}, hosts(0), "0", id="P18"),
    ],
)
def test_tpu_variables(name: str, size: str, annotations: dict[str, str], wanted: str, identity: str) -> None:
    build = a_leader_pod if name == "test-sample-1" else a_worker_pod
    env = env_of(mutated(build(name, size=size, annotations=annotations, containers=TPU)))
    assert env["TPU_WORKER_HOSTNAMES"] == wanted
    assert env["TPU_PROCESS_ADDRESSES"] == ",".join(f"{host}:8476" for host in wanted.split(","))
    assert (env["TPU_WORKER_ID"], env["TPU_PROCESS_PORT"], env["TPU_NAME"]) == (
        identity,
        "8476",
        "test-sample-1",
    )


def test_p11_leader_address_uses_the_groups_own_subdomain() -> None:
    pod = mutated(a_leader_pod(annotations={c.SUBDOMAIN_POLICY_ANNOTATION: "UniquePerReplica"}))
    assert pod["spec"]["subdomain"] == "test-sample-1"
    assert env_of(pod)["LWS_LEADER_ADDRESS"] == "test-sample-1.test-sample-1.default"


def test_p19_tpu_variables_on_the_tpu_container_only() -> None:
    pod = mutated(a_leader_pod(size="1", containers=[a_container("plain"), a_container("tpu", tpu="4")]))
    assert not TPU_ENV & env_of(pod, 0).keys()
    assert env_of(pod, 1)["TPU_WORKER_HOSTNAMES"] == "test-sample-1.default"


def test_tpu_in_an_init_container_only() -> None:
    pod = mutated(a_leader_pod("sample-0", size="1", initContainers=TPU))
    assert not TPU_ENV & env_of(pod).keys()
    assert env_of(pod, member="initContainers")["TPU_WORKER_HOSTNAMES"] == "sample-0.default"


GROUP, SUBGROUP = ("rack", "group-key"), ("host", "subgroup-key")


@pytest.mark.parametrize(
    ("pod", "wanted"),
    [
        pytest.param(a_leader_pod(annotations=EXCLUSIVE), [GROUP], id="P20"),
        pytest.param(a_leader_pod(size="4", annotations=BOTH), [GROUP, SUBGROUP], id="P21"),
        pytest.param(a_worker_pod(size="4", annotations=BOTH), [SUBGROUP], id="P22"),
        pytest.param(a_leader_pod(size="4"), [], id="P23"),
        pytest.param(
            a_leader_pod(size="5", annotations={**BOTH, c.SUBGROUP_POLICY_TYPE_ANNOTATION: "LeaderExcluded"}),
            [GROUP],
            id="leader-excluded",
        ),
        pytest.param(a_worker_pod(annotations=EXCLUSIVE), [], id="worker-group-key-only"),
        pytest.param(
            a_leader_pod(size="4", annotations={**BOTH, c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: "rack"}),
            [GROUP],
            id="pitfall-12-same-key",
        ),
        pytest.param(
            a_leader_pod(annotations={c.EXCLUSIVE_TOPOLOGY_ANNOTATION: ""}),
            [("", "group-key")],
            id="empty-value-counts",
        ),
    ],
)
def test_exclusive_pairs(pod: Document, wanted: list[tuple[str, str]]) -> None:
    assert pairs(mutated(pod)) == wanted


def test_p20_the_pair_names_the_groups_key() -> None:
    pod = mutated(a_leader_pod(annotations=EXCLUSIVE))
    (term,) = pod["spec"]["affinity"]["podAffinity"][REQUIRED]
    group_key = pod["metadata"]["labels"][c.GROUP_KEY_LABEL]
    assert term["labelSelector"]["matchExpressions"] == [
        {"key": c.GROUP_KEY_LABEL, "operator": "In", "values": [group_key]}
    ]


def test_p24_an_existing_pair_is_not_added_again() -> None:
    pod = mutated(a_leader_pod(annotations=EXCLUSIVE))
    assert pairs(mutated(pod)) == [GROUP]


def test_p25_users_terms_stay_first() -> None:
    users = {"topologyKey": "zone", "labelSelector": {"matchExpressions": [{"key": "app"}]}}
    affinity = {side: {REQUIRED: [users]} for side in ("podAffinity", "podAntiAffinity")}
    pod = mutated(a_leader_pod(annotations=EXCLUSIVE, affinity=affinity))
    assert pairs(pod) == [("zone", "app"), GROUP]


def test_p26_variables_in_containers_and_init_containers() -> None:
    pod = mutated(
        a_worker_pod(
            subdomain="test-sample",
            containers=[a_container(env={"MODEL": "x", "LWS_GROUP_SIZE": "user"})],
            initContainers=[a_container(env={"INIT": "y"})],
            ephemeralContainers=[a_container()],
        )
    )
    wanted = {
        "LWS_LEADER_ADDRESS": "test-sample-1.test-sample.default",
        "LWS_GROUP_SIZE": "2",
        "LWS_WORKER_INDEX": "1",
    }
    assert list(env_of(pod).items()) == [*wanted.items(), ("MODEL", "x")]
    assert list(env_of(pod, member="initContainers").items()) == [*wanted.items(), ("INIT", "y")]
    assert env_of(pod, member="ephemeralContainers") == {}


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        pytest.param({c.GROUP_INDEX_LABEL: "0", c.REVISION_LABEL: "1"}, "test-0-1", id="P28"),
        pytest.param({}, "test-0-", id="no-revision"),
    ],
)
def test_gang_metadata(labels: dict[str, str], wanted: str) -> None:
    pod = a_leader_pod("test-pod-0", labels={**labels, c.NAME_LABEL: "test"})
    annotations = mutated(pod, gang="volcano")["metadata"]["annotations"]
    assert annotations[c.POD_GROUP_ANNOTATION] == wanted
    assert c.POD_GROUP_ANNOTATION not in mutated(pod)["metadata"]["annotations"]


def test_preset_labels_of_a_leader_are_kept() -> None:
    preset = {
        c.GROUP_INDEX_LABEL: "7",
        c.GROUP_KEY_LABEL: "mine",
        c.SUBGROUP_INDEX_LABEL: "3",
    }
    pod = mutated(a_leader_pod("no-ordinal", labels=preset, annotations=BOTH))
    labels = labels_of(pod)
    assert (labels["group-index"], labels["group-key"], labels["subgroup-index"]) == ("7", "mine", "3")
    assert "subgroup-key" not in labels
    assert pairs(pod) == [GROUP]
    assert env_of(pod)["LWS_LEADER_ADDRESS"] == "test-sample-7.default.default"


def test_an_empty_subgroup_index_counts_as_missing() -> None:
    pod = mutated(a_worker_pod(size="4", labels={c.SUBGROUP_INDEX_LABEL: ""}, annotations=SUBGROUPS))
    assert labels_of(pod)["subgroup-index"] == "0"


def test_the_worker_index_is_always_recomputed() -> None:
    pod = mutated(a_worker_pod("test-1-3", labels={c.WORKER_INDEX_LABEL: "9"}))
    assert labels_of(pod)["worker-index"] == "3"


def test_a_missing_leader_name_is_empty() -> None:
    pod = a_pod("a-0-1", size="2", labels={c.GROUP_INDEX_LABEL: "0"}, annotations=SUBGROUPS)
    assert mutated(pod)["metadata"]["labels"][c.SUBGROUP_KEY_LABEL] == key("", "0")


def test_pitfall_31_a_worker_with_ordinal_0_gets_the_leaders_tpu_variables() -> None:
    pod = a_pod("a-0", size="2", labels={c.GROUP_INDEX_LABEL: "0"}, containers=TPU)
    result = mutated(pod)
    assert labels_of(result)["worker-index"] == "0"
    assert "group-key" not in labels_of(result)
    assert env_of(result)["TPU_NAME"] == "a-0"


def test_the_requests_namespace_serves_a_pod_without_its_own() -> None:
    pod = a_leader_pod("test-1", namespace="")
    result = mutate_pod(pod, "team-a", gang=None)
    assert result["metadata"]["labels"][c.GROUP_KEY_LABEL] == key("team-a", "test-1")
    assert env_of(result)["LWS_LEADER_ADDRESS"].endswith(".team-a")


def test_unchanged_parts_are_shared() -> None:
    pod = a_leader_pod(
        volumes=[{"name": "v"}], containers=[a_container(env={"A": "1"})], affinity={"nodeAffinity": {}}
    )
    result = mutated(pod)
    assert result["spec"]["volumes"] is pod["spec"]["volumes"]
    assert result["spec"]["affinity"] is pod["spec"]["affinity"]
    assert result["spec"]["containers"][0]["env"][-1] is pod["spec"]["containers"][0]["env"][0]


def without(pod: Document, annotation: str) -> Document:
    del pod["metadata"]["annotations"][annotation]
    return pod


@pytest.mark.parametrize(
    ("pod", "named"),
    [
        pytest.param(without(a_leader_pod(), c.SIZE_ANNOTATION), c.SIZE_ANNOTATION, id="no-size"),
        pytest.param(a_leader_pod(size="many"), c.SIZE_ANNOTATION, id="size-many"),
        pytest.param(a_leader_pod(size="1_0"), c.SIZE_ANNOTATION, id="size-underscore"),
        pytest.param(a_leader_pod(size=" 2"), c.SIZE_ANNOTATION, id="size-blank"),
        pytest.param(a_leader_pod(size="2\n"), c.SIZE_ANNOTATION, id="size-newline"),
        pytest.param(a_leader_pod(size="9" * 5000), c.SIZE_ANNOTATION, id="size-huge"),
        pytest.param(a_leader_pod("noordinal"), "metadata.name", id="leader-without-ordinal"),
        pytest.param(a_leader_pod("a-2147483648"), "metadata.name", id="leader-ordinal-above-int32"),
        pytest.param(a_worker_pod("noordinal"), "metadata.name", id="worker-without-ordinal"),
        pytest.param(
            a_worker_pod(annotations={c.SUBGROUP_SIZE_ANNOTATION: "0"}),
            c.SUBGROUP_SIZE_ANNOTATION,
            id="subgroup-size-0",
        ),
        pytest.param(
            a_worker_pod(annotations={c.SUBGROUP_SIZE_ANNOTATION: "x"}),
            c.SUBGROUP_SIZE_ANNOTATION,
            id="subgroup-size-x",
        ),
        pytest.param(
            a_leader_pod(annotations={c.SUBGROUP_SIZE_ANNOTATION: "0"}, containers=TPU),
            c.SUBGROUP_SIZE_ANNOTATION,
            id="subgroup-size-0-on-a-tpu-leader",
        ),
        pytest.param(a_pod("a-0-1", size="2"), c.GROUP_INDEX_LABEL, id="worker-without-group-index"),
        pytest.param(
            a_leader_pod(
                size="3",
                annotations={**SUBGROUPS, c.SUBGROUP_POLICY_TYPE_ANNOTATION: "LeaderExcluded"},
                containers=TPU,
            ),
            c.SUBGROUP_INDEX_LABEL,
            id="pitfall-17",
        ),
    ],
)
def test_denials_name_what_is_wrong(pod: Document, named: str) -> None:
    with pytest.raises(AdmissionError) as denied:
        mutate_pod(pod, "default", gang=None)
    assert named in str(denied.value)
    assert "must" in str(denied.value)


def test_a_leader_without_tpus_does_not_read_the_subgroup_size() -> None:
    pod = mutated(a_leader_pod(annotations={c.SUBGROUP_SIZE_ANNOTATION: "0"}))
    assert labels_of(pod)["subgroup-index"] == "0"


@pytest.mark.parametrize("size", ["0", "-3", "+2", "007"])
def test_odd_sizes_are_taken_as_they_are_spelled(size: str) -> None:
    assert env_of(mutated(a_leader_pod(size=size)))["LWS_GROUP_SIZE"] == size


@pytest.mark.parametrize(
    "broken",
    [
        {"metadata": []},
        {"metadata": {"labels": []}},
        {"metadata": {"labels": {c.NAME_LABEL: 1}}},
        {"metadata": {"annotations": {"x": True}}},
        {"metadata": {"name": 7}},
        {"spec": "x"},
        {"spec": {"containers": {}}},
        {"spec": {"containers": [1]}},
        {"spec": {"containers": [{"env": [{"name": 1}]}]}},
        {"spec": {"containers": [{"resources": {"limits": {c.TPU_RESOURCE: True}}}]}},
        {"spec": {"affinity": {"podAffinity": {REQUIRED: {}}}}},
        {"spec": {"subdomain": 5}},
    ],
)
def test_wrong_json_types_do_not_decode(broken: Document) -> None:
    with pytest.raises(msgspec.ValidationError):
        mutate_pod(broken, "default", gang=None)


def test_nulls_read_as_missing() -> None:
    pod = a_leader_pod(containers=[None], initContainers=None, affinity=None, volumes=None)
    pod["metadata"]["labels"]["app"] = None
    pod["metadata"]["ownerReferences"] = None
    assert env_of(mutated(pod))["LWS_WORKER_INDEX"] == "0"
