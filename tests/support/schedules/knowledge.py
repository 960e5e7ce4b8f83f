"""What everybody in a world knows, as a number: from equal ones the same choices lead to the same.

By what they read and heard, not by what they made of it. All threads of the manager share their memory, so
the order of their steps counts always; the components share nothing but the API server. What is left out:
resourceVersions, which nobody compares across kinds, and the time, which moves with the number of steps.
"""

from __future__ import annotations

import msgspec

from support.apimodel.answers import Request
from support.apimodel.store import Change, Kind
from support.faults.world import World


class Knowledge:
    """Of a world, from now on. ``moved`` is told of every step."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._logs: dict[Kind, tuple[int, int]] = {x: (len(log), 0) for x, log in world.store.log.items()}
        self._syncs: dict[str, int] = {}  # of the StatefulSet controller, by UID
        self._manager = 0
        self._asked: list[Request] = []
        world.listeners.append(self._asked.append)

    @property
    def number(self) -> int:
        sets = self._world.sets
        controller = (*sets._heard.values(), *sets._dirty, "", *sets._again)
        return hash((self._said, self._manager, controller, tuple(sorted(self._syncs.items()))))

    def moved(self, who: str, *, threads: bool) -> None:
        """``threads``: it was one of the manager's."""
        before = self._said
        for kind, log in self._world.store.log.items():
            self._read(kind, log)
        if threads:
            heard = tuple((x._next, len(x._waiting)) for x in self._world.server.feeds)
            told = tuple(self._logs[x.where.kind] for x in self._asked if x.where is not None)
            self._manager = hash((self._manager, who, heard, told))
        running = self._world.sets._running
        for uid in [x for x in self._syncs if x not in running]:
            del self._syncs[uid]
        for uid in running:
            if who.endswith(uid):
                self._syncs[uid] = hash((self._syncs.get(uid), before, *self._world.sets._heard.values()))
        self._asked.clear()

    @property
    def _said(self) -> int:
        """Everything that was ever stored, each kind in its order."""
        return hash(tuple(self._logs.values()))

    def _read(self, kind: Kind, log: list[Change]) -> None:
        length, known = self._logs[kind]
        for change in log[length:]:
            known = hash((known, change.where.name, change.gone, _content(change)))
        self._logs[kind] = len(log), known


def _content(change: Change) -> bytes:
    metadata = {x: y for x, y in change.document["metadata"].items() if x != "resourceVersion"}
    return msgspec.json.encode({**change.document, "metadata": metadata})
