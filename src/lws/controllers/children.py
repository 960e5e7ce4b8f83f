"""Writes the objects that a set owns, where an answer may be no: a refusal, or a name that is taken.

Neither is a failure (docs/decisions/120, 121): the outcome says what is in the way, and when to look again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from lws.api.constants import FIELD_MANAGER, NAME_LABEL
from lws.controllers.applied import AppliedMemory, apply_changes_nothing
from lws.controllers.effects import Effects
from lws.controllers.outcomes import Outcome, TakenNames
from lws.controllers.refusals import RefusalMemory, is_verdict, replaced
from lws.controllers.resources import Kind
from lws.kube.client import Client
from lws.kube.errors import AlreadyExists, Invalid, KubeError, NotFound, TransportError
from lws.objects import Key, KubeObject
from lws.planning.actions import Apply, Create, Document, Patch
from lws.planning.ownership import Standing, name_taken, standing
from lws.planning.problems import refused
from lws.runtime.clock import Clock
from lws.runtime.informers import Informer

GONE_RETRY: Final = 1.0
"""Seconds until another look at what came or went while we looked."""

Write = Apply | Create | Patch


class Children:
    """Each method raises the KubeError of a write that failed."""

    def __init__(
        self,
        client: Client,
        informers: Mapping[str, Informer[Any]],
        *,
        kinds: Mapping[str, Kind],
        effects: Effects,
        clock: Clock,
        ours: str = NAME_LABEL,
        wake: Callable[[Key], None] = lambda _: None,
    ) -> None:
        """``ours``: the label by which the informers see what is created. ``wake``: see ``RefusalMemory``."""
        self._ours = ours
        self._client = client
        self._informers = informers
        self._kinds = kinds
        self._effects = effects
        self._applied = AppliedMemory()
        self.forget = self._applied.forget
        self._refusals = RefusalMemory(clock, wake=wake)
        self._taken = TakenNames(clock)

    def apply(self, action: Apply) -> Outcome:
        """Nothing is sent when it would change nothing."""
        return self._unless_refused(action, self._send_apply)

    def create(self, action: Create) -> Outcome:
        """One that is there already is ours, or is in the way."""
        key = _key_of(action.document)
        known = self._taken.known(action.kind, key)
        if known is not None:
            return known
        try:
            return self._unless_refused(action, self._send_create)
        except AlreadyExists:
            return self._look_again(action, key)
        except TransportError as error:  # was it made, and only the answer lost?
            found = None if error.refused else self._read(action.kind, key)
            if found is None:
                self._effects.failed(action.failed, error)
                raise
            return self._judge(action, key, found)

    def patch(self, action: Patch) -> Outcome:
        """What is gone, or is another object by now, is left to the next pass, which news of it leads to.

        A Conflict is raised: the server gives up after some tries of its own where many write at once, and
        nothing that happens then need lead to another pass.
        """
        outcome = self._unless_refused(action, self._send_patch)
        problems = tuple(replace(x, unmet=action.unmet) for x in outcome.problems)
        return outcome._replace(problems=problems)

    def _unless_refused(self, action: Write, send: Callable[[Any], None]) -> Outcome:
        """Send it, unless the server has refused this very document a short while ago."""
        kind, key, document = action.kind, _key_of(action.document), action.document
        refusal = self._refusals.standing(kind, key, document)
        if refusal is None:
            try:
                send(action)
            except AlreadyExists:
                raise
            except KubeError as error:
                if isinstance(action, Create) and isinstance(error, TransportError):
                    raise  # whether it was made is to be seen
                self._effects.failed(action.failed, error)
                if not is_verdict(error, created=isinstance(action, Create)):
                    raise
                refusal = self._refusals.note(kind, key, document, error)
            else:
                self._refusals.taken(kind, key, document)
                return Outcome()
        problem = refused({"kind": kind, **document}, refusal.words)
        return Outcome(self._refusals.left(refusal), (problem,))

    def _send_apply(self, action: Apply) -> None:
        if self._holds(action):
            return
        resource, type_ = self._kinds[action.kind]
        written = self._client.apply(resource, type_, action.document)
        self._applied.remember(action.document, written)
        self._observe(action.kind, written)
        self._effects.done("Applied", action.kind, written.key, action.then)

    def _holds(self, action: Apply) -> bool:
        """The cache, or else one read of the live object, says that the apply would change nothing."""
        key = _key_of(action.document)
        observed = self._informers[action.kind].get(key)
        if observed is None:
            return False
        known = self._applied.holds(action.document, observed)
        return self._holds_live(action, key, observed) if known is None else known

    def _holds_live(self, action: Apply, key: Key, observed: KubeObject) -> bool:
        """After a restart nothing is remembered: read the object once, with its managedFields."""
        resource, _ = self._kinds[action.kind]
        live: dict[str, Any] = self._client.get(resource, dict, key.name, key.namespace)
        if live["metadata"]["uid"] != observed.uid or not apply_changes_nothing(
            action.document, live, FIELD_MANAGER
        ):
            return False
        self._applied.remember(action.document, observed)
        return True

    def _send_create(self, action: Create) -> None:
        resource, type_ = self._kinds[action.kind]
        written = self._client.create(resource, type_, action.document)
        self._observe(action.kind, written)
        self._effects.done("Created", action.kind, written.key, action.then)

    def _send_patch(self, action: Patch) -> None:
        resource, type_ = self._kinds[action.kind]
        key, patch = _key_of(action.document), action.document
        try:
            written = self._client.merge_patch(
                resource, type_, key.name, patch, namespace=key.namespace, strategic=action.strategic
            )
        except NotFound:
            if "resourceVersion" in patch["metadata"]:
                raise  # what was decided by it is void, and what follows from it
            return
        except Invalid as error:
            if not replaced(error):
                raise
            return
        self._observe(action.kind, written)
        self._effects.done("Patched", action.kind, written.key, action.then)

    def _look_again(self, action: Create, key: Key) -> Outcome:
        """Another pass won, the watch is late, or the name is taken by an object outside our view."""
        found = self._read(action.kind, key)
        return Outcome(GONE_RETRY) if found is None else self._judge(action, key, found)

    def _judge(self, action: Create, key: Key, found: KubeObject) -> Outcome:
        """Ours, though the answer was lost; or somebody else's, who is in the way."""
        wanted = {"kind": action.kind, **action.document}
        verdict, problem = standing(found, wanted), name_taken(found, wanted)
        if verdict is Standing.OURS:
            if self._ours not in found.labels:
                found = self._put_labels_back(action, found)
            self._effects.follow(action.then)
        if self._ours in found.labels:
            self._observe(action.kind, found)
        if verdict is Standing.FOREIGN:
            self._effects.tell(action.failed, problem.message)
            return self._taken.note(action.kind, key, problem)
        if verdict is Standing.PASSING:
            return Outcome(GONE_RETRY, (problem,))
        return Outcome(GONE_RETRY) if self._ours in found.labels else self._taken.note(action.kind, key)

    def _put_labels_back(self, action: Create, found: KubeObject) -> KubeObject:
        """Without them it is ours still, by its owner, but no watch of ours shows it."""
        resource, type_ = self._kinds[action.kind]
        patch = {"metadata": {"uid": found.uid, "labels": action.document["metadata"]["labels"]}}
        return self._client.merge_patch(resource, type_, found.name, patch, namespace=found.namespace)

    def _read(self, kind: str, key: Key) -> KubeObject | None:
        resource, type_ = self._kinds[kind]
        try:
            return self._client.get(resource, type_, key.name, key.namespace)
        except NotFound:
            return None

    def _observe(self, kind: str, written: KubeObject) -> None:
        informer = self._informers.get(kind)
        if informer is not None:
            informer.observe_write(written)


def _key_of(document: Document) -> Key:
    metadata = document["metadata"]
    return Key(metadata.get("namespace", ""), metadata["name"])
