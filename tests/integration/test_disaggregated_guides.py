"""The samples of the guides to DisaggregatedSets do what the guides say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.cluster import Cluster
from support.manager import Manager
from support.podmetrics import PodMetrics, served_metrics
from support.rolesets import LiveRoles, delete_all
from support.samples import apply_roles
from support.sets import Document

from lws.api import disaggregation as d

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


def await_groups(llm: LiveRoles, *decode: int) -> None:
    """Until each slice has so many groups of the role, the scaler has counted them, and all is well."""
    sizes = {f"s{x}_decode": count for x, count in enumerate(decode)}
    llm.await_sizes(**sizes, **{f"s{x}_prefill": 1 for x, _ in enumerate(decode)})
    llm.until("the scaler's count", llm.scalers, lambda seen: seen[0]["status"]["replicas"] == sum(decode))
    llm.await_available()


def uids_of(llm: LiveRoles, role: str) -> set[str]:
    return {x["metadata"]["uid"] for x in llm.pods() if x["metadata"]["labels"][d.ROLE_LABEL] == role}
