"""What must hold at every step and at the end, whatever went wrong on the way. A line for each violation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lws.api import constants as c
from lws.controllers.groupstatus import GroupStatusMemory
from support.apimodel.store import Document, owner_of, uid_of
from support.faults.states import State, differences, state_of
from support.faults.world import NAMESPACE, NeverStable, World

FOREIGN = "foreign"


def plant_foreigners(world: World) -> None:
    """Objects of others, some of which look like ours. Whoever touches them is wrong."""
    labels = {"app": FOREIGN}
    pods = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "serviceName": FOREIGN, "template": pods}
    world.create("StatefulSet", {"metadata": {"name": FOREIGN, "namespace": NAMESPACE}, "spec": spec})
    world.create("Service", {"metadata": {"name": FOREIGN, "namespace": NAMESPACE}, "spec": {}})
    labelled = {"name": "s-foreign", "namespace": NAMESPACE, "labels": {c.NAME_LABEL: "another"}}
    world.create("ControllerRevision", {"metadata": labelled, "data": {}, "revision": 1})


def is_foreign(document: Document) -> bool:
    metadata = document["metadata"]
    return metadata["name"].startswith((FOREIGN, "s-foreign"))


class Watch:
    """Looks at a world at every step of an operation."""

    def __init__(self, world: World, *, serving: int = 0, most: int = 10**6) -> None:
        """``serving``: so many groups are ready at any time; ``most``: so many there are at most."""
        self.world, self.serving, self.most = world, serving, most
        self.violations: Counter[str] = Counter()
        self._from = {kind: len(log) for kind, log in world.store.log.items()}
        self._writes = len(world.writes)
        world.watchers.append(self.look)

    def look(self) -> None:
        leaders, serving = self.leaders(), 0
        for leader in leaders:
            serving += self._serves(leader)
        if serving < self.serving:
            self.violations[f"fewer than {self.serving} groups serve"] += 1
        if len(leaders) > self.most:
            self.violations[f"more than {self.most} groups"] += 1

    def leaders(self) -> list[Document]:
        return [x for x in self.world.store.all("Pod") if _label(x, c.WORKER_INDEX_LABEL) == "0"]

    def _serves(self, leader: Document) -> bool:
        index = _label(leader, c.GROUP_INDEX_LABEL)
        name = _label(leader, c.NAME_LABEL)
        size = int((leader["metadata"].get("annotations") or {}).get(c.SIZE_ANNOTATION, 1))
        mine = [
            x
            for x in self.world.store.all("Pod")
            if (_label(x, c.GROUP_INDEX_LABEL), _label(x, c.NAME_LABEL)) == (index, name)
        ]
        return len(mine) >= size and all(_ready(x) and "deletionTimestamp" not in x["metadata"] for x in mine)

    # What happened since.

    def made(self) -> Counter[str]:
        """Pods, StatefulSets, Services and revisions that were created, by kind."""
        found: Counter[str] = Counter()
        for kind, log in self.world.store.log.items():
            found[kind.kind] += sum(x.before is None for x in log[self._from[kind] :])
        return found

    def recreated(self) -> Counter[str]:
        """Leaders that the manager deleted, by name: of each incarnation one."""
        uids = {}
        for asked in self.world.writes[self._writes :]:
            if asked.method == "DELETE" and asked.where is not None and asked.where.kind.kind == "Pod":
                uids[(asked.body.get("preconditions") or {}).get("uid", "")] = asked.where.name
        return Counter(uids.values())

    def touched(self) -> Iterator[str]:
        """Foreign objects that were written by anybody but their own controllers."""
        for asked in self.world.writes[self._writes :]:
            if asked.where is not None and asked.where.name.startswith((FOREIGN, "s-foreign")):
                yield f"foreign object touched: {asked}"


def at_the_end(world: World, wanted: State | None, left: tuple[str, ...] = ()) -> list[str]:
    """The state is as a fresh one, and stays so when everything is looked at again and by another process.

    ``wanted`` None: whatever it is, it stays.
    """
    state = state_of(world.store)
    kept = {x: y for x, y in state.items() if x not in left}
    found = [] if wanted is None else differences(kept, wanted)
    version = world.store.version
    world.resync()
    world.settle()
    if _moved(world, version):
        found.append(f"writes at rest: {_last(world, version)}")
    version = world.store.version
    world.crash()
    try:
        world.settle()
    except NeverStable as error:
        found.append(str(error))
    if _moved(world, version):
        found.append(f"another start writes: {_last(world, version)}")
    return found


def _moved(world: World, version: int) -> bool:
    return bool(_changes(world, version))


def _last(world: World, version: int) -> str:
    return ", ".join(sorted(set(_changes(world, version)))[:3])


def _changes(world: World, version: int) -> list[str]:
    return [
        str(x.where)
        for kind, log in world.store.log.items()
        if kind.kind not in ("Event", "Lease")
        for x in reversed(log)
        if x.version > version
    ]


def forgotten(world: World) -> list[str]:
    """What the manager still remembers, though nothing is left that it could be about."""
    life = world.life
    assert life is not None
    found = [
        f"queue {x.name} remembers {x._queue.remembered} keys"
        for x in life.controllers
        if x._queue.remembered
    ]
    for informer in life.app.cache.informers:
        left = [x.key for x in informer.indexer.list() if x.labels.get(c.NAME_LABEL) != "another"]
        if left:
            found.append(f"cache of {informer.resource.plural} has {len(left)} objects")
        memories = (x for x in informer._feed._handlers if isinstance(x, GroupStatusMemory))
        found += [f"memory of {x.sets} sets" for x in memories if x.sets]
    return found


def _label(document: Document, name: str) -> str:
    return str((document["metadata"].get("labels") or {}).get(name, ""))


def _ready(pod: Document) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(x["type"] == "Ready" and x["status"] == "True" for x in conditions)


__all__ = ["Watch", "at_the_end", "forgotten", "is_foreign", "owner_of", "plant_foreigners", "uid_of"]
