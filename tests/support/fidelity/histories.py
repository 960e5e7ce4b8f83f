"""What users do, played on the model with a manager in it, and on a real cluster with a real manager.

After each edit all comes to rest, on the model by looking, on the real one by waiting for what the model
says.
"""

from __future__ import annotations

from lws.controllers.resources import DISAGGREGATEDSETS, LEADERWORKERSETS, ROLE_SCALERS
from lws.kube.resources import CONTROLLER_REVISIONS, PODS, SERVICES, STATEFULSETS
from support.apimodel.calling import ModelConnection
from support.faults.world import World
from support.fidelity.families import awaited
from support.fidelity.outcome import Outcome, outcome
from support.fidelity.sides import Asked, Document, Side
from support.fidelity.users import edits

KINDS = (
    LEADERWORKERSETS,
    DISAGGREGATEDSETS,
    ROLE_SCALERS,
    STATEFULSETS,
    SERVICES,
    CONTROLLER_REVISIONS,
    PODS,
)
QUIET = 60.0
"""Seconds of the model's clock without a change. Less than after which a group's restarts are forgotten."""


class Users:
    """One history, of which the model has said already what comes of each edit: the answer, what is there."""

    def __init__(self, kind: str, seed: int, namespace: str, length: int = 5) -> None:
        self._namespace, self._edits = namespace, edits(kind, seed, length, namespace)
        self._expected = []
        with World(seed, max_unavailable=False) as world:
            side = Side(ModelConnection(world.server))
            world.start()
            world.settle(QUIET)
            for edit in self._edits:
                answer = side.ask(edit.asked)[:2]
                world.settle(QUIET)
                self._expected.append((answer, self._seen(side)))

    def on_real(self, side: Side) -> list[str]:
        """Each edit, until what the model says is there. Where it differs first."""
        for edit, (answer, expected) in zip(self._edits, self._expected, strict=True):
            said = side.ask(edit.asked)
            if said[:2] != answer:
                return [f"{edit.what}: model {answer}, real {said}"]
            if lines := awaited(edit.what, lambda: self._seen(side), expected):
                return [f"after: {edit.what}", *lines]
        return []

    def _seen(self, side: Side) -> Outcome:
        """What is there now."""
        found: list[Document] = []
        for kind in KINDS:
            head = {"apiVersion": kind.api_version, "kind": kind.kind}
            items = side.ask(Asked("GET", kind, self._namespace)).body["items"]
            found += ({**head, **x} for x in items)
        return outcome(found)
