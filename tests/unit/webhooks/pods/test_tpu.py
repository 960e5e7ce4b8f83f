"""TPU variables (api.md, 5.6, 7.6)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.admission import a_container

from lws.api import constants as c
from lws.webhooks.documents import Container
from lws.webhooks.errors import AdmissionError
from lws.webhooks.pods.tpu import PORT_ENV, TpuPod, env_value, requests_tpus, tpu_environment


def containers(*documents: dict[str, Any]) -> list[Container | None]:
    return msgspec.convert(list(documents), list[Container | None])


def a_tpu_pod(
    name: str,
    *,
    size: int = 2,
    leader_has_tpus: bool = False,
    subgroup: str | None = None,
    index: str | None = None,
    worker: str | None = None,
) -> TpuPod:
    """A pod of ``test-sample`` in subdomain ``default``; the leader when ``worker`` is ``"0"``."""
    labels = {c.NAME_LABEL: "test-sample"}
    annotations = {c.SIZE_ANNOTATION: str(size)}
    if worker is not None:
        labels[c.WORKER_INDEX_LABEL] = worker
    if index is not None:
        labels[c.SUBGROUP_INDEX_LABEL] = index
    if subgroup is not None:
        annotations[c.SUBGROUP_SIZE_ANNOTATION] = subgroup
    if leader_has_tpus:
        annotations[c.LEADER_REQUESTS_TPUS_ANNOTATION] = "true"
    return TpuPod(name, "default", size, labels, annotations)


def values(entries: list[dict[str, Any]]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in entries}


def added_to(pod: TpuPod, *documents: dict[str, Any]) -> dict[int, dict[str, str]]:
    found = tpu_environment(pod, containers(*documents))
    return {index: values(entries) for index, entries in found.items()}


def hosts_of(leader: str, *workers: int, with_leader: bool = True) -> list[str]:
    return [f"{leader}.default"] * with_leader + [f"{leader}-{worker}.default" for worker in workers]


TPU = a_container("tpu", tpu="4")
PLAIN = a_container("plain")
G0, G1 = "test-sample-0", "test-sample-1"


@pytest.mark.parametrize(
    ("pod", "hosts", "identity"),
    [
        pytest.param(a_tpu_pod(G0, worker="0"), hosts_of(G0, 1), "0", id="leader"),
        pytest.param(a_tpu_pod(G0, worker="0", leader_has_tpus=True), hosts_of(G0, 1), "0", id="leader-L"),
        pytest.param(
            a_tpu_pod(f"{G0}-1", worker="1", leader_has_tpus=True), hosts_of(G0, 1), "1", id="worker-L"
        ),
        pytest.param(
            a_tpu_pod(f"{G0}-1", worker="1"), hosts_of(G0, 1, with_leader=False), "0", id="worker-not-L"
        ),
        pytest.param(a_tpu_pod(G0, worker="0", size=1), hosts_of(G0), "0", id="size-1"),
        pytest.param(a_tpu_pod(G0, worker="0", size=0), hosts_of(G0), "0", id="size-0"),
        pytest.param(a_tpu_pod(G0, worker="0", size=-5), hosts_of(G0), "0", id="negative-size"),
        pytest.param(a_tpu_pod(f"{G0}-0", worker="0"), hosts_of(f"{G0}-0", 1), "0", id="pitfall-31"),
    ],
)
def test_t1_one_container_without_subgroups(pod: TpuPod, hosts: list[str], identity: str) -> None:
    leader = hosts[0].removesuffix(".default") if pod.is_leader else G0
    assert added_to(pod, TPU) == {
        0: {
            "TPU_WORKER_HOSTNAMES": ",".join(hosts),
            "TPU_WORKER_ID": identity,
            "TPU_NAME": leader,
            "TPU_PROCESS_ADDRESSES": ",".join(f"{host}:8476" for host in hosts),
            "TPU_PROCESS_PORT": "8476",
        }
    }


def test_t1_entries_are_in_order_and_the_port_is_last() -> None:
    entries = tpu_environment(a_tpu_pod(G0, worker="0"), containers(TPU))[0]
    assert [entry["name"] for entry in entries] == [
        "TPU_WORKER_HOSTNAMES",
        "TPU_WORKER_ID",
        "TPU_NAME",
        "TPU_PROCESS_ADDRESSES",
        "TPU_PROCESS_PORT",
    ]


@pytest.mark.parametrize(
    ("env", "ports"),
    [
        pytest.param([{}, {}], ["8476", "8477"], id="default-ports"),
        pytest.param(
            [{"TPU_PROCESS_PORT": "8478"}, {"TPU_PROCESS_PORT": "8479"}], ["8478", "8479"], id="own-ports"
        ),
        pytest.param([{}, {"TPU_PROCESS_PORT": "9"}], ["8476", "9"], id="one-own-port"),
    ],
)
@pytest.mark.parametrize(("name", "worker", "first"), [(G0, "0", 0), (f"{G0}-1", "1", 2)])
def test_t1_two_containers(
    env: list[dict[str, str]], ports: list[str], name: str, worker: str, first: int
) -> None:
    pod = a_tpu_pod(name, worker=worker, leader_has_tpus=True)
    found = added_to(pod, a_container("c1", tpu=1, env=env[0]), PLAIN, a_container("c2", tpu=1, env=env[1]))
    hosts = [host for host in hosts_of(G0, 1) for _ in ports]
    assert list(found) == [0, 2]
    for position, (index, variables) in enumerate(found.items()):
        own = env[0 if index == 0 else 1]
        assert variables["TPU_WORKER_HOSTNAMES"] == ",".join(hosts)
        assert variables["TPU_PROCESS_ADDRESSES"] == ",".join(
            f"{host}:{port}" for host, port in zip(hosts, ports * 2, strict=True)
        )
        assert variables["TPU_WORKER_ID"] == str(first + position)
        assert variables.get("TPU_PROCESS_PORT") == (None if own else ports[position])


def test_t1_port_from_elsewhere_reads_as_empty() -> None:
    container = {**TPU, "env": [{"name": "TPU_PROCESS_PORT", "valueFrom": {}}]}
    found = added_to(a_tpu_pod(G0, worker="0", size=1), container)[0]
    assert found["TPU_PROCESS_ADDRESSES"] == "test-sample-0.default:"
    assert "TPU_PROCESS_PORT" not in found


@pytest.mark.parametrize("name", ["invalidname", "-1"])
@pytest.mark.parametrize("subgroup", [None, "2"], ids=["T2", "T10"])
def test_a_worker_without_leader_in_its_name_is_denied(name: str, subgroup: str | None) -> None:
    pod = a_tpu_pod(name, worker="1", subgroup=subgroup, index="0")
    with pytest.raises(AdmissionError, match=r"metadata\.name"):
        tpu_environment(pod, containers(TPU))


@pytest.mark.parametrize("subgroup", [None, "2", "invalid"], ids=["T3", "T11", "T11-bad-annotation"])
def test_nothing_without_tpus(subgroup: str | None) -> None:
    assert added_to(a_tpu_pod("invalidname", worker="1", subgroup=subgroup), PLAIN) == {}


@pytest.mark.parametrize("subgroup", [None, "invalid"])
@pytest.mark.parametrize("name", ["TPU_WORKER_ID", "TPU_WORKER_HOSTNAMES"])
def test_t4_a_configured_first_container_is_left_alone(name: str, subgroup: str | None) -> None:
    pod = a_tpu_pod("invalidname", worker="1", subgroup=subgroup)
    assert added_to(pod, PLAIN, a_container("c", tpu=1, env={name: ""}), TPU) == {}


def in_subgroup(
    name: str, size: int, s: int, index: int, *, leader: bool = False, leader_has_tpus: bool = False
) -> TpuPod:
    worker = "0" if leader else name.rpartition("-")[2]
    return a_tpu_pod(
        name,
        size=size,
        subgroup=str(s),
        index=str(index),
        worker=worker,
        leader_has_tpus=leader_has_tpus,
    )


@pytest.mark.parametrize(
    ("pod", "workers", "identity"),
    [
        pytest.param(in_subgroup(G0, 3, 1, 0, leader=True), (0,), "0", id="leader-s1"),
        pytest.param(in_subgroup(G0, 4, 2, 0, leader=True), (0, 1), "0", id="leader-s2"),
        pytest.param(in_subgroup(G0, 5, 2, 0, leader=True), (0, 1, 2), "0", id="leader-s2-of-5"),
        pytest.param(in_subgroup(G0, 4, 4, 0, leader=True), (0, 1, 2, 3), "0", id="leader-s-is-size"),
        pytest.param(in_subgroup(G0, 4, 2, 1, leader=True), (0,), "0", id="leader-preset-index"),
        pytest.param(
            in_subgroup(f"{G1}-3", 10, 5, 0, leader_has_tpus=True),
            (0, 1, 2, 3, 4),
            "3",
            id="L-first-subgroup",
        ),
        pytest.param(
            in_subgroup(f"{G1}-7", 8, 4, 1, leader_has_tpus=True), (4, 5, 6, 7), "3", id="L-second-subgroup"
        ),
        pytest.param(in_subgroup(f"{G1}-5", 9, 4, 1), (5, 6, 7, 8), "0", id="not-L"),
        pytest.param(in_subgroup(f"{G0}-2", 5, 2, 0), (1, 2), "1", id="leader-excluded"),
        pytest.param(in_subgroup("prefill-0-1", 3, 1, 1, leader_has_tpus=True), (1,), "0", id="s1-w1-L"),
        pytest.param(in_subgroup("prefill-0-1", 3, 1, 1), (1,), "0", id="s1-w1-not-L"),
        pytest.param(in_subgroup("prefill-0-2", 3, 1, 2, leader_has_tpus=True), (2,), "0", id="s1-w2-L"),
        pytest.param(in_subgroup("prefill-0-2", 3, 1, 2), (2,), "0", id="s1-w2-not-L"),
        pytest.param(in_subgroup(f"{G0}-2", 5, 2, 0, leader_has_tpus=True), (0, 1, 2), "2", id="pitfall-18"),
        pytest.param(
            in_subgroup(f"{G0}-4", 9, 4, 0, leader_has_tpus=True), (0, 1, 2, 3, 4), "4", id="nine-4-L"
        ),
        pytest.param(in_subgroup(f"{G0}-8", 9, 4, 1, leader_has_tpus=True), (5, 6, 7, 8), "3", id="nine-8-L"),
        pytest.param(in_subgroup(f"{G0}-3", 8, 4, 0), (1, 2, 3), "2", id="eight-3-not-L"),
        pytest.param(in_subgroup(f"{G0}-4", 8, 4, 1), (4, 5, 6, 7), "0", id="eight-4-not-L"),
        pytest.param(in_subgroup(f"{G0}-7", 8, 4, 1), (4, 5, 6, 7), "3", id="eight-7-not-L"),
        pytest.param(
            in_subgroup(f"{G0}-3", 4, 4, 0, leader_has_tpus=True), (0, 1, 2, 3), "3", id="s-is-size-L"
        ),
        pytest.param(in_subgroup(f"{G0}-3", 4, 4, 0), (1, 2, 3), "2", id="s-is-size-not-L"),
        pytest.param(in_subgroup(f"{G0}-1", 4, 2, 7), (1,), "0", id="preset-index"),
        pytest.param(in_subgroup(f"{G0}-3", 4, -2, -1), (3,), "0", id="negative-s"),
    ],
)
def test_t5_subgroups(pod: TpuPod, workers: tuple[int, ...], identity: str) -> None:
    leader = pod.name if pod.is_leader else pod.name.rpartition("-")[0]
    hosts = [f"{leader}-{w}.default" if w else f"{leader}.default" for w in workers]
    assert added_to(pod, PLAIN, TPU) == {
        1: {
            "TPU_WORKER_HOSTNAMES": ",".join(hosts),
            "TPU_WORKER_ID": identity,
            "TPU_NAME": leader,
            "TPU_PROCESS_ADDRESSES": ",".join(f"{host}:8476" for host in hosts),
            "TPU_PROCESS_PORT": "8476",
        }
    }


def test_two_containers_in_a_subgroup_are_two_processes() -> None:
    """kubernetes-sigs/lws#754, which upstream did for groups only."""
    pod = in_subgroup(f"{G0}-2", 4, 2, 1)
    found = added_to(pod, TPU, PLAIN, TPU)
    hosts = [f"{G0}-{worker}.default" for worker in (2, 2, 3, 3)]
    assert [found[i]["TPU_WORKER_ID"] for i in (0, 2)] == ["0", "1"]
    assert [found[i]["TPU_PROCESS_PORT"] for i in (0, 2)] == ["8476", "8477"]
    assert {found[i]["TPU_WORKER_HOSTNAMES"] for i in (0, 2)} == {",".join(hosts)}
    assert {found[i]["TPU_PROCESS_ADDRESSES"] for i in (0, 2)} == {
        ",".join(f"{host}:{port}" for host, port in zip(hosts, (8476, 8477) * 2, strict=True))
    }


