"""Every step of upstream's planner, vector by vector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.golden import vectors

from lws.planning.disaggregated.drain import Generation
from lws.planning.disaggregated.planner import Counts, Pace, Rollout, next_step, simulate
from lws.planning.disaggregated.steps import Move, harmful, plan_move, upstream_move

VECTORS = vectors("disaggregatedset_planner.jsonl")


def test_there_are_enough_vectors() -> None:
    assert len(VECTORS) >= 800


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_planner(vector: dict[str, Any]) -> None:
    initial, target = counts(vector["initialOld"]), counts(vector["target"])
    pace = tuple(Pace(x["maxSurge"], x["maxUnavailable"]) for x in vector["config"])
    if "wantSteps" in vector:
        assert [shown(*x) for x in simulate(initial, target, pace)] == vector["wantSteps"]
        return
    now = Rollout(initial, counts(vector["currentOld"]), counts(vector["currentNew"]), target, pace)
    step = next_step(now)
    assert (None if step is None else shown(*step)) == vector["wantNext"]


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_no_step_differs_unless_upstream_does_harm(vector: dict[str, Any]) -> None:
    """What is really done (decision 170), at every state of the vector, for one generation of old groups."""
    for rollout, generations in situations(vector):
        if not upstream_does_harm(rollout, generations):
            assert plan_move(rollout, generations) == upstream_move(rollout, generations)


def test_most_steps_are_upstreams() -> None:
    """The exception above is one: it is taken less often than once in ten."""
    met = [upstream_does_harm(*x) for vector in VECTORS for x in situations(vector)]
    assert len(met) > 4000
    assert sum(met) < len(met) / 10


def upstream_does_harm(rollout: Rollout, generations: list[Generation]) -> bool:
    """Its step breaks a floor in ready groups or a ceiling, or it takes none while something is to do."""
    move = upstream_move(rollout, generations)
    if move is None:
        return not rollout.done and rollout.batches > 0
    rest = Move(tuple(x.have for x in generations), rollout.new)
    return move == rest or harmful(rollout, generations, move)


def situations(vector: dict[str, Any]) -> Iterator[tuple[Rollout, list[Generation]]]:
    """A role that has nothing and had nothing is one that the old generation does not have."""
    initial, target = counts(vector["initialOld"]), counts(vector["target"])
    pace = tuple(Pace(x["maxSurge"], x["maxUnavailable"]) for x in vector["config"])
    now = [{"old": vector["currentOld"], "new": vector["currentNew"]}] if "wantNext" in vector else []
    for state in vector.get("wantSteps", now):
        old = counts(state["old"])
        have = tuple(None if x == y == 0 else x for x, y in zip(old, initial, strict=True))
        yield Rollout(initial, old, counts(state["new"]), target, pace), [Generation(have, initial)]


def counts(values: list[int]) -> Counts:
    return tuple(values)


def shown(old: Counts, new: Counts) -> dict[str, list[int]]:
    return {"new": list(new), "old": list(old)}
