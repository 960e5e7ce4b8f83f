"""Carries plans out: the only place where the controllers write to the API server.

Every answer of a write goes straight into the cache it came from (own-write memory), so a late watch
never makes a second write. Actions are idempotent, so dying between two of them loses nothing.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from lws.api.constants import NAME_LABEL
from lws.controllers.byuid import ByUid
from lws.controllers.children import GONE_RETRY, Children
from lws.controllers.deletions import Deletions
from lws.controllers.effects import Effects, Recorder
from lws.controllers.groupstatus import GroupStatusMemory
from lws.controllers.inherited import Makers
from lws.controllers.outcomes import FOREIGN_RETRY, Outcome
from lws.controllers.refusals import leaving, replaced
from lws.controllers.resources import KINDS, Kind
from lws.kube.client import Client
from lws.kube.errors import ApiError, Conflict, KubeError, NotFound
from lws.objects import Key, KubeObject
from lws.planning.actions import (
    Action,
    Apply,
    Attempt,
    Create,
    Delete,
    Document,
    Measurement,
    Patch,
    PatchCondition,
    PatchMetadata,
    PatchStatus,
    Problem,
    Reclaim,
    Record,
    Requeue,
    StoreEntry,
)
from lws.planning.problems import gate_refused, mark_refused
from lws.runtime.clock import Clock, SystemClock
from lws.runtime.informers import Informer


class Executor:
    """Runs the actions of one plan in order; the first that fails ends the plan with its exception.

    What the API server refuses, or whose name is taken, is no failure: the plan goes on, and its outcome says
    so. Only what may be left out is refused so: nothing rests on a later action.

    ``kinds``: what a plan may name. ``measure`` is told of what plans want measured, ``hand_over`` gets the
    entries of groups, to be written with others of their set. ``wake``: has the pass come again to which an
    object belongs whose write was refused.
    """

    def __init__(
        self,
        client: Client,
        informers: Mapping[str, Informer[Any]],
        recorder: Recorder,
        *,
        hand_over: Callable[[StoreEntry], None],
        ledger: GroupStatusMemory | None = None,
        kinds: Mapping[str, Kind] = KINDS,
        ours: str = NAME_LABEL,
        measure: Callable[[Measurement], None] = lambda _: None,
        wake: Callable[[Key], None] = lambda _: None,
        clock: Clock | None = None,
    ) -> None:
        self._client = client
        self._kinds = kinds
        self._ledger = ledger or GroupStatusMemory()
        self._informers = informers
        self._effects = Effects(recorder, measure)
        self._hand_over = hand_over
        clock = clock or SystemClock()
        self._children = Children(
            client, informers, kinds=kinds, effects=self._effects, clock=clock, ours=ours, wake=wake
        )
        self._makers = Makers(client, kinds)
        self._deletions = Deletions(
            client, kinds=kinds, effects=self._effects, observe=self._observe, clock=clock, wake=wake
        )
        self._own = ByUid[str](100_000)
        self._patching: set[tuple[str, Key]] = set()
        self._lock = threading.Lock()

    def patching(self, kind: str, key: Key) -> bool:
        """Whether a status patch of ours of this object is on its way.

        Of two at once the API server makes the later anew from the beginning, as often as they meet; with a
        large object that costs it seconds. So whoever can wait does.
        """
        with self._lock:
            return (kind, key) in self._patching

    def wrote(self, obj: KubeObject) -> bool:
        """Whether this very state of the object is the answer of our own last status write."""
        return self._own.get(obj.uid) == obj.metadata.resource_version

    def forget(self, uid: str) -> None:
        """The object is gone."""
        self._own.forget(uid)
        self._makers.forget(uid)
        self._children.forget(uid)

    def run(self, actions: Iterable[Action]) -> Outcome:
        """Carry the actions out. Raises the KubeError of the first that failed."""
        outcome = Outcome()
        failure: KubeError | None = None
        for action in actions:
            try:
                outcome = outcome.with_(self._carry_out(action))
            except KubeError as error:
                if not isinstance(action, Create) or action.essential:
                    raise
                failure = failure or error
        if failure is not None:
            raise failure
        return outcome

    def _carry_out(self, action: Action) -> Outcome:
        outcome = Outcome()
        match action:
            case Apply():
                outcome = self._children.apply(action)
            case Create():
                outcome = self._children.create(action)
            case Attempt():
                outcome = self._attempt(action)
            case Patch():
                outcome = self._children.patch(action)
            case PatchCondition():
                outcome = self._patch_condition(action)
            case Reclaim():
                outcome = self._reclaim(action)
            case Delete():
                outcome = self._deletions.delete(action)
            case Problem() | Requeue():
                outcome = _told(action)
            case PatchMetadata():
                outcome = self._patch_metadata(action)
            case PatchStatus():
                self._patch_status(action)
            case StoreEntry():
                self._hand_over(action)
            case Record():
                self._effects.record(action)
        return outcome

    def _attempt(self, action: Attempt) -> Outcome:
        """A refusal is no problem: there is another way."""
        for step in action.steps:
            refused = self._children.patch(step).problems
            if refused:
                self._effects.tell(action.told, refused[0].message)
                return self._children.patch(action.otherwise)
        return Outcome()

    def _reclaim(self, action: Reclaim) -> Outcome:
        if not self._makers.made_by_us(action.kind, action.key, action.uid, action.resource_version):
            return self.run(action.otherwise)
        metadata: Document = {
            "name": action.key.name,
            "namespace": action.key.namespace,
            "uid": action.uid,
            "resourceVersion": action.resource_version,
            "ownerReferences": action.owners,
        }
        return self._children.patch(Patch(action.kind, {"metadata": metadata}, failed=action.failed))

    def _patch_metadata(self, action: PatchMetadata) -> Outcome:
        resource, type_ = self._kinds[action.kind]
        key, patch = action.key, {"metadata": {**action.metadata, "uid": action.uid}}
        try:
            written = self._client.merge_patch(
                resource, type_, key.name, patch, namespace=key.namespace, strategic=True
            )
        except NotFound:
            return Outcome()
        except Conflict:  # with many who write at once
            return Outcome(GONE_RETRY)
        except ApiError as error:
            if replaced(error) or leaving(error):
                return Outcome()
            if not error.refused:
                raise
            return Outcome(FOREIGN_RETRY, (mark_refused(action.kind, key.name, error.message),))
        self._observe(action.kind, written)
        return Outcome()

    def _patch_condition(self, action: PatchCondition) -> Outcome:
        resource, type_ = self._kinds[action.kind]
        key = action.key
        patch = {"metadata": {"uid": action.uid}, "status": {"conditions": [action.condition]}}
        try:
            written = self._client.merge_patch(
                resource,
                type_,
                key.name,
                patch,
                namespace=key.namespace,
                subresource="status",
                strategic=True,
            )
        except NotFound:
            return Outcome()
        except Conflict:
            return Outcome(GONE_RETRY)
        except ApiError as error:
            if replaced(error):
                return Outcome()
            if not error.refused:
                raise
            return Outcome(FOREIGN_RETRY, (gate_refused(key.name, error.message),))
        self._observe(action.kind, written)
        return Outcome()

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
        with self._on_its_way(action.kind, action.key):
            written = self._client.merge_patch(
                resource, type_, action.key.name, patch, namespace=action.key.namespace, subresource="status"
            )
        self._own.put(written.uid, written.metadata.resource_version)
        self._ledger.observe(action, written)
        self._observe(action.kind, written)
        return written

    @contextlib.contextmanager
    def _on_its_way(self, kind: str, key: Key) -> Iterator[None]:
        with self._lock:
            self._patching.add((kind, key))
        try:
            yield
        finally:
            with self._lock:
                self._patching.discard((kind, key))

    def _observe(self, kind: str, written: KubeObject) -> None:
        informer = self._informers.get(kind)
        if informer is not None:
            informer.observe_write(written)


def _told(action: Problem | Requeue) -> Outcome:
    if isinstance(action, Requeue):
        return Outcome(action.after)
    return Outcome(problems=(action,))