def test_t6_own_port_in_a_subgroup() -> None:
    pod = a_tpu_pod(f"{G1}-5", size=9, subgroup="4", index="1", worker="5")
    found = added_to(pod, a_container("c", tpu=1, env={"TPU_PROCESS_PORT": "8478"}))[0]
    assert found["TPU_PROCESS_ADDRESSES"] == ",".join(f"{G1}-{w}.default:8478" for w in (5, 6, 7, 8))
    assert "TPU_PROCESS_PORT" not in found


@pytest.mark.parametrize(
    ("subgroup", "index", "worker", "named"),
    [
        pytest.param("invalid", "0", "0", c.SUBGROUP_SIZE_ANNOTATION, id="T7"),
        pytest.param("2", "invalid", "0", c.SUBGROUP_INDEX_LABEL, id="T8"),
        pytest.param("2", "0", "invalid", c.WORKER_INDEX_LABEL, id="T9"),
        pytest.param("0", "0", "0", c.SUBGROUP_SIZE_ANNOTATION, id="zero-on-a-leader"),
        pytest.param("0", "0", "1", c.SUBGROUP_SIZE_ANNOTATION, id="zero-on-a-worker"),
        pytest.param("2", None, "0", c.SUBGROUP_INDEX_LABEL, id="pitfall-17"),
        pytest.param("2", "0", None, c.WORKER_INDEX_LABEL, id="no-worker-index"),
    ],
)
def test_a_broken_subgroup_is_denied_and_named(
    subgroup: str, index: str | None, worker: str | None, named: str
) -> None:
    pod = a_tpu_pod(f"{G0}-1", subgroup=subgroup, index=index, worker=worker)
    with pytest.raises(AdmissionError, match=named):
        tpu_environment(pod, containers(TPU))


