"""What users do with sets, as what was there before, what they do, and what a fresh one is made of."""

from __future__ import annotations

from typing import Any

from lws.api import constants as c
from lws.api import disaggregation as d
from support.admission import spec_patch
from support.apimodel.store import Document
from support.disaggregated import a_role
from support.faults.bounds import AsAsked, made, made_of_roles, of_roles, of_set
from support.faults.operation import Act, Each, Operation, amid, freeing
from support.faults.sets import NAME, SET, a_set, edit, image, on_set
from support.faults.strangers import IN_THE_WAY, IN_THE_WAY_OF_ROLES, is_stranger
from support.faults.waiting import WAITING, held, of_image
from support.faults.world import NAMESPACE, World


def _roll(world: World) -> None:
    world.edit(SET, NAME, image("b"))


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


UNIQUE = {"subdomainPolicy": c.SUBDOMAIN_UNIQUE}
IN_PLACE = {"podUpdatePolicy": c.POD_UPDATE_IN_PLACE}
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
    image("b"),
    image("c"),
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
        elif is_stranger(document):
            continue
        elif where.kind.kind == "StatefulSet" and c.ROLE_LABEL in (metadata.get("labels") or {}):
            labels = {x: y for x, y in metadata["labels"].items() if x != c.ROLE_LABEL}
            managed = [
                {**x, "manager": "manager"} if x["manager"] == c.FIELD_MANAGER else x
                for x in metadata["managedFields"]
            ]
            changed = {**metadata, "labels": labels, "managedFields": managed}
            world.store.put(where, {**document, "metadata": changed})


ROLES = "DisaggregatedSet"


def roles(*, prefill: int = 2, decode: int = 2, image: str = "a", slices: int = 1) -> Document:
    """Two roles, each of groups of one."""
    rolling = {"surge": 1, "unavailable": 0}
    both = [
        a_role(name, replicas, image=image, **rolling)
        for name, replicas in (("prefill", prefill), ("decode", decode))
    ]
    metadata = {"name": "d", "namespace": NAMESPACE}
    spec = {"slices": slices, "roles": both}
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


def _roll_roles(world: World) -> None:
    world.edit(ROLES, "d", {"spec": roles(image="b")["spec"]})


def _delete_roles(world: World, _: Each) -> None:
    world.delete(ROLES, "d")


def _of_roles(
    name: str,
    *wanted: Document,
    serving: tuple[int, int] = (2, 2),
    most: tuple[int, int],
    before: Document | None = None,
    **to: Any,
) -> Operation:
    """``serving`` and ``most``: groups of prefill and of decode, of all slices together."""
    bounds = of_roles(serving, most)
    act = _roles_to(*wanted)
    return Operation(f"roles: {name}", before or roles(), act, wanted[-1], lambda: bounds, **to)


ALL_ROLES = {ROLES: 1, **made_of_roles(1)}
DISAGGREGATED = (
    Operation(
        "roles: create", None, _create_roles, roles(), lambda: of_roles((0, 0), (2, 2)), made=ALL_ROLES
    ),
    Operation(
        "roles: names taken",
        None,
        freeing(_create_roles, IN_THE_WAY_OF_ROLES),
        roles(),
        lambda: of_roles((0, 0), (2, 2)),
        made=ALL_ROLES,
        strangers=IN_THE_WAY_OF_ROLES,
    ),
    _of_roles("scale", roles(prefill=3, decode=1), serving=(2, 1), most=(3, 2), made={"Pod": 1}),
    _of_roles("roll", roles(image="b"), most=(3, 3), made=made_of_roles(1)),
    Operation(
        "roles: roll that waits",
        roles(),
        held(_roll_roles, of_image("b")),
        roles(image="b"),
        lambda: of_roles((2, 2), (3, 3)),
        made=made_of_roles(1),
        waits=True,
    ),
    _of_roles("revert", roles(image="b"), roles(), most=(3, 3), made=made_of_roles(2, pods=8)),
    _of_roles("slices", roles(slices=2), most=(4, 4), made=made_of_roles(0, slices=1)),
    _of_roles("fewer slices", roles(), before=roles(slices=2), most=(4, 4)),
    Operation(
        "roles: delete amid a roll",
        roles(),
        amid(_roll_roles, _delete_roles, 400),
        None,
        lambda: of_roles((0, 0), (3, 3)),
        made=made_of_roles(1),
    ),
)

