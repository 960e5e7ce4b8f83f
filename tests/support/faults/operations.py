"""What users do with sets, as what was there before, what they do, and what a fresh one is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from lws.api import constants as c
from lws.api import disaggregation as d
from support.admission import an_lws, spec_patch
from support.apimodel.store import Document
from support.disaggregated import a_role
from support.faults.world import NAMESPACE, World

NAME = "s"
SET = "LeaderWorkerSet"


Each = Callable[[], object]
Act = Callable[[World, Each], None]
"""What is done, and what happens before every step between two deeds of it."""


class Operation(NamedTuple):
    """``before``: None: nothing is there; ``after``: None: nothing is left. ``serving`` and ``most``: groups
    that are ready, and that there are, at any time. ``recreated``: leaders that the manager deletes, at most.
    ``left``: what stays, though a fresh set would not have it.
    """

    name: str
    before: Document | None
    act: Act
    after: Document | None
    serving: int = 0
    most: int = 10**6
    recreated: int = 0
    left: tuple[str, ...] = ()


def a_set(image: str = "a", **spec: Any) -> Document:
    pods = {"spec": {"containers": [{"name": "c", "image": image}]}}
    spec = {"leaderTemplate": None, "workerTemplate": pods, "restartPolicy": c.RESTART_RECREATE_GROUP} | spec
    return an_lws(metadata={"name": NAME}, **spec)


def _edit(*edits: Document) -> Act:
    """One after the other, some steps apart."""

    def act(world: World, each: Each) -> None:
        for number, changes in enumerate(edits):
            if number:
                world.run(world.random.randint(5, 150), each)
            world.edit(SET, NAME, changes)

    return act


def _image(name: str) -> Document:
    return spec_patch(workerTemplate={"spec": {"containers": [{"name": "c", "image": name}]}})


def _amid_a_roll(act: Act) -> Act:
    """What is done some steps after another image was asked for."""

    def acts(world: World, each: Each) -> None:
        world.edit(SET, NAME, _image("b"))
        world.run(world.random.randint(5, 250), each)
        act(world, each)

    return acts


def _create(world: World, _: Each) -> None:
    world.create(SET, a_set())


def _delete(world: World, _: Each) -> None:
    world.delete(SET, NAME)


def _delete_in_foreground(world: World, _: Each) -> None:
    world.delete(SET, NAME, propagation="Foreground")


def _restart(world: World, _: Each) -> None:
    """A container of a worker of one group ends."""
    pod = world.find("Pod", f"{NAME}-1-1")
    assert pod is not None
    world.nodes.restart(pod)


def _fail(world: World, _: Each) -> None:
    """A worker fails for good."""
    pod = world.find("Pod", f"{NAME}-1-1")
    assert pod is not None
    world.nodes.fail(pod)


def _operation(name: str, act: Act, *, of: Document | None = None, **to: Any) -> Operation:
    """From the set with two groups of two, or ``of``. ``to``: members of the operation."""
    after = to.pop("after", {})
    return Operation(name, of or a_set(), act, after and a_set(**after) if after is not None else None, **to)


UNIQUE = {"subdomainPolicy": c.SUBDOMAIN_UNIQUE}
SPECS: tuple[Document, ...] = (
    spec_patch(replicas=0),
    spec_patch(replicas=3),
    spec_patch(size=1),
    spec_patch(size=3),
    spec_patch(maxSurge=1),
    spec_patch(restartPolicy=c.RESTART_NONE),
    spec_patch(startupPolicy=c.STARTUP_LEADER_READY),
    {"spec": {"networkConfig": UNIQUE}},
    {"metadata": {"labels": {"team": "one"}, "annotations": {"note": "one"}}},
    _image("b"),
    _image("c"),
)
FINAL = {"replicas": 2, "size": 2, "maxSurge": 0, "image": "d", "networkConfig": UNIQUE}


def _many_edits(world: World, each: Each) -> None:
    """Several at random, and one that says everything."""
    for _ in range(world.random.randint(1, 4)):
        world.edit(SET, NAME, world.random.choice(SPECS))
        world.run(world.random.randint(0, 120), each)
    bare = {"metadata": {"labels": {"team": None}, "annotations": {"note": None}}}
    world.edit(SET, NAME, {**bare, "spec": a_set(**FINAL)["spec"]})


def _take_over(world: World, _: Each) -> None:
    """The set was another controller's: without what only we write, and written by somebody else."""
    world.crash()
    for where, document in list(world.store.everything()):
        metadata = document["metadata"]
        if where.kind.kind == SET:
            status = {x: y for x, y in document["status"].items() if x != "groups"}
            world.store.put(where, {**document, "status": status})
        elif where.kind.kind == "StatefulSet" and c.ROLE_LABEL in (metadata.get("labels") or {}):
            labels = {x: y for x, y in metadata["labels"].items() if x != c.ROLE_LABEL}
            managed = [
                {**x, "manager": "manager"} if x["manager"] == c.FIELD_MANAGER else x
                for x in metadata["managedFields"]
            ]
            changed = {**metadata, "labels": labels, "managedFields": managed}
            world.store.put(where, {**document, "metadata": changed})