@pytest.mark.parametrize(
    ("documents", "chosen"),
    [
        pytest.param([TPU], [0], id="T12-one"),
        pytest.param([PLAIN], [], id="T12-none"),
        pytest.param([TPU, TPU], [0, 1], id="T12-two"),
        pytest.param([PLAIN, TPU], [1], id="T12-one-of-two"),
        pytest.param([PLAIN, TPU], [1], id="T12-init-only"),
    ],
)
def test_t12_every_tpu_container_without_subgroups(documents: list[Any], chosen: list[int]) -> None:
    assert list(added_to(a_tpu_pod(G0, worker="0"), *documents)) == chosen


@pytest.mark.parametrize(
    ("documents", "chosen"),
    [([TPU], [0]), ([PLAIN, TPU, TPU], [1, 2]), ([PLAIN], [])],
    ids=["single", "mixed", "none"],
)
def test_t13_every_tpu_container_in_a_subgroup(documents: list[Any], chosen: list[int]) -> None:
    pod = a_tpu_pod(G0, worker="0", subgroup="2", index="0")
    assert list(added_to(pod, *documents)) == chosen


@pytest.mark.parametrize(
    ("limit", "request_", "wanted"),
    [
        pytest.param("4", None, True, id="T14-limits"),
        pytest.param(None, "4", True, id="T14-requests"),
        pytest.param(None, None, False, id="T14-none"),
        pytest.param("0", "4", True, id="zero-limit-falls-through"),
        pytest.param("4", "0", True, id="limit-first"),
        pytest.param("500m", None, True, id="fraction"),
        pytest.param("0m", None, False, id="0m"),
        pytest.param("0.0", "0", False, id="0.0"),
        pytest.param("-0Ki", "0e5", False, id="signed-and-suffixed-zero"),
        pytest.param("1n", None, True, id="smallest"),
        pytest.param("-1", None, True, id="negative"),
        pytest.param(4, None, True, id="json-number"),
        pytest.param(0, 0.5, True, id="json-fraction"),
        pytest.param(0, 0.0, False, id="json-zero"),
        pytest.param("1e999999999", None, True, id="huge-exponent"),
    ],
)
def test_trigger(limit: Any, request_: Any, wanted: bool) -> None:
    (container,) = containers(a_container(tpu=limit, requests=request_))
    assert requests_tpus(container) is wanted


