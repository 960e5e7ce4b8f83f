"""Carries plans out: the only place where the controllers write to the API server.

Every answer of a write goes straight into the cache it came from (own-write memory), so a late watch
never makes a second write. Actions are idempotent, so dying between two of them loses nothing.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cachetools import LRUCache, TTLCache

from lws.api.constants import FIELD_MANAGER, NAME_LABEL
from lws.controllers.applied import AppliedMemory, apply_changes_nothing, digest
from lws.controllers.effects import Effects, Recorder
from lws.controllers.groupstatus import GroupStatusMemory
from lws.controllers.resources import KINDS, Kind
from lws.kube.client import Client
from lws.kube.errors import AlreadyExists, Conflict, Invalid, KubeError, NotFound, TransportError
from lws.objects import Key, KubeObject
from lws.planning.actions import (
    Action,
    Apply,
    Create,
    Delete,
    Document,
    Measurement,
    PatchMetadata,
    PatchStatus,
    Record,
    Requeue,
    StoreEntry,
)
from lws.runtime.events import EventRecorder
from lws.runtime.informers import Informer

# How long an object that exists outside our view (its labels are not ours) is left alone before the
# server is asked again, in seconds.
FOREIGN_TTL = 300.0
# How long a document that the API server found invalid is not sent again, in seconds.
REFUSED_TTL = 300.0


class Executor:
    """Runs the actions of one plan in order; the first that fails ends the plan with its exception.

    ``kinds``: what a plan may name. ``measure`` is told of what plans want measured, ``hand_over`` gets the
    entries of groups, to be written with others of their set.
    """

    def __init__(
        self,
        client: Client,
        informers: Mapping[str, Informer[Any]],
        recorder: Recorder | EventRecorder,
        *,
        hand_over: Callable[[StoreEntry], None],
        ledger: GroupStatusMemory | None = None,
        kinds: Mapping[str, Kind] = KINDS,
        measure: Callable[[Measurement], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._kinds = kinds
        self._ledger = ledger or GroupStatusMemory()
        self._informers = informers
        self._effects = Effects(recorder, measure)
        self._hand_over = hand_over
        self._applied = AppliedMemory()
        self._foreign: TTLCache[tuple[str, Key], bool] = TTLCache(4096, FOREIGN_TTL)
        self._own: LRUCache[str, str] = LRUCache(100_000)
        self._unanswered: LRUCache[str, bool] = LRUCache(4096)  # UIDs of what may be deleted by now
        self._refused: TTLCache[tuple[Key, bytes], Invalid] = TTLCache(4096, REFUSED_TTL)
        self._lock = threading.Lock()

    def wrote(self, obj: KubeObject) -> bool:
        """Whether this very state of the object is the answer of our own last status write."""
        with self._lock:
            return self._own.get(obj.uid) == obj.metadata.resource_version

    def run(self, actions: Iterable[Action]) -> float | None:
        """Carry the actions out; returns the earliest wanted requeue in seconds, if any."""
        requeue: float | None = None
        failure: KubeError | None = None
        for action in actions:
            match action:
                case Apply():
                    self._apply(action)
                case Create(essential=False):
                    try:
                        self._create(action)
                    except KubeError as error:
                        failure = failure or error
                case Create():
                    self._create(action)
                case Delete():
                    self._delete(action)
                case PatchMetadata():
                    self._patch_metadata(action)
                case PatchStatus():
                    self._patch_status(action)
                case StoreEntry():
                    self._hand_over(action)
                case Record():
                    self._effects.record(action)
                case Requeue(after):
                    requeue = after if requeue is None else min(requeue, after)
        if failure is not None:
            raise failure
        return requeue

    def _apply(self, action: Apply) -> None:
        if self._holds(action):
            return
        refused = (_key_of(action.document), digest(action.document))
        with self._lock:
            if refused in self._refused:
                raise self._refused[refused]
        resource, type_ = self._kinds[action.kind]
        try:
            written = self._client.apply(resource, type_, action.document)
        except KubeError as error:
            if isinstance(error, Invalid):
                with self._lock:
                    self._refused[refused] = error
            self._effects.failed(action.failed, error)
            raise
        self._applied.remember(action.document, written)
        self._observe(action.kind, written)
        self._effects.follow(action.then)

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

    def _create(self, action: Create) -> None:
        key = _key_of(action.document)
        with self._lock:
            if (action.kind, key) in self._foreign:
                return
        resource, type_ = self._kinds[action.kind]
        try:
            written = self._client.create(resource, type_, action.document)
        except AlreadyExists:
            self._look_again(action, key)
            return
        except TransportError as error:
            if error.refused or not self._look_again(action, key):
                self._effects.failed(action.failed, error)
                raise
            return
        except KubeError as error:
            self._effects.failed(action.failed, error)
            raise
        self._observe(action.kind, written)
        self._effects.follow(action.then)

    def _look_again(self, action: Create, key: Key) -> bool:
        """Whether what we create is there: the answer was lost, unless the name is taken by a stranger's."""
        resource, type_ = self._kinds[action.kind]
        try:
            found = self._client.get(resource, type_, key.name, key.namespace)
        except NotFound:
            return False  # gone again: its delete event brings the next pass
        if NAME_LABEL in found.labels:
            self._observe(action.kind, found)
            self._effects.follow(action.then)
            return True
        with self._lock:
            self._foreign[action.kind, key] = True
        return False

    def _delete(self, action: Delete) -> None:
        try:
            left = self._send_delete(action)
        except (NotFound, Conflict) as error:  # gone, or another object by that name: done already
            if error.repeated or self._forget_unanswered(action):
                self._effects.follow(action.then)  # ... and by us, whose first answer was lost
            return
        except TransportError as error:
            if error.refused or not self._deleted(action):
                raise
            left = None
        self._forget_unanswered(action)
        if left is not None:
            self._observe(action.kind, left)
        self._effects.follow(action.then)

    def _send_delete(self, action: Delete) -> KubeObject | None:
        resource, type_ = self._kinds[action.kind]
        return self._client.delete(
            resource,
            type_,
            action.key.name,
            namespace=action.key.namespace,
            uid=action.uid,
            propagation=action.propagation,
            grace_period=action.grace,
        )

    def _deleted(self, action: Delete) -> bool:
        """Whether a delete without an answer was accepted; if not even that is answered, it is remembered."""
        with self._lock:
            self._unanswered[action.uid] = True
        resource, type_ = self._kinds[action.kind]
        try:
            found = self._client.get(resource, type_, action.key.name, action.key.namespace)
        except NotFound:
            return True
        except KubeError:
            return False
        return found.uid != action.uid or found.deleting

    def _forget_unanswered(self, action: Delete) -> bool:
        """Whether the answer to an earlier delete of this very object was lost."""
        with self._lock:
            return self._unanswered.pop(action.uid, False)

    def _patch_metadata(self, action: PatchMetadata) -> None:
        resource, type_ = self._kinds[action.kind]
        key, patch = action.key, {"metadata": {**action.metadata, "uid": action.uid}}
        with contextlib.suppress(NotFound, Conflict, Invalid):
            written = self._client.merge_patch(
                resource, type_, key.name, patch, namespace=key.namespace, strategic=True
            )
            self._observe(action.kind, written)

    def _patch_status(self, action: PatchStatus) -> None:
        informer = self._informers.get(action.kind)
        observed = informer.get(action.key) if informer is not None else None
        uid = observed.uid if observed is not None else ""
        sent = self._ledger.absorb(action, uid) if uid else action
        written = self._send_status(sent) if sent.status else None
        if uid:
            self._ledger.accepted(action, uid, written)
        self._effects.follow(action.then)

    def _send_status(self, action: PatchStatus) -> KubeObject:
        resource, type_ = self._kinds[action.kind]
        patch: Document = {"status": action.status}
        conditions = {"resourceVersion": action.resource_version, "uid": action.uid}
        if any(conditions.values()):
            patch["metadata"] = {name: value for name, value in conditions.items() if value}
        written = self._client.merge_patch(
            resource, type_, action.key.name, patch, namespace=action.key.namespace, subresource="status"
        )
        with self._lock:
            self._own[written.uid] = written.metadata.resource_version
        self._ledger.observe(action, written)
        self._observe(action.kind, written)
        return written

    def _observe(self, kind: str, written: KubeObject) -> None:
        informer = self._informers.get(kind)
        if informer is not None:
            informer.observe_write(written)


def _key_of(document: Document) -> Key:
    metadata = document["metadata"]
    return Key(metadata.get("namespace", ""), metadata["name"])
