"""What goes wrong around the manager while an operation goes on: watches, order, other controllers.

Each is told of every step; ``end`` puts right what would not heal by itself.
"""

from __future__ import annotations

from random import Random

from support.faults.meddling import meddle
from support.faults.world import Choice, Move, World


class Chaos:
    """Nothing does, for so many ``steps``."""

    steps = 0
    streams = True  # of the server
    lenient = False  # only what is there at the end counts

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def begin(self, world: World) -> None: ...

    def step(self, world: World) -> None: ...

    def end(self, world: World) -> None: ...


class Restarts(Chaos):
    """The process ends at any step, and comes back."""

    steps = 250

    def step(self, world: World) -> None:
        if self.random.random() < 0.02:
            world.crash()


class OlderView(Chaos):
    """Whoever takes over, or connects anew, sees at first what was a while ago."""

    steps = 250
    streams = False

    def step(self, world: World) -> None:
        if self.random.random() < 0.02:
            world.server.behind = self.random.randint(1, 30)
            world.crash()

    def end(self, world: World) -> None:
        world.server.behind = 0


class Hidden(Chaos):
    """Watches tell nothing for a while, and what happened meanwhile is forgotten."""

    steps = 300

    def step(self, world: World) -> None:
        if self.random.random() < 0.02:
            for feed in world.server.feeds:
                feed.blind = self.random.random() < 0.7
        elif self.random.random() < 0.01:
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

    steps = 300

    def step(self, world: World) -> None:
        if world.server.feeds and self.random.random() < 0.05:
            feed = self.random.choice(world.server.feeds)
            world.server.feeds.remove(feed)
            feed.cut = self.random.random() < 0.5
            feed.failed = not feed.cut


class Order(Chaos):
    """The StatefulSet controller hears nothing, kubelets are away, nothing is collected: each for a while."""

    steps = 400

    def step(self, world: World) -> None:
        if self.random.random() < 0.03:
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

    steps = 600
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
        if self._done in self._at or self.random.random() < 0.01:
            self._ranks[name] = -self.random.random()
        return move

    def end(self, world: World) -> None:
        world.choose = world.at_random


class Meddling(Chaos):
    """People and other programs edit and delete what the set has: none of it is a wish that lasts.

    What that does to groups meanwhile is theirs, so only the end counts.
    """

    steps = 400
    lenient = True

    def step(self, world: World) -> None:
        if self.random.random() < 0.02:
            meddle(world, self.random)