ALL = made(2, revisions=1, LeaderWorkerSet=1, StatefulSet=1, Service=1)
A_ROLL = made(2, revisions=1)
ONE = {f"{NAME}-1": 1}

OPERATIONS: tuple[Operation, ...] = (
    Operation("create", None, _create, a_set(), lambda: of_set(0, 2), made=ALL),
    Operation(
        "names taken",
        None,
        freeing(_create, IN_THE_WAY),
        a_set(),
        lambda: of_set(0, 2),
        made=ALL,
        strangers=IN_THE_WAY,
    ),
    on_set("scale up", edit(spec_patch(replicas=4)), after={"replicas": 4}, serving=2, most=4, made=made(2)),
    on_set("scale down", edit(spec_patch(replicas=1)), after={"replicas": 1}, serving=1),
    on_set("scale to nothing", edit(spec_patch(replicas=0)), after={"replicas": 0}),
    on_set("roll", edit(image("b")), after={"image": "b"}, serving=1, made=A_ROLL),
    on_set(
        "roll with surge",
        edit(image("b")),
        of=a_set(maxSurge=1, maxUnavailable=0),
        after={"image": "b", "maxSurge": 1, "maxUnavailable": 0},
        serving=2,
        most=3,
        made=made(3, revisions=1),
    ),
    on_set(
        "roll in place",
        edit(image("b")),
        of=a_set(**IN_PLACE),
        after={"image": "b", **IN_PLACE},
        serving=1,
        made=made(revisions=2),
    ),
    on_set(
        "rollback",
        edit(image("b"), image("a")),
        after={"image": "a"},
        serving=1,
        made=made(4, revisions=1, ControllerRevision=1),  # the former template's, if it had been let go of
    ),
    on_set("restart", _restart, after={"image": "a"}, serving=1, recreated=ONE, made=made(1)),
    on_set("worker fails", _fail, after={"image": "a"}, serving=1, recreated=ONE, made=made(1, Pod=1)),
    on_set(
        "resize", edit(spec_patch(size=3)), after={"size": 3}, serving=1, made=made(2, size=3, revisions=1)
    ),
    on_set(
        "policy edit",
        edit(spec_patch(restartPolicy=c.RESTART_NONE)),
        after={"restartPolicy": c.RESTART_NONE},
        serving=1,
        made=A_ROLL,
    ),
    on_set(
        "network switch",
        edit({"spec": {"networkConfig": UNIQUE}}),
        after={"networkConfig": UNIQUE},
        serving=1,
        made={**A_ROLL, "Service": 2},
        left=(f"Service {NAME}",),
    ),
    on_set("take-over", _take_over, after={"image": "a"}, serving=2),
    on_set(
        "many edits",
        _many_edits,
        after=FINAL,
        bounds=AsAsked,
        made=made(15, size=3, revisions=5, Service=4),
        left=(f"Service {NAME}",),
    ),
    on_set("delete", _delete, after=None),
    on_set("delete in the foreground", _delete_in_foreground, after=None),
    on_set("delete amid a roll", amid(_roll, _delete, 250), after=None, made=A_ROLL),
    on_set(
        "take-over amid a roll", amid(_roll, _take_over, 250), after={"image": "b"}, serving=1, made=A_ROLL
    ),
    *DISAGGREGATED,
    *WAITING,
)

__all__ = ["NAME", "OPERATIONS", "SET", "Each", "Operation", "a_set", "roles"]