IN_PLACE = {"podUpdatePolicy": c.POD_UPDATE_IN_PLACE}

ROLES = "DisaggregatedSet"


def roles(*, prefill: int = 2, decode: int = 2, image: str = "a", slices: int = 1) -> Document:
    """Two roles, each of groups of one."""
    rolling = {"surge": 1, "unavailable": 0}
    made = [
        a_role(name, replicas, image=image, **rolling)
        for name, replicas in (("prefill", prefill), ("decode", decode))
    ]
    metadata = {"name": "d", "namespace": NAMESPACE}
    spec = {"slices": slices, "roles": made}
    return {"apiVersion": d.API_VERSION, "kind": ROLES, "metadata": metadata, "spec": spec}


def _roles_to(*wanted: Document) -> Act:
    """The spec of each, one after the other."""

    def act(world: World, each: Each) -> None:
        for number, document in enumerate(wanted):
            if number:
                world.run(world.random.randint(5, 250), each)
            world.edit(ROLES, "d", {"spec": document["spec"]})

    return act


def _create_roles(world: World, _: Each) -> None:
    world.create(ROLES, roles())


def _delete_roles_amid_a_roll(world: World, each: Each) -> None:
    world.edit(ROLES, "d", {"spec": roles(image="b")["spec"]})
    world.run(world.random.randint(5, 400), each)
    world.delete(ROLES, "d")


def _of_roles(name: str, *wanted: Document, before: Document | None = None) -> Operation:
    return Operation(f"roles: {name}", before or roles(), _roles_to(*wanted), wanted[-1])


DISAGGREGATED = (
    Operation("roles: create", None, _create_roles, roles()),
    _of_roles("scale", roles(prefill=3, decode=1)),
    _of_roles("roll", roles(image="b")),
    _of_roles("revert", roles(image="b"), roles()),
    _of_roles("slices", roles(slices=2)),
    _of_roles("fewer slices", roles(), before=roles(slices=2)),
    Operation("roles: delete amid a roll", roles(), _delete_roles_amid_a_roll, None),
)

OPERATIONS: tuple[Operation, ...] = (
    Operation("create", None, _create, a_set(), most=2),
    _operation("scale up", _edit(spec_patch(replicas=4)), after={"replicas": 4}, serving=2, most=4),
    _operation("scale down", _edit(spec_patch(replicas=1)), after={"replicas": 1}, serving=1, most=2),
    _operation("scale to nothing", _edit(spec_patch(replicas=0)), after={"replicas": 0}, most=2),
    _operation("roll", _edit(_image("b")), after={"image": "b"}, serving=1, most=2, recreated=2),
    _operation(
        "roll with surge",
        _edit(_image("b")),
        of=a_set(maxSurge=1, maxUnavailable=0),
        after={"image": "b", "maxSurge": 1, "maxUnavailable": 0},
        serving=2,
        most=3,
        recreated=2,
    ),
    _operation(
        "roll in place",
        _edit(_image("b")),
        of=a_set(**IN_PLACE),
        after={"image": "b", **IN_PLACE},
        serving=1,
        most=2,
        recreated=2,
    ),
    _operation(
        "rollback", _edit(_image("b"), _image("a")), after={"image": "a"}, serving=1, most=2, recreated=4
    ),
    _operation("restart", _restart, after={"image": "a"}, serving=1, most=2, recreated=1),
    _operation("worker fails", _fail, after={"image": "a"}, serving=1, most=2, recreated=1),
    _operation("resize", _edit(spec_patch(size=3)), after={"size": 3}, serving=1, most=2, recreated=2),
    _operation(
        "policy edit",
        _edit(spec_patch(restartPolicy=c.RESTART_NONE)),
        after={"restartPolicy": c.RESTART_NONE},
        serving=1,
        most=2,
        recreated=2,
    ),
    _operation(
        "network switch",
        _edit({"spec": {"networkConfig": UNIQUE}}),
        after={"networkConfig": UNIQUE},
        serving=1,
        most=2,
        recreated=2,
        left=(f"Service {NAME}",),
    ),
    _operation("take-over", _take_over, after={"image": "a"}, serving=2, most=2),
    _operation("many edits", _many_edits, after=FINAL, recreated=40, left=(f"Service {NAME}",)),
    _operation("delete", _delete, after=None),
    _operation("delete in the foreground", _delete_in_foreground, after=None),
    _operation("delete amid a roll", _amid_a_roll(_delete), after=None, recreated=2),
    _operation(
        "take-over amid a roll",
        _amid_a_roll(_take_over),
        after={"image": "b"},
        serving=1,
        most=2,
        recreated=2,
    ),
    *DISAGGREGATED,
)
