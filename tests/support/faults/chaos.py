"""What goes wrong around the manager while an operation goes on: watches, order, other controllers.

Each is told of every step until all is at rest, those between two edits of an operation too; ``end`` puts
right what would not heal by itself. Blows become rarer the longer it goes on, or nothing would ever be done.
"""

from __future__ import annotations

from random import Random

from support.faults.meddling import meddle
from support.faults.world import Choice, Move, World

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

    lenient = True

    def step(self, world: World) -> None:
        if self.strikes(0.02):
            meddle(world, self.random)
