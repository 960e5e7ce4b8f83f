"""What fails of one role or object holds nothing else of its DisaggregatedSet up (decision 189)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.disaggregated import a_role, revision
from support.disaggregated_cluster import Cluster

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.kube.errors import ApiError, Forbidden, InternalError, KubeError, TransportError
from lws.planning.actions import Document

FAILURE = InternalError(500, message="failed calling webhook")
ERRORS = [FAILURE, Forbidden(403, message="policy")]


def two(prefill: int = 2, decode: int = 2, image: str = "a", *, external: bool = False) -> list[Document]:
    first = a_role("prefill", prefill, image=image, external=external)
    return [first, a_role("decode", decode, image=image)]


def failing(verb: str, error: KubeError, *, end: str = "", start: str = "") -> Callable[[str, str], None]:
    def refuse(asked: str, name: str) -> None:
        if asked == verb and name.endswith(end) and name.startswith(start):
            raise error

    return refuse


def passes(cluster: Cluster, number: int = 4) -> list[str]:
    """What each raised. Every one writes the status."""
    raised = []
    for _ in range(number):
        cluster.make_ready()
        try:
            cluster.reconcile()
        except KubeError as error:
            raised.append(error.__class__.__name__)
        cluster.clock.advance(400)
    return raised


def sizes(cluster: Cluster) -> dict[str, int]:
    """By role, of one slice and revision."""
    return {name.rsplit("-", maxsplit=1)[-1]: size for name, size in cluster.sizes().items()}


def raised_by(error: ApiError) -> list[str]:
    return [] if error.refused else ["InternalError"] * 4


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("error", ERRORS)
def test_a_role_that_cannot_be_scaled(error: ApiError, paused: bool) -> None:
    cluster = Cluster(*two())
    cluster.settle()
    cluster.server.refuse = failing("patch", error, end="-prefill")
    held: Any = {"annotations": {d.PAUSED_ANNOTATION: d.PAUSED}} if paused else {}
    cluster.edit(*two(3, 5, image="b" if paused else "a"), **held)
    assert passes(cluster) == raised_by(error)
    assert sizes(cluster) == {"prefill": 2, "decode": 5}
    assert cluster.ds().status.role_statuses[1].replicas == 5


@pytest.mark.parametrize("error", ERRORS)
def test_a_role_that_cannot_be_made(error: ApiError) -> None:
    cluster = Cluster(*two())
    cluster.server.refuse = failing("create", error, end="-prefill")
    assert passes(cluster) == raised_by(error)
    assert sizes(cluster) == {"decode": 2}


def test_a_role_that_cannot_be_made_at_the_beginning_of_a_rollout() -> None:
    cluster = Cluster(*two())
    cluster.settle()
    cluster.edit(*two(image="b"))
    cluster.server.refuse = failing("create", FAILURE, end="-prefill")
    assert passes(cluster)
    assert f"llm-0-{revision(cluster.ds())}-decode" in cluster.sizes()


@pytest.mark.parametrize("role", ["prefill", "decode"])
def test_a_service_that_cannot_be_made(role: str) -> None:
    cluster = Cluster(*two())
    cluster.server.refuse = failing("create", FAILURE, end=f"-{role}-prv")
    assert passes(cluster)
    assert len(cluster.names("Service")) == 1


def test_labels_that_cannot_be_put_back() -> None:
    cluster = Cluster(*two())
    cluster.settle()
    name = cluster.names("Service")[0]
    stored = cluster.server.objects["Service", name]
    labels = stored["metadata"]["labels"] | {d.ROLE_LABEL: "x"}
    cluster.server.put("Service", stored | {"metadata": stored["metadata"] | {"labels": labels}})
    cluster.server.refuse = failing("patch", FAILURE, end="-prv")
    cluster.edit(*two(3, 5))
    assert passes(cluster) == raised_by(FAILURE)
    assert sizes(cluster) == {"prefill": 3, "decode": 5}


def test_a_surplus_slice_that_cannot_be_deleted() -> None:
    cluster = Cluster(*two(), slices=3)
    cluster.settle()
    cluster.server.refuse = failing("delete", FAILURE, start="llm-1-")
    cluster.edit(*two(3, 5), slices=1)
    assert passes(cluster) == raised_by(FAILURE)
    assert sorted(x.split("-")[1] for x in cluster.sizes()) == ["0", "0", "1", "1"]
    assert {size for name, size in cluster.sizes().items() if name.startswith("llm-0-")} == {3, 5}


@pytest.mark.parametrize("error", ERRORS)
def test_a_scaler_that_cannot_be_made(error: ApiError) -> None:
    """Its role is not made at 0, which would be what the scaler is seeded with then."""
    cluster = Cluster(*two(2, 5, external=True))
    cluster.server.refuse = failing("create", error, end="llm-prefill")
    passes(cluster)
    assert sizes(cluster) == {"decode": 5}
    cluster.server.refuse = lambda verb, name: None
    cluster.clock.advance(400)
    cluster.settle()
    assert sizes(cluster) == {"prefill": 1, "decode": 5}


def legacy(cluster: Cluster) -> Iterator[str]:
    """Its set as it was before there were slices."""
    now = revision(cluster.ds())
    for role in ("prefill", "decode"):
        slice_0 = cluster.server.objects["LeaderWorkerSet", f"llm-0-{now}-{role}"]
        labels = {x: value for x, value in slice_0["metadata"]["labels"].items() if x != d.SLICE_LABEL}
        metadata = slice_0["metadata"] | {"name": f"llm-{now}-{role}", "labels": labels, "uid": f"old-{role}"}
        cluster.server.put("LeaderWorkerSet", slice_0 | {"metadata": metadata})
        del cluster.server.objects["LeaderWorkerSet", f"llm-0-{now}-{role}"]
        yield f"llm-{now}-{role}"


@pytest.mark.parametrize("error", ERRORS)
def test_what_cannot_migrate(error: ApiError) -> None:
    """Its own LeaderWorkerSet stays while its service cannot go; the others do."""
    cluster = Cluster(*two())
    cluster.reconcile()
    prefill, decode = legacy(cluster)
    cluster.settle()
    assert f"{prefill}-prv" in cluster.names("Service")
    cluster.server.refuse = failing("delete", error, end=f"{prefill}-prv")
    cluster.edit(*two(), slices=2)
    passes(cluster)
    assert prefill in cluster.sizes()
    assert decode not in cluster.sizes()
    assert len(cluster.sizes()) == 4


def test_of_a_server_that_cannot_be_reached_not_everything_is_asked() -> None:
    """Each would wait for its timeout."""
    cluster = Cluster(*two())
    asked: list[str] = []

    def silent(verb: str, name: str) -> None:
        asked.append(f"{verb} {name}")
        raise TransportError("timed out")

    cluster.server.refuse = silent
    with pytest.raises(TransportError):
        cluster.reconcile()
    assert [x.split()[0] for x in asked] == ["create", "status"]


def test_what_fails_first_is_told() -> None:
    cluster = Cluster(*two())
    cluster.server.refuse = failing("create", FAILURE)
    assert passes(cluster, 8)
    [stalled] = [x for x in cluster.ds().status.conditions if x.type == c.STALLED]
    assert "failed calling webhook" in stalled.message


def test_a_rollout_that_cannot_begin_freezes_no_sizes() -> None:
    """Then it goes on from the sizes that were followed."""
    cluster = Cluster(*two(1, 4, external=True))
    cluster.settle()
    former = revision(cluster.ds())
    cluster.edit(a_role("prefill", 1, image="a", external=True), a_role("decode", 4, image="b"))
    cluster.server.refuse = failing("create", ERRORS[1], end="-decode")
    passes(cluster)
    for wanted in (8, 2):
        scaler = cluster.server.objects[d.SCALER_KIND, "llm-prefill"]
        cluster.server.put(d.SCALER_KIND, scaler | {"spec": {"replicas": wanted}})
        passes(cluster)
        assert cluster.sizes()[f"llm-0-{former}-prefill"] == wanted
    cluster.server.refuse = lambda verb, name: None
    cluster.clock.advance(400)
    cluster.settle()
    assert sizes(cluster) == {"prefill": 2, "decode": 4}
