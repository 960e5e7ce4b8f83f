"""Scenarios in the shorthand of reconcilers.md, 10.1: what somebody does, and what is seen then.

A step's ``shows`` is words such as ``S=5 p=3 4/0 A✗ P✓ U✓``; each word is what one of ``READERS`` must say:

==============  ======================================================================================
``S`` ``p``     replicas and partition of the leader StatefulSet
``4/0``         status.readyReplicas and status.updatedReplicas
``A P U``       Available, Progressing, UpdateInProgress of the present generation: ``✓`` True, ``✗`` False,
                ``-`` not there; also their reasons and messages are looked at
``R``           spec.replicas
``L`` ``W``     the leader StatefulSet is valid, the worker StatefulSets are
``workers``     the groups that have a worker StatefulSet
``built``       the same as container/replicas/size
``pods``        by what follows the set's name; ``!``: being deleted
``revs``        number of revisions; ``keys``: their keys, ``newest``: that with the highest number
``services``    ``shared`` or ``groups``, when exactly those are there as they should be
``scale``       spec.replicas and status.replicas of the scale subresource
==============  ======================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.errors import NotFound
from lws.planning.revisions import template_of
from support.bare import BareSet, uid_of
from support.sets import Document
from support.waiting import steady, until

CONDITIONS = {
    "A": (c.AVAILABLE, "AllGroupsReady", "All replicas are ready"),
    "P": (c.PROGRESSING, "GroupsProgressing", "Replicas are progressing"),
    "U": (c.UPDATE_IN_PROGRESS, "GroupsUpdating", "Rolling Upgrade is in progress"),
}
SIGNS = {"True": "✓", "False": "✗"}
Action = Callable[[BareSet], object]
Reader = Callable[[BareSet, Document], str]


class Step(NamedTuple):
    """``does`` one thing after the other; then ``shows`` is seen, and events with these notes.

    ``stays``: it is seen for a second without a change.
    """

    does: Sequence[Action]
    shows: str
    says: Sequence[str] = ()
    stays: bool = False


class Scenario(NamedTuple):
    """``members`` of the default object that differ, and the steps from there."""

    members: Mapping[str, Any]
    steps: Sequence[Step]


def play(one: BareSet, steps: Sequence[Step]) -> None:
    """Go through the steps. Raises AssertionError with the step, what it wants and what was seen last."""
    for number, step in enumerate(steps, 1):
        for action in step.does:
            action(one)
        wanted = parsed(step.shows)
        what = f"{one}: step {number} to show {step.shows}"
        until(what, lambda wanted=wanted: seen(one, wanted), wanted.__eq__)  # type: ignore[misc]
        if step.stays:
            still = steady(what, lambda wanted=wanted: seen(one, wanted))  # type: ignore[misc]
            assert still == wanted, f"{what}; it became {still}"
        for note in step.says:
            until(f"{one}: step {number} to say {note!r}", one.notes, lambda notes, note=note: note in notes)  # type: ignore[misc]


def parsed(shows: str) -> dict[str, str]:
    """What each reader must say."""
    wanted = {}
    for word in shows.split():
        if match := re.fullmatch(r"\d+/\d+", word):
            wanted["counts"] = word
        elif match := re.fullmatch(r"([APU])([✓✗-])", word):
            wanted[match[1]] = match[2]
        elif word in ("L", "W"):
            wanted[word] = "ok"
        else:
            name, _, value = word.partition("=")
            wanted[name] = value
    assert wanted.keys() <= READERS.keys(), f"{shows!r} has a word that nobody reads"
    return wanted


def seen(one: BareSet, names: Mapping[str, str]) -> dict[str, str]:
    """What the readers of these names say now."""
    # The set is read first: what else a pass did is there when its status is.
    lws = one.get()
    return {name: said(READERS[name], one, lws) for name in names}


def said(reader: Reader, one: BareSet, lws: Document) -> str:
    try:
        return reader(one, lws)
    except NotFound as error:
        return str(error)


def condition(lws: Document, letter: str) -> str:
    type_, reason, message = CONDITIONS[letter]
    generation = lws["metadata"]["generation"]
    status = lws.get("status", {})
    found = next((x for x in status.get("conditions", []) if x["type"] == type_), None)
    if found is None:
        return "-"
    if {generation} != {found["observedGeneration"], status.get("observedGeneration")}:
        return "of another generation"
    if (found["reason"], found["message"]) != (reason, message):
        return f"{found['reason']}: {found['message']}"
    return SIGNS[found["status"]]


def counts(_: BareSet, lws: Document) -> str:
    status = lws.get("status", {})
    return f"{status.get('readyReplicas', 0)}/{status.get('updatedReplicas', 0)}"


def leader_set_replicas(one: BareSet, _: Document) -> str:
    return str(one.leader_set()["spec"]["replicas"])


def built(one: BareSet, _: Document) -> str:
    sets = []
    for found in sorted(one.worker_sets(), key=lambda x: str(x["metadata"]["name"])):
        made = found["spec"]["template"]
        container, size = made["spec"]["containers"][0]["name"], made["metadata"]["annotations"]
        sets.append(f"{container}/{found['spec']['replicas']}/{size[c.SIZE_ANNOTATION]}")
    return ",".join(sets)


def pods(one: BareSet, _: Document) -> str:
    return ",".join(x.name.removeprefix(f"{one.name}-") + "!" * x.deleting for x in one.pods())


def keys(one: BareSet, _: Document) -> str:
    return ",".join(sorted(x["metadata"]["labels"][c.REVISION_LABEL] for x in one.revisions()))


def number(revision: Document) -> int:
    return int(revision["revision"])


def scale(one: BareSet, _: Document) -> str:
    read = one.read_scale()
    selector = f"{c.NAME_LABEL}={one.name},{c.WORKER_INDEX_LABEL}=0"
    if read["status"].get("selector") != selector:
        return f"selector {read['status'].get('selector')}"
    return f"{read['spec']['replicas']}/{read['status']['replicas']}"


def leader_set_faults(one: BareSet, lws: Document) -> str:
    """*Leader STS valid* of reconcilers.md, 10.0."""
    found, key = one.leader_set(), live_key(one)
    metadata, spec = found["metadata"], found["spec"]
    made = spec["template"]
    size = lws["spec"]["leaderWorkerTemplate"]["size"]
    ours = {c.NAME_LABEL: one.name, c.WORKER_INDEX_LABEL: "0"}
    checks = {
        "name label": metadata["labels"][c.NAME_LABEL] == one.name,
        "revision label": metadata["labels"][c.REVISION_LABEL] == key,
        "replicas annotation": metadata["annotations"][c.REPLICAS_ANNOTATION] == str(lws["spec"]["replicas"]),
        "template labels": made["metadata"]["labels"] == {**ours, c.REVISION_LABEL: key},
        "size annotation": made["metadata"]["annotations"][c.SIZE_ANNOTATION] == str(size),
        "exclusive annotation": exclusive(made["metadata"]) == exclusive(lws["metadata"]),
        "service name": spec["serviceName"] == one.name,
        "pod management": spec["podManagementPolicy"] == "Parallel",
        "selector": spec["selector"] == {"matchLabels": ours},
        "container": container(made) == container(lws["spec"]["leaderWorkerTemplate"]["leaderTemplate"]),
    }
    return faults(checks)


def worker_set_faults(one: BareSet, lws: Document) -> str:
    """*Worker STSs valid* of reconcilers.md, 10.0, for sets whose placement is not exclusive."""
    size, key = lws["spec"]["leaderWorkerTemplate"]["size"], live_key(one)
    found = {x["metadata"]["name"]: x for x in one.worker_sets()}
    replicas = one.leader_set()["spec"]["replicas"]
    if sorted(found) != [f"{one.name}-{group}" for group in range(replicas if size > 1 else 0)]:
        return f"they are {sorted(found)}"
    return next((x for x in (worker_set_fault(lws, y, key) for y in found.values()) if x != "ok"), "ok")


def worker_set_fault(lws: Document, found: Document, key: str) -> str:
    name, spec = found["metadata"]["name"], found["spec"]
    made, template = spec["template"], lws["spec"]["leaderWorkerTemplate"]
    wanted = {c.NAME_LABEL: lws["metadata"]["name"], c.GROUP_INDEX_LABEL: name.rpartition("-")[2]}
    labels = [x["metadata"]["labels"] for x in (found, made)]
    annotations = made["metadata"]["annotations"]
    checks = {
        "labels": all(wanted.items() <= x.items() and c.GROUP_KEY_LABEL in x for x in labels),
        "revision": all(x[c.REVISION_LABEL] == key for x in labels),
        "size annotation": annotations[c.SIZE_ANNOTATION] == str(template["size"]),
        "leader name": annotations[c.LEADER_NAME_ANNOTATION] == name,
        "exclusive annotation": exclusive(made["metadata"]) == exclusive(lws["metadata"]),
        "replicas": spec["replicas"] == template["size"] - 1,
        "pod management": spec["podManagementPolicy"] == "Parallel",
        "ordinals": spec["ordinals"] == {"start": 1},
        "container": container(made) == container(template["workerTemplate"]),
    }
    return faults(checks, of=f"{name}: ")


def services(one: BareSet, lws: Document) -> str:
    """``shared`` or ``groups`` when these services, and no others, are as reconcilers.md, 6 wants them."""
    found = {x["metadata"]["name"]: x for x in one.services()}
    leaders = {x.name: x for x in one.pods()}
    if set(found) == {one.name}:
        return service_faults(found[one.name], uid_of(lws), {c.NAME_LABEL: one.name}) or "shared"
    if set(found) != set(leaders):
        return f"they are {sorted(found)}"
    for name, leader in leaders.items():
        selector = {c.NAME_LABEL: one.name, c.GROUP_INDEX_LABEL: str(leader.group)}
        if wrong := service_faults(found[name], leader.uid, selector):
            return f"{name}: {wrong}"
    return "groups"


def service_faults(service: Document, owner: str, selector: Mapping[str, str]) -> str:
    spec, owners = service["spec"], service["metadata"]["ownerReferences"]
    checks = {
        "headless": spec["clusterIP"] == "None",
        "publishes unready addresses": spec.get("publishNotReadyAddresses") is True,
        "selector": spec["selector"] == selector,
        "owner": [(x["uid"], x["controller"]) for x in owners] == [(owner, True)],
    }
    return faults(checks).removesuffix("ok")


def faults(checks: Mapping[str, bool], *, of: str = "") -> str:
    wrong = [name for name, met in checks.items() if not met]
    return f"{of}wrong: {', '.join(wrong)}" if wrong else "ok"


def exclusive(metadata: Document) -> str | None:
    return metadata.get("annotations", {}).get(c.EXCLUSIVE_TOPOLOGY_ANNOTATION)


def container(template: Document) -> str:
    return str(template["spec"]["containers"][0]["name"])


def live_key(one: BareSet) -> str:
    """The key of what the set's spec says now."""
    return template_of(one.client.get(LEADERWORKERSETS, LeaderWorkerSet, one.name, one.namespace)).key


READERS: dict[str, Reader] = {
    "S": leader_set_replicas,
    "p": lambda one, _: str(one.partition),
    "counts": counts,
    "A": lambda _, lws: condition(lws, "A"),
    "P": lambda _, lws: condition(lws, "P"),
    "U": lambda _, lws: condition(lws, "U"),
    "R": lambda _, lws: str(lws["spec"]["replicas"]),
    "L": leader_set_faults,
    "W": worker_set_faults,
    "workers": lambda one, _: ",".join(map(str, one.groups_with_workers())),
    "built": built,
    "pods": pods,
    "revs": lambda one, _: str(len(one.revisions())),
    "keys": keys,
    "newest": lambda one, _: str(max(one.revisions(), key=number)["metadata"]["labels"][c.REVISION_LABEL]),
    "services": services,
    "scale": scale,
}
