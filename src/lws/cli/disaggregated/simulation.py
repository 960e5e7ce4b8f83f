"""What a rollout of one slice will do, found by letting the controller's planner run on a model of it.

The decisions are ``planning.disaggregated``'s own, pass after pass. The rest of the world is modelled: what
is to be created is there at once, what is deleted is gone at once, and between two steps all groups become
ready.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.planning.actions import Action, Create, Delete, Document, Patch
from lws.planning.disaggregated.demand import Wanted
from lws.planning.disaggregated.names import revision_of_child, role_of
from lws.planning.disaggregated.rollout import plan_slice
from lws.planning.disaggregated.slices import make_slices

Sizes = Mapping[str, Mapping[str, int]]
"""Groups by role, and by revision within it."""
Children = Mapping[str, LeaderWorkerSet]
"""By name."""


class State(Struct):
    """Where a slice stands once all its groups are ready. ``number`` 0: now."""

    number: int
    sizes: Sizes


def states(wanted: Wanted, number: int, children: Iterable[LeaderWorkerSet]) -> Iterator[State]:
    """Slice ``number`` now, and after every step to the end.

    ``children``: those of the slice, as observed; what happens to other slices is not looked at.
    """
    model: Children = {x.name: _ready(x) for x in children}
    step, sizes = 0, _sizes(model.values())
    yield State(step, sizes)
    while actions := _plan(wanted, number, model):
        model = _after(model, actions)
        before, sizes = sizes, _sizes(model.values())
        if before != sizes:
            step += 1
            yield State(step, sizes)


def _plan(wanted: Wanted, number: int, model: Children) -> list[Action]:
    slices = make_slices(wanted.ds, wanted.revision, model.values())
    return plan_slice(wanted, slices[number])


def _sizes(children: Iterable[LeaderWorkerSet]) -> Sizes:
    """A LeaderWorkerSet without groups does not count: it is about to be filled, or to go."""
    sizes: dict[str, dict[str, int]] = {}
    for child in children:
        if child.replicas:
            mine, revision = sizes.setdefault(role_of(child), {}), revision_of_child(child)
            mine[revision] = mine.get(revision, 0) + child.replicas
    return sizes


def _after(model: Children, actions: Sequence[Action]) -> Children:
    """All actions carried out, and all groups ready."""
    after = dict(model)
    for action in actions:
        match action:
            case Create(document=document):
                child = msgspec.json.decode(msgspec.json.encode(document), type=LeaderWorkerSet)
                after[child.name] = child
            case Patch(document=document):
                after[document["metadata"]["name"]] = _patched(after[document["metadata"]["name"]], document)
            case Delete(key=key):
                del after[key.name]
    return {name: _ready(child) for name, child in after.items()}


def _patched(child: LeaderWorkerSet, document: Document) -> LeaderWorkerSet:
    """With what a planner reads of a patch: replicas and annotations."""
    annotations = {**child.annotations, **document["metadata"].get("annotations", {})}
    replicas = document.get("spec", {}).get("replicas", child.replicas)
    return replace(
        child,
        metadata=replace(child.metadata, annotations=annotations),
        spec=replace(child.spec, replicas=replicas),
    )


def _ready(child: LeaderWorkerSet) -> LeaderWorkerSet:
    """Between two steps all groups have been ready for as long as it takes."""
    have = child.replicas
    status = replace(child.status, replicas=have, ready_replicas=have, updated_replicas=have)
    return replace(child, spec=replace(child.spec, min_ready_seconds=None), status=status)
