"""Deletes exactly the objects that are meant; an answer may be lost, or be no.

A refusal, by the API server's own rules or by a webhook, is no failure (docs/decisions/112): the outcome says
what is in the way, and when to ask again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from cachetools import TTLCache

from lws.controllers.effects import Effects
from lws.controllers.outcomes import Outcome
from lws.controllers.refusals import RefusalMemory, is_verdict
from lws.controllers.resources import Kind
from lws.kube.client import Client
from lws.kube.errors import ApiError, Conflict, KubeError, NotFound, TransportError
from lws.objects import Key, KubeObject
from lws.planning.actions import Delete
from lws.planning.problems import deletion_refused
from lws.runtime.clock import Clock

_DONE: Final = Outcome()
_KEPT: Final = 300.0
"""Seconds: no cache is late for longer."""
_DEED: Final = "Deleted"
_UID: Final = "UID in precondition"
"""Part of the API server's words where an object of this name is another one."""


class Deletions:
    """``observe`` is shown, by kind, what a delete left there: an object on its way out."""

    def __init__(
        self,
        client: Client,
        *,
        kinds: Mapping[str, Kind],
        effects: Effects,
        observe: Callable[[str, KubeObject], None],
        clock: Clock,
        wake: Callable[[Key], None] = lambda _: None,
    ) -> None:
        """``wake``: see ``RefusalMemory``."""
        self._client = client
        self._kinds = kinds
        self._effects = effects
        self._observe = observe
        self._refusals = RefusalMemory(clock, wake=wake)
        self._unanswered = _uids(clock)  # of what may be deleted by now
        self._gone = _uids(clock)  # of what was, whatever a cache shows
        self._lock = threading.Lock()

    def delete(self, action: Delete) -> Outcome:
        """Nothing is sent of what is gone, or was refused a short while ago. Raises the KubeError of one that
        failed.
        """
        with self._lock:
            if action.uid in self._gone:
                return _DONE
        wish: dict[str, Any] = {"uid": action.uid, "propagation": action.propagation, "grace": action.grace}
        refusal = self._refusals.standing(action.kind, action.key, wish)
        if refusal is None:
            try:
                self._delete(action)
            except ApiError as error:
                self._effects.failed(action.failed, error)
                if not is_verdict(error, created=False):
                    raise
                refusal = self._refusals.note(action.kind, action.key, wish, error)
            else:
                self._refusals.taken(action.kind, action.key, wish)
                return _DONE
        problem = deletion_refused(action, refusal.words)
        return Outcome(self._refusals.left(refusal), (problem,))

    def _delete(self, action: Delete) -> None:
        try:
            left = self._send(action)
        except (NotFound, Conflict) as error:  # gone, or another object by that name: done already
            if isinstance(error, NotFound) or _UID in error.message:
                self._note(action, None)
            if error.repeated or self._forget_unanswered(
                action
            ):  # ... and by us, whose first answer was lost
                self._effects.done(_DEED, action.kind, action.key, action.then)
            return
        except TransportError as error:
            if error.refused or not self._deleted(action):
                raise
        else:
            self._note(action, left)
        self._forget_unanswered(action)
        self._effects.done(_DEED, action.kind, action.key, action.then)

    def _note(self, action: Delete, left: KubeObject | None) -> None:
        """A watch that is late makes no second request."""
        if left is not None:
            self._observe(action.kind, left)
            return
        with self._lock:
            self._gone[action.uid] = True

    def _send(self, action: Delete) -> KubeObject | None:
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


def _uids(clock: Clock) -> TTLCache[str, bool]:
    return TTLCache(4096, _KEPT, timer=clock.monotonic)
