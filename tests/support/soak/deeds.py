"""What happens at random: users' edits, deaths, other people's hands, and the manager's own end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from random import Random

from lws.api import constants as c
from lws.kube.errors import Conflict, NotFound
from lws.kube.resources import PODS, SERVICES, STATEFULSETS, Resource
from support.rolesets import role
from support.sets import LiveSet, template
from support.soak.world import IN_PLACE, KINDS, ROLES, World

IMAGES = [f"example.com/server:{number}" for number in range(4)]
POLICIES = (c.RESTART_RECREATE_GROUP, c.RESTART_NONE)
SUBDOMAINS = (c.SUBDOMAIN_SHARED, c.SUBDOMAIN_UNIQUE)

Deed = Callable[[World, Random], object]


def one_of(world: World, random: Random) -> LiveSet:
    return random.choice(world.lives)


def scale(world: World, random: Random) -> None:
    one_of(world, random).change(replicas=random.randint(0, 4))


def roll(world: World, random: Random) -> None:
    one_of(world, random).change(workerTemplate=template("worker", random.choice(IMAGES)))


def roll_in_place(world: World, random: Random) -> None:
    """In the pods that are there, which their own restarts and deaths may meet amid it."""
    images = template("worker", random.choice(IMAGES))
    world.sets[IN_PLACE].change(workerTemplate=images)


def resize(world: World, random: Random) -> None:
    one_of(world, random).change(size=random.randint(1, 3))


def network(world: World, random: Random) -> None:
    one_of(world, random).change(networkConfig={"subdomainPolicy": random.choice(SUBDOMAINS)})


def bounds(world: World, random: Random) -> None:
    one_of(world, random).change(maxUnavailable=random.randint(1, 2), maxSurge=random.randint(0, 2))


def policy(world: World, random: Random) -> None:
    one_of(world, random).change(restartPolicy=random.choice(POLICIES))


def make_anew(world: World, random: Random) -> None:
    name = random.choice(list(KINDS))
    world.sets[name].delete()
    world.sets[name].until("it to go", world.sets[name].children, lambda seen: not seen)
    world.make(name)


def pod_dies(world: World, random: Random) -> None:
    name = any_of(world, random, PODS)
    world.client.delete(PODS, dict, name, namespace=world.namespace, grace_period=random.choice((None, 0)))


def container_restarts(world: World, random: Random) -> None:
    patch = {"metadata": {"annotations": {"hollow.lws/restart": "0s"}}}
    world.client.merge_patch(PODS, dict, any_of(world, random, PODS), patch, namespace=world.namespace)


def child_deleted(world: World, random: Random) -> None:
    kind = random.choice((STATEFULSETS, SERVICES))
    world.client.delete(kind, dict, any_of(world, random, kind), namespace=world.namespace)


def child_scaled(world: World, random: Random) -> None:
    patch = {"spec": {"replicas": random.randint(0, 5)}}
    name = any_of(world, random, STATEFULSETS)
    world.client.merge_patch(STATEFULSETS, dict, name, patch, namespace=world.namespace)


def any_of(world: World, random: Random, kind: Resource) -> str:
    """The name of one that is there. Raises NotFound where none is."""
    names = [x["metadata"]["name"] for x in world.client.list(kind, dict, world.namespace)]
    if not names:
        raise NotFound(404, "NotFound")
    return str(random.choice(names))


def role_scaled(world: World, random: Random) -> None:
    world.change_role(random.choice(ROLES), replicas=random.randint(1, 3))


def role_rolled(world: World, random: Random) -> None:
    changed = role("x", image=random.choice(IMAGES))["spec"]["leaderWorkerTemplate"]
    world.change_role(random.choice(ROLES), leaderWorkerTemplate=changed)


def slices(world: World, random: Random) -> None:
    world.roles.change(slices=random.randint(1, 2))


def killed(world: World, _random: Random) -> None:
    world.restart()


def killed_and_a_pod_dies_meanwhile(world: World, random: Random) -> None:
    world.manager.kill()
    with contextlib.suppress(NotFound, Conflict):
        pod_dies(world, random)
    world.siege.close()
    world.manager.start()
    world.besiege()


OFTEN: tuple[Deed, ...] = (
    scale,
    roll,
    roll_in_place,
    resize,
    network,
    bounds,
    policy,
    make_anew,
    pod_dies,
    pod_dies,
    container_restarts,
    child_deleted,
    child_scaled,
    role_scaled,
    role_rolled,
    slices,
)
KILLS: tuple[Deed, ...] = (killed, killed_and_a_pod_dies_meanwhile)


def do(deed: Deed, world: World, random: Random) -> bool:
    """Whether it could be done: what was picked may be gone by then, or be written by another."""
    try:
        deed(world, random)
    except (NotFound, Conflict):
        return False
    return True
