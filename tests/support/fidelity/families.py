"""Owners and what they own, made and deleted at random, with the garbage collector at work."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from support.apimodel.calling import ModelConnection
from support.apimodel.collector import Collector
from support.apimodel.podstates import going
from support.apimodel.server import Server
from support.fidelity.alike import differences
from support.fidelity.outcome import Outcome, outcome
from support.fidelity.playing import Player
from support.fidelity.requests import Step
from support.fidelity.sides import Asked, Document, Side
from support.fidelity.vocabularies import CONFIG_MAPS, VOCABULARIES
from support.waiting import until

NAMES = "abcdef"
HOLD = "example.com/hold"
RELEASE = {"metadata": {"$deleteFromPrimitiveList/finalizers": [HOLD]}}
MAPS = VOCABULARIES[CONFIG_MAPS.kind]


def history(seed: int, length: int) -> list[Step]:
    """All of them are made, and then so many steps follow."""
    random = Random(f"family {seed}")
    return [*(_make(random, x) for x in NAMES), *(_step(random) for _ in range(length))]


def _step(random: Random) -> Step:
    name = random.choice(NAMES)
    match random.choice(("make", "delete", "delete", "release", "disown")):
        case "make":
            return _make(random, name)
        case "delete":
            policy = random.choice(("Background", "Foreground", "Foreground", "Orphan"))
            return Step("delete", name, {"propagationPolicy": policy})
        case "release":
            return Step("strategic", name, RELEASE)
    return Step("merge", name, {"metadata": {"ownerReferences": None}})


def _make(random: Random, name: str) -> Step:
    """Owned by some that come before it in the alphabet, as they were seen last."""
    before = NAMES[: NAMES.index(name)]
    owners = random.sample(before, min(len(before), random.choice((0, 1, 1, 2))))
    references = [
        {
            "apiVersion": "v1",
            "kind": CONFIG_MAPS.kind,
            "name": x,
            "uid": f"$uid of {x}",
            "blockOwnerDeletion": random.random() < 0.7,
        }
        for x in owners
    ]
    held = {"finalizers": [HOLD]} if random.random() < 0.2 else {}
    return Step("create", name, {"metadata": {"ownerReferences": references, **held}})


class Family:
    """One history, of which the model has said already what comes of each step: the answer, what is there."""

    def __init__(self, seed: int, namespace: str, length: int = 15) -> None:
        self._namespace, self._steps = namespace, []
        server = Server(lambda: 0.0)
        collector, side = Collector(server), Side(ModelConnection(server))
        player = Player(side, MAPS, namespace)
        self._expected = []
        for step in history(seed, length):
            if _joins_who_goes(step, server):
                continue
            self._steps.append(step)
            answer = player.play(step)[:2]
            while moves := list(collector.moves()):
                moves[0]()
            self._expected.append((answer, self._seen(side)))

    def on_real(self, side: Side) -> list[str]:
        """Where it differs first."""
        player = Player(side, MAPS, self._namespace)
        for step, (answer, expected) in zip(self._steps, self._expected, strict=True):
            said = player.play(step)
            if said[:2] != answer:
                return [f"{step}: model {answer}, real {said}"]
            if lines := awaited(str(step), lambda: self._seen(side), expected):
                return [str(step), *lines]
        return []

    def _seen(self, side: Side) -> Outcome:
        """Of all but what the cluster puts into any namespace."""
        found: list[Document] = side.ask(Asked("GET", CONFIG_MAPS, self._namespace)).body["items"]
        head = {"apiVersion": "v1", "kind": CONFIG_MAPS.kind}
        return outcome([{**head, **x} for x in found if x["metadata"]["name"] in NAMES])


def _joins_who_goes(step: Step, server: Server) -> bool:
    """Made for owners of which one is on its way out: it is looked at when that one is, in its own time."""
    owners = (step.body or {}).get("metadata", {}).get("ownerReferences") or ()
    names = {x["name"] for x in owners}
    return any(x["metadata"]["name"] in names and going(x) for x in server.store.all(CONFIG_MAPS.kind))


def awaited(what: str, look: Callable[[], Outcome], expected: Outcome) -> list[str]:
    """Wait until all is as the model says; if it never is, where it is not."""
    try:
        until(what, look, expected.__eq__)
    except AssertionError:
        return differences(expected, look())
    return []
