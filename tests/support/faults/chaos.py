"""What goes wrong around the manager while an operation goes on: watches, order, other controllers.

Each is told of every step until all is at rest, those between two edits of an operation too; ``end`` puts
right what would not heal by itself. Blows become rarer the longer it goes on, or nothing would ever be done.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from lws.api import constants as c
from lws.controllers.outcomes import FOREIGN_RETRY
from support.apimodel.store import Document
from support.faults.edits import EDITS, HARMLESS, HARMLESS_TO_ANY, MENDED, RELABELLED, Deed
from support.faults.meddling import meddle
from support.faults.oracles import PATIENCE, at_a_pause
from support.faults.strangers import is_stranger
from support.faults.world import QUIET, Choice, Move, World

HALF = 300
"""Steps after which a blow is half as likely as at the beginning."""


class Chaos:
    """Nothing does. ``steps``: so many there have been."""

    streams = True  # of the server
    lenient = False  # only what is there at the end counts

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.steps = 0

    def each(self, world: World) -> None:
        """Before every step."""
        self.steps += 1
        self.step(world)

    def strikes(self, chance: float) -> bool:
        """``chance``: at the beginning."""
        return self.random.random() < chance * HALF / (HALF + self.steps)

    def begin(self, world: World) -> None: ...

    def step(self, world: World) -> None: ...

    def end(self, world: World) -> None: ...

    def mend(self, world: World) -> list[str]:
        """What users do when all is at rest, and what is wrong with what they were told or on the way."""
        return []


class LooksAgain(Chaos):
    """Nothing goes wrong. At every pause everything is looked at again, which has to find nothing: what is
    to be done then waits for news that nobody brings.

    Excused is what waits for a stranger's name: no watch of ours shows when it is free, so it is asked for
    again after ``FOREIGN_RETRY``.
    """

    def begin(self, world: World) -> None:
        self._found: list[str] = []
        self._strangers, self._freed = _strangers(world), -FOREIGN_RETRY

    def step(self, world: World) -> None:
        if world.pause <= PATIENCE:
            return
        if (strangers := _strangers(world)) != self._strangers:
            self._strangers, self._freed = strangers, world.tasks.time
        if world.tasks.time >= self._freed + FOREIGN_RETRY:
            self._found += at_a_pause(world)

    def mend(self, world: World) -> list[str]:
        return self._found


class Restarts(Chaos):
    """The process ends at any step, and comes back."""

    def step(self, world: World) -> None:
        if self.strikes(0.02):
            world.crash()


class OlderView(Chaos):
    """Whoever takes over, or connects anew, sees at first what was a while ago."""

    streams = False

    def step(self, world: World) -> None:
        if self.strikes(0.02):
            world.server.behind = self.random.randint(1, 30)
            world.crash()

    def end(self, world: World) -> None:
        world.server.behind = 0


class OlderReconnect(Chaos):
    """Watches end, break or tell nonsense, and whoever answers then is behind: by a list in half of all runs,
    by a stream in the others. Not behind what was heard already, as that is asked for.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.streams = self.random.random() < 0.5

    def step(self, world: World) -> None:
        feeds = world.server.feeds
        if not feeds or not self.strikes(0.05):
            return
        world.server.behind = self.random.randint(0, 30)
        feed = feeds.pop(self.random.randrange(len(feeds)))
        match self.random.choice(("cut", "failed", "garbled", "garbled")):
            case "cut":
                feed.cut = True
            case "failed":
                feed.failed = True
            case "garbled":  # an event was lost, so a list is needed, which a mere reconnect is without
                feed.garble()

    def end(self, world: World) -> None:
        world.server.behind = 0


class Hidden(Chaos):
    """Watches tell nothing for a while, and what happened meanwhile is forgotten."""

    def step(self, world: World) -> None:
        if self.strikes(0.02):
            for feed in world.server.feeds:
                feed.blind = self.random.random() < 0.7
        elif self.strikes(0.01):
            self._forget(world)

    def _forget(self, world: World) -> None:
        world.store.compact()
        for feed in world.server.feeds:
            if feed.blind:
                feed.forget()
                feed.blind = False

    def end(self, world: World) -> None:
        self._forget(world)


