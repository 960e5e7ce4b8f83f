"""What users do with sets, at random: made, scaled, rolled, rolled back, resized, restarted, deleted."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.controllers.resources import DISAGGREGATEDSETS, LEADERWORKERSETS
from lws.kube.client import MERGE_PATCH
from lws.kube.resources import PODS, Resource
from support.admission import an_lws, spec_patch
from support.disaggregated import a_role
from support.fidelity.sides import Asked, Document

SET, ROLES = "s", "d"
IMAGES = tuple(f"app:{x}" for x in "abcd")


class Edit(NamedTuple):
    """``what``: in words."""

    what: str
    asked: Asked


def edits(kind: str, seed: int, length: int, namespace: str) -> list[Edit]:
    """One history: an object is made, changed so many times, and deleted."""
    user = _User(Random(f"{kind} {seed}"), namespace)
    if kind == d.KIND:
        changes = [user.make_roles(), *(user.change_roles() for _ in range(length))]
        return [*changes, user.delete(DISAGGREGATEDSETS, ROLES)]
    changes = [user.make_set(), *(user.change_set() for _ in range(length))]
    return [*changes, user.delete(LEADERWORKERSETS, SET)]


class _User:
    """Remembers what the spec says, so that each edit makes sense."""

    def __init__(self, random: Random, namespace: str) -> None:
        self._random, self._namespace = random, namespace
        self._image, self._former = IMAGES[0], IMAGES[0]
        self._replicas = self._size = 1
        self._roles = {"prefill": 1, "decode": 1}
        self._slices = 1
        self._restarts = 0

    def delete(self, resource: Resource, name: str) -> Edit:
        policy = self._random.choice(("Background", "Background", "Foreground", "Orphan"))
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy}
        asked = Asked("DELETE", resource, self._namespace, name, body=body)
        return Edit(f"delete, {policy}", asked)

    # LeaderWorkerSets.

    def make_set(self) -> Edit:
        choice = self._random.choice
        self._replicas, self._size = choice((1, 2, 3)), choice((1, 2, 2, 3))
        surge = choice((0, 0, 1))
        members: Document = {
            "replicas": self._replicas,
            "size": self._size,
            "maxSurge": surge,
            "restartPolicy": choice((c.RESTART_RECREATE_GROUP, c.RESTART_RECREATE_GROUP, c.RESTART_NONE)),
            "startupPolicy": choice((c.STARTUP_LEADER_CREATED, c.STARTUP_LEADER_READY)),
            "networkConfig": {"subdomainPolicy": choice((c.SUBDOMAIN_SHARED, c.SUBDOMAIN_UNIQUE))},
            "podUpdatePolicy": choice((None, None, c.POD_UPDATE_IN_PLACE)),
            "leaderTemplate": choice((None, self._template())),
            "workerTemplate": self._template(),
        }
        metadata = {"name": SET, "namespace": self._namespace}
        document = an_lws(metadata=metadata, **members)
        said = {x: y for x, y in members.items() if "Template" not in x}
        return Edit(f"create {said}", Asked("POST", LEADERWORKERSETS, self._namespace, body=document))

    def _template(self) -> Document:
        return {"spec": {"containers": [{"name": "c", "image": self._image}]}}

    def change_set(self) -> Edit:
        ways: tuple[Callable[[], Edit], ...] = (
            self._scale,
            self._roll,
            self._roll_back,
            self._resize,
            self._restart,
            self._delete_pod,
            self._change_policy,
            self._label,
        )
        return self._random.choice(ways)()

    def _patch(self, what: str, patch: Document) -> Edit:
        asked = Asked("PATCH", LEADERWORKERSETS, self._namespace, SET, "", patch, MERGE_PATCH)
        return Edit(what, asked)

    def _change(self, what: str, **members: Any) -> Edit:
        return self._patch(what, spec_patch(**members))

    def _scale(self) -> Edit:
        self._replicas = self._random.choice([x for x in range(5) if x != self._replicas])
        return self._change(f"scale to {self._replicas}", replicas=self._replicas)

    def _roll(self) -> Edit:
        image = self._random.choice([x for x in IMAGES if x != self._image])
        self._former, self._image = self._image, image
        return self._change(f"roll to {image}", workerTemplate=self._template())

    def _roll_back(self) -> Edit:
        if self._former == self._image:
            return self._roll()
        self._former, self._image = self._image, self._former
        return self._change(f"roll back to {self._image}", workerTemplate=self._template())

    def _resize(self) -> Edit:
        self._size = self._random.choice([x for x in (1, 2, 3) if x != self._size])
        return self._change(f"resize to {self._size}", size=self._size)

    def _restart(self) -> Edit:
        self._restarts += 1
        mark = {"metadata": {"annotations": {c.RESTARTED_AT_ANNOTATION: str(self._restarts)}}}
        return self._change("restart", workerTemplate=mark)

    def _delete_pod(self) -> Edit:
        """A leader, or a worker; where there is none that is refused."""
        name = f"{SET}-{self._random.randrange(max(1, self._replicas))}"
        worker = self._random.randrange(self._size)
        name = f"{name}-{worker}" if worker else name
        return Edit(f"delete pod {name}", Asked("DELETE", PODS, self._namespace, name))

    def _change_policy(self) -> Edit:
        name, value = self._random.choice(
            (
                ("restartPolicy", c.RESTART_NONE),
                ("restartPolicy", c.RESTART_RECREATE_GROUP),
                ("restartPolicy", c.RESTART_RECREATE_GROUP_AFTER_START),
                ("startupPolicy", c.STARTUP_LEADER_READY),
                ("startupPolicy", c.STARTUP_LEADER_CREATED),
                ("networkConfig", {"subdomainPolicy": c.SUBDOMAIN_UNIQUE}),
                ("networkConfig", {"subdomainPolicy": c.SUBDOMAIN_SHARED}),
                ("maxSurge", 1),
                ("podUpdatePolicy", c.POD_UPDATE_IN_PLACE),
                ("podUpdatePolicy", None),
            )
        )
        return self._change(f"{name} = {value}", **{name: value})

    def _label(self) -> Edit:
        key, value = self._random.choice((("team", "one"), ("team", None), ("stage", "two")))
        metadata = {self._random.choice(("labels", "annotations")): {f"example.com/{key}": value}}
        return self._patch(f"{metadata}", {"metadata": metadata})

    # DisaggregatedSets.

    def make_roles(self) -> Edit:
        body = {
            "apiVersion": d.API_VERSION,
            "kind": d.KIND,
            "metadata": {"name": ROLES},
            "spec": self._spec(),
        }
        return Edit("create roles", Asked("POST", DISAGGREGATEDSETS, self._namespace, body=body))

    def _spec(self) -> Document:
        rolling = {"surge": 1, "unavailable": 0}
        roles = [a_role(name, count, image=self._image, **rolling) for name, count in self._roles.items()]
        return {"slices": self._slices, "roles": roles}

    def change_roles(self) -> Edit:
        match self._random.choice(("scale", "roll", "roll back", "slices")):
            case "scale":
                self._roles = {x: y % 3 + self._random.choice((1, 2)) for x, y in self._roles.items()}
            case "roll":
                image = self._random.choice([x for x in IMAGES if x != self._image])
                self._former, self._image = self._image, image
            case "roll back":
                self._former, self._image = self._image, self._former
            case "slices":
                self._slices = 3 - self._slices
        asked = Asked(
            "PATCH", DISAGGREGATEDSETS, self._namespace, ROLES, "", {"spec": self._spec()}, MERGE_PATCH
        )
        return Edit(f"{self._roles}, {self._image}, {self._slices} slices", asked)
