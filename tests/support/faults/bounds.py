"""How many groups serve, and how many there are, of a set or of each role: what of that breaks a promise.

And how many objects it takes to make so many of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from lws.api import constants as c
from lws.api import disaggregation as d
from support.apimodel.store import Document
from support.faults.strangers import is_stranger

ROLES = ("prefill", "decode")
Counts = Mapping[str, int]
"""By role; of a set that has none, by the empty name."""


class Groups(NamedTuple):
    """``serving``: those that are whole and ready; ``there``: those with a leader pod, on its way out, too.

    Of a role as many are there as its sets ask for together: so a Deployment counts those of its ReplicaSets.
    """

    serving: Counts
    there: Counts


class Bounds(Protocol):
    """Told of the user's object at every step, None where there is none, and of the groups then."""

    def broken(self, wanted: Document | None, groups: Groups) -> Iterator[str]: ...


class Fixed(NamedTuple):
    """So many ``serving`` at least, and there ``most``, at any time."""

    serving: Counts
    most: Counts

    def broken(self, wanted: Document | None, groups: Groups) -> Iterator[str]:
        for role, number in self.serving.items():
            if groups.serving[role] < number:
                yield f"fewer than {number} groups serve{_of(role)}"
        for role, number in groups.there.items():
            if number > self.most.get(role, 0):
                yield f"more than {self.most.get(role, 0)} groups{_of(role)}"


def of_set(serving: int, most: int) -> Fixed:
    """Of one that has no roles."""
    return Fixed({"": serving}, {"": most})


def of_roles(serving: tuple[int, int], most: tuple[int, int]) -> Fixed:
    """Of prefill and of decode."""
    return Fixed(*(dict(zip(ROLES, x, strict=True)) for x in (serving, most)))


class AsAsked:
    """What the specs of a set so far ask for: what was decided by an earlier one may still be on its way."""

    def __init__(self) -> None:
        self._floor, self._ceiling = 10**6, 0

    def broken(self, wanted: Document | None, groups: Groups) -> Iterator[str]:
        if wanted is None:
            return
        replicas = wanted["spec"]["replicas"]
        rolling = wanted["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"]
        self._floor = min(self._floor, replicas - rolling["maxUnavailable"])
        self._ceiling = max(self._ceiling, replicas + rolling["maxSurge"])
        yield from of_set(self._floor, self._ceiling).broken(wanted, groups)


def groups_of(pods: Iterable[Document], sets: Iterable[Document]) -> Groups:
    """By their labels, as upstream's users tell them apart.

    What a label says that is no role was written by somebody's edit; nothing was promised of it.
    """
    members: dict[tuple[str, str], list[Document]] = {}
    for pod in pods:
        if not is_stranger(pod):
            members.setdefault((label(pod, c.NAME_LABEL), label(pod, c.GROUP_INDEX_LABEL)), []).append(pod)
    serving: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for one in sets:
        if (role := label(one, d.ROLE_LABEL)) in ROLES and not is_stranger(one):
            there[role] += one["spec"]["replicas"]
    for group in members.values():
        for leader in filter(is_leader, group):
            role = label(leader, d.ROLE_LABEL)
            there[role] += 0 if role else 1
            serving[role] += _serves(leader, group)
    return Groups(serving, there)


def _serves(leader: Document, group: list[Document]) -> bool:
    size = int((leader["metadata"].get("annotations") or {}).get(c.SIZE_ANNOTATION, 1))
    return len(group) >= size and all(_ready(x) and "deletionTimestamp" not in x["metadata"] for x in group)


def is_leader(pod: Document) -> bool:
    return label(pod, c.WORKER_INDEX_LABEL) == "0"


def label(document: Document, name: str) -> str:
    return str((document["metadata"].get("labels") or {}).get(name, ""))


def _ready(pod: Document) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(x["type"] == "Ready" and x["status"] == "True" for x in conditions)


def _of(role: str) -> str:
    return f" of {role}" if role else ""


def made(groups: int = 0, *, revisions: int = 0, size: int = 2, **more: int) -> dict[str, int]:
    """So many groups, and revisions of a set: for each template of a StatefulSet there is another one."""
    found = {"Pod": groups * size, "StatefulSet": groups, "ControllerRevision": 2 * revisions + groups}
    return {x: found.get(x, 0) + more.get(x, 0) for x in found | more}


def made_of_roles(generations: int, *, slices: int = 0, pods: int = 4) -> dict[str, int]:
    """So many generations of two roles of one slice, and ``slices`` more of one there is."""
    sets = 2 * (generations + slices)
    revisions = generations + 2 * sets
    more = {"ControllerRevision": revisions, "Service": 2 * sets}
    return {"LeaderWorkerSet": sets, "StatefulSet": sets, "Pod": pods, **more}
