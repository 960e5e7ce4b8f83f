"""The samples of the guides to DisaggregatedSets do what the guides say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.cluster import Cluster
from support.histories import history
from support.manager import Manager
from support.podmetrics import PodMetrics, served_metrics
from support.rolesets import LiveRoles, delete_all, revisions_of, sizes_of
from support.samples import apply_roles
from support.sets import Document

from lws.api import disaggregation as d
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.resources import NODES, SERVICES

pytestmark = pytest.mark.integration


@pytest.fixture
def place(cluster: Cluster, manager: Manager, namespace: str) -> Iterator[LiveRoles]:
    """Where a test applies its sample; the set is deleted afterwards."""
    yield LiveRoles(cluster.client, namespace)
    delete_all(cluster.client, namespace)


@pytest.fixture(scope="module")
def metrics(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodMetrics]:
    with served_metrics(cluster.client, tmp_path_factory.mktemp("metrics")) as metrics:
        yield metrics


RACK = "hollow.lws/rack"  # hollow nodes are in no node pool

# disaggregated-autoscaling.md


def at_once(hpa: Document) -> None:
    """Scale down without waiting out a lull: a test has no ten minutes."""
    hpa["spec"]["behavior"]["scaleDown"] = {"stabilizationWindowSeconds": 0}


@pytest.mark.parametrize("slices", [1, 2])
def test_autoscaling(place: LiveRoles, metrics: PodMetrics, slices: int) -> None:
    """kube-controller-manager's autoscaler raises the role to its minimum, and follows the load up and down;
    the other role and its pods are left alone.
    """

    def change(document: Document) -> None:
        if document["kind"] == d.KIND:
            document["spec"]["slices"] = slices
        else:
            at_once(document)

    metrics.load = 0
    llm = apply_roles(place, "disaggregated-autoscaling.yaml", change)
    await_groups(llm, *{1: [2], 2: [1, 1]}[slices])
    revision, prefill = llm.revision, uids_of(llm, "prefill")
    metrics.load = 5 * 25 - 10  # half of the request of five leaders, and a little less
    await_groups(llm, *{1: [5], 2: [3, 2]}[slices])
    metrics.load = 3 * 25 - 10
    await_groups(llm, *{1: [3], 2: [2, 1]}[slices])
    assert (llm.revision, uids_of(llm, "prefill")) == (revision, prefill)


def test_autoscaling_during_a_rollout(place: LiveRoles, metrics: PodMetrics) -> None:
    """What the page says of it: a role grows at once, and shrinks when the rollout is over."""

    def change(document: Document) -> None:
        if document["kind"] == d.KIND:
            for role in document["spec"]["roles"]:
                slow = {"metadata": {"annotations": {"hollow.lws/start-delay": "3s"}}}
                role["spec"]["leaderWorkerTemplate"]["workerTemplate"] |= slow
        else:
            at_once(document)

    metrics.load = 4 * 25 - 10
    llm = apply_roles(place, "disaggregated-autoscaling.yaml", change)
    await_groups(llm, 4)
    old, roles = llm.revision, llm.get()["spec"]["roles"]
    for role in roles:
        role["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]["containers"][0]["image"] += ".1"
    llm.change(*roles)
    llm.until("a new group", lambda: new_groups(llm, old), lambda seen: 0 < seen < 4)
    metrics.load = 6 * 25 - 10
    llm.until("more of the new", lambda: new_groups(llm, old), lambda seen: seen > 4)
    await_groups(llm, 6)
    assert llm.revision != old
    metrics.load = 2 * 25 - 10
    await_groups(llm, 2)


def new_groups(llm: LiveRoles, old: str) -> int:
    """Of the role that is scaled, of the new revision."""
    return sum(llm.sizes(x).get("0-decode", 0) for x in llm.revisions() - {old})


def await_groups(llm: LiveRoles, *decode: int) -> None:
    """Until each slice has so many groups of the role, the scaler has counted them, and all is well."""
    sizes = {f"s{x}_decode": count for x, count in enumerate(decode)}
    llm.await_sizes(**sizes, **{f"s{x}_prefill": 1 for x, _ in enumerate(decode)})
    llm.until("the scaler's count", llm.scalers, lambda seen: seen[0]["status"]["replicas"] == sum(decode))
    llm.await_available()


def uids_of(llm: LiveRoles, role: str) -> set[str]:
    return {x["metadata"]["uid"] for x in llm.pods() if x["metadata"]["labels"][d.ROLE_LABEL] == role}


# disaggregated-serving.md, disaggregated-rollouts.md, disaggregated-placement.md


def test_roles_in_slices(place: LiveRoles) -> None:
    """What the page draws: names, sizes, and a Service for each role once all of them are ready."""
    llm = apply_roles(place, "disaggregatedset.yaml")
    llm.await_sizes(s0_prefill=1, s0_decode=2, s1_prefill=1, s1_decode=2)
    llm.await_available()
    names = [f"disaggregated-{x}-{llm.revision}-{role}" for x in (0, 1) for role in ("decode", "prefill")]
    assert sorted(x["metadata"]["name"] for x in llm.children()) == names
    services = llm.until("services", llm.services, lambda seen: len(seen) == 4)
    assert sorted(x["metadata"]["name"] for x in services) == [f"{x}-prv" for x in names]
    assert len(llm.pods()) == 2 * (2 + 2)


def test_rollout(place: LiveRoles) -> None:
    """As the page counts it: never fewer groups than asked for, never more than surge allows."""
    llm = apply_roles(place, "disaggregated-rollout.yaml")
    llm.await_available()
    old = llm.revision
    roles = llm.get()["spec"]["roles"]
    roles[0]["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]["containers"][0]["image"] += ".1"
    seen: list[dict[str, int]] = []
    with history(llm.client, LEADERWORKERSETS, llm.namespace) as moments:
        llm.change(*roles)
        for children in moments:
            seen.append(sizes_of(children))
            if old not in revisions_of(children):
                break
    llm.await_available()
    assert {"0-prefill": 6, "0-decode": 3} in seen, "half of the new above what was there"
    assert {x["0-prefill"] for x in seen} <= {4, 5, 6}
    assert {x["0-decode"] for x in seen} <= {2, 3}


def test_placement(place: LiveRoles) -> None:
    """A domain for each slice, of which all its pods are."""

    def by_rack(ds: Document) -> None:
        ds["spec"]["placementPolicy"]["topology"] = RACK

    llm = apply_roles(place, "disaggregated-placement.yaml", by_rack)
    llm.await_available()
    nodes = {x["metadata"]["name"]: x["metadata"]["labels"][RACK] for x in llm.client.list(NODES, dict)}
    racks: dict[str, set[str]] = {"0": set(), "1": set()}
    for pod in llm.pods():
        racks[pod["metadata"]["labels"][d.SLICE_LABEL]].add(nodes[pod["spec"]["nodeName"]])
    assert [len(x) for x in racks.values()] == [1, 1]
    assert racks["0"] != racks["1"]


# disaggregated-vllm.md, disaggregated-sglang.md


def test_engines(place: LiveRoles) -> None:
    """Both samples at once, with what their files bring along. The Service finds the proxies, and nothing but
    them; a proxy is told its own revision and slice, by which its selectors find the servers.
    """
    several = [apply_roles(place, f"disaggregated-{x}.yaml") for x in ("vllm", "sglang")]
    for llm, leaders in zip(several, (2, 2), strict=True):
        llm.await_available()
        service = llm.client.get(SERVICES, dict, llm.name, llm.namespace)["spec"]["selector"]
        [proxy] = [x for x in llm.pods() if service.items() <= x["metadata"]["labels"].items()]
        labels = proxy["metadata"]["labels"]
        assert labels[d.ROLE_LABEL] == "proxy"
        fields = {x["name"]: x["valueFrom"]["fieldRef"]["fieldPath"] for x in references(proxy)}
        assert fields["REVISION"] == f"metadata.labels['{d.REVISION_LABEL}']"
        assert fields["SLICE"] == f"metadata.labels['{d.SLICE_LABEL}']"
        script = proxy["spec"]["containers"][0]["command"][2]
        for role in ("prefill", "decode"):
            chosen = [
                x
                for x in llm.pods()
                if selectors(script, labels, role).items() <= x["metadata"]["labels"].items()
            ]
            assert len(chosen) == leaders


def references(pod: Document) -> list[Document]:
    return [x for x in pod["spec"]["containers"][0]["env"] if "fieldRef" in x.get("valueFrom", {})]


def selectors(script: str, labels: dict[str, str], role: str) -> dict[str, str]:
    """What the shell of a proxy makes of its script: labels that the router looks for."""
    common = script.partition("set --")[2].partition("exec")[0]
    filled = common.replace("$REVISION", labels[d.REVISION_LABEL]).replace("$SLICE", labels[d.SLICE_LABEL])
    own = script.partition(f'--{role}-selector "$@" ')[2].split()[0]
    return dict(x.split("=") for x in (*filled.replace("\\", " ").split(), own))