@pytest.mark.parametrize("document", [{}, {"resources": None}, {"resources": {"limits": None}}])
def test_trigger_without_resources(document: dict[str, Any]) -> None:
    assert not requests_tpus(*containers(document))
    assert not requests_tpus(None)


@pytest.mark.parametrize("spelled", ["", "four", "1 Gi", "0x4", "4" * 5000])
def test_a_quantity_that_is_none_does_not_decode(spelled: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"google\.com/tpu"):
        requests_tpus(*containers(a_container(tpu=spelled)))


@pytest.mark.parametrize(
    ("env", "found"),
    [
        pytest.param([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}], "1", id="E6-present"),
        pytest.param([{"name": "B", "value": "1"}], None, id="E6-absent"),
        pytest.param(None, None, id="E6-no-env"),
        pytest.param([None, {"name": "A", "value": None}], "", id="nulls"),
    ],
)
def test_env_lookup(env: Any, found: str | None) -> None:
    assert env_value(*containers({"env": env}), "A") == found


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(a_tpu_pod(G0, worker="0", size=2**63 - 1), id="size"),
        pytest.param(
            a_tpu_pod(G0, worker="0", size=2**63 - 1, subgroup=str(2**63 - 1), index="0"), id="subgroup"
        ),
        pytest.param(
            a_tpu_pod(f"{G0}-1", worker="1", size=2**63 - 1, subgroup=str(2**40), index="0"), id="worker"
        ),
    ],
)
def test_a_list_that_no_pod_can_hold_is_denied(pod: TpuPod) -> None:
    with pytest.raises(AdmissionError, match=c.SIZE_ANNOTATION):
        tpu_environment(pod, containers(TPU))


@pytest.mark.parametrize(
    ("pod", "ports"),
    [
        pytest.param(a_tpu_pod(G0, size=200, worker="0"), ["1" * 10_000], id="a-long-port-for-each-host"),
        pytest.param(a_tpu_pod(G0, size=15_000, worker="0"), ["1", "2"], id="both-lists-together"),
        pytest.param(a_tpu_pod("x" * 10_000 + "-1", size=1), [""] * 200, id="a-long-name-without-hosts"),
    ],
)
def test_lists_that_could_not_be_stored_are_a_denial(pod: TpuPod, ports: list[str]) -> None:
    told = [{"name": PORT_ENV, "value": port} for port in ports]
    with pytest.raises(AdmissionError, match="to fit into a pod of 1572864 bytes"):
        added_to(pod, *({**TPU, "env": [entry]} for entry in told))