class CutWatches(Chaos):
    """Watches end, or break, at any step."""

    def step(self, world: World) -> None:
        if world.server.feeds and self.strikes(0.05):
            feed = self.random.choice(world.server.feeds)
            world.server.feeds.remove(feed)
            feed.cut = self.random.random() < 0.5
            feed.failed = not feed.cut


class Order(Chaos):
    """The StatefulSet controller hears nothing, kubelets are away, nothing is collected: each for a while."""

    def step(self, world: World) -> None:
        if self.strikes(0.03):
            world.sets.deaf = self.random.random() < 0.4
            world.nodes.away = self.random.random() < 0.4
            world.collector.away = self.random.random() < 0.4

    def end(self, world: World) -> None:
        world.sets.deaf = world.nodes.away = world.collector.away = False


class Priorities(Chaos):
    """The order of all steps by priorities that are drawn once, and a few times on the way (PCT, ASPLOS '10).

    Whoever is last does nothing while anybody else can: every bug that needs few orders of steps to be just
    so is met with a chance that is known.
    """

    changes = 4

    def begin(self, world: World) -> None:
        self._ranks: dict[str, float] = {}
        self._at = {self.random.randrange(200) for _ in range(self.changes)}
        self._done = 0
        world.choose = self._choose

    def _choose(self, choices: list[Choice]) -> Move:
        for name, _ in choices:
            self._ranks.setdefault(name, self.random.random())
        self._done += 1
        name, move = max(choices, key=lambda x: self._ranks[x[0]])
        if self._done in self._at or self.strikes(0.01):
            self._ranks[name] = -self.random.random()
        return move

    def end(self, world: World) -> None:
        world.choose = world.at_random


class Meddling(Chaos):
    """People and other programs edit and delete what the set has: none of it is a wish that lasts.

    What that does to groups meanwhile is theirs, so only the end counts.
    """

    deeds: Sequence[Deed] = EDITS
    chance = 0.02
    lenient = True

    def step(self, world: World) -> None:
        if self.strikes(self.chance):
            meddle(world, self.random, self.deeds)


class MeddlingMended(Meddling):
    """Nothing that cuts a child off."""

    deeds = MENDED


class Harmless(Meddling):
    """Only what costs no pod."""

    deeds, chance, lenient = HARMLESS, 0.06, False


class HarmlessToAny(Harmless):
    """Nor anything of a set that goes."""

    deeds = HARMLESS_TO_ANY


class Relabelled(Meddling):
    """Pods lose labels by which they are known, for good. Users do what they are told: see ``mend``."""

    deeds, chance = RELABELLED, 0.01

    def begin(self, world: World) -> None:
        self._edited: dict[str, str] = {}

    def step(self, world: World) -> None:
        if self.strikes(self.chance) and (pod := meddle(world, self.random, self.deeds)) is not None:
            self._edited[pod["metadata"]["uid"]] = pod["metadata"]["name"]

    def mend(self, world: World) -> list[str]:
        """While a set is not available it has to name a pod that is in its way: that one is deleted."""
        while told := [x for x in world.store.all("LeaderWorkerSet") if not _holds(x, c.AVAILABLE)]:
            message = " ".join(_message(x, c.STALLED) for x in told)
            named = [uid for uid, name in self._edited.items() if f"Pod {name} " in message]
            if not named:
                return [f"nothing is told of {', '.join(self._edited.values())}: {message}"]
            self._delete(world, named)
        self._delete(world, list(self._edited))  # those that may stay as they are would not be as fresh ones
        return []

    def _delete(self, world: World, uids: list[str]) -> None:
        for uid in uids:
            del self._edited[uid]
            if (where := world.store.by_uid.get(uid)) is not None:
                world.server.delete(where)
        world.settle(2 * QUIET)  # the StatefulSet controller tries again after up to a quarter of an hour


def _strangers(world: World) -> int:
    return sum(is_stranger(x) for _, x in world.store.everything())


def _condition(document: Document, type_: str) -> Document:
    conditions = document.get("status", {}).get("conditions", ())
    return next((x for x in conditions if x["type"] == type_), {})


def _holds(document: Document, type_: str) -> bool:
    return bool(_condition(document, type_).get("status") == "True")


def _message(document: Document, type_: str) -> str:
    return str(_condition(document, type_).get("message", ""))
