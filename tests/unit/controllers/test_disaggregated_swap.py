"""A change of controllers after any pass of a rollout, both ways, in memory (decision 188)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.disaggregated import a_role
from support.disaggregated_cluster import Cluster
from support.rolesets import LiveRoles
from support.upstream_roles import UpstreamRoles

from lws.api import disaggregation as d
from lws.planning.actions import Document
from lws.planning.disaggregated.revision import revision_of

PASSES = 40
SHAPES: dict[str, dict[str, Any]] = {
    "one slice": {},
    "two slices": {"slices": 2},
    "a scaler": {"external": True},
    "no number": {"sliceless": True},
}


class Stage:
    """A set, and both controllers. ``external``: prefill has a scaler; ``sliceless``: names of old."""

    def __init__(self, *, slices: int = 1, external: bool = False, sliceless: bool = False) -> None:
        self._slices, self._external = slices, external
        self.cluster = Cluster(*self._roles("a"), slices=slices)
        client = self.cluster.server.client
        self._upstream = UpstreamRoles(client, LiveRoles(client, "ns", "llm"), sliceless=sliceless)

    def change(self, image: str) -> None:
        self.cluster.edit(*self._roles(image), slices=self._slices)

    def ours(self) -> None:
        self.cluster.make_ready()
        self.cluster.reconcile()

    def upstream(self) -> None:
        self.cluster.make_ready()
        self._upstream.reconcile_set()

    def work(self, who: Callable[[], None], passes: int = PASSES) -> None:
        for _ in range(passes):
            who()

    def uids(self, kind: str = "LeaderWorkerSet") -> dict[str, str]:
        objects = self.cluster.server.objects
        return {name: x["metadata"]["uid"] for (of, name), x in objects.items() if of == kind}

    def of_target(self) -> dict[str, str]:
        """LeaderWorkerSets that the rollout leads to, as far as they are there."""
        revision = revision_of(self.cluster.ds().spec.roles)
        return {name: uid for name, uid in self.uids().items() if revision in name}

    def sizes_by_role(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for (kind, _), x in self.cluster.server.objects.items():
            if kind == "LeaderWorkerSet":
                role = x["metadata"]["labels"][d.ROLE_LABEL]
                found[role] = found.get(role, 0) + x["spec"]["replicas"]
        return found

    def _roles(self, image: str) -> list[Document]:
        prefill = a_role(
            "prefill", None if self._external else 4, image=image, surge=1, external=self._external
        )
        return [prefill, a_role("decode", 2, image=image, surge=1)]


@pytest.fixture(params=SHAPES.values(), ids=SHAPES.keys())
def stage(request: pytest.FixtureRequest) -> Stage:
    return Stage(**request.param)


def rest(stage: Stage, who: Callable[[], None]) -> None:
    stage.work(who, 6)


def test_at_rest_nothing_is_made_or_changed(stage: Stage) -> None:
    """What upstream made, ours leaves alone, and so does upstream when it comes back."""
    rest(stage, stage.upstream)
    before = {x: stage.uids(x) for x in ("LeaderWorkerSet", "Service", d.SCALER_KIND)}
    written = len(stage.cluster.server.writes)
    rest(stage, stage.ours)
    assert [x for x in stage.cluster.server.writes[written:] if not x.startswith("status ")] == []
    rest(stage, stage.upstream)
    assert {x: stage.uids(x) for x in before} == before


@pytest.mark.parametrize("passes", range(1, 14, 3))
@pytest.mark.parametrize("way", ["taken over", "given back"])
def test_after_any_pass_of_a_rollout(stage: Stage, way: str, passes: int) -> None:
    """One moves it so far, the other ends it: with the objects that are there, at the size asked for."""
    one, other = (stage.upstream, stage.ours) if way == "taken over" else (stage.ours, stage.upstream)
    rest(stage, one)
    wanted = stage.sizes_by_role()
    stage.change("b")
    stage.work(one, passes)
    made = stage.of_target()
    assert made, "not begun"
    stage.work(other)
    assert stage.uids() == stage.of_target(), "something of the former revision is left"
    assert made.items() <= stage.uids().items(), "made anew"
    assert stage.sizes_by_role() == wanted
