"""Why StatefulSets lack pods: what the StatefulSet controller says, and one look at the name of the first.

Nothing is asked of the API server as long as pods come: a watch brings what is refused, and a name is looked
at only when its pod has been missing for a while, and the StatefulSet controller has had its turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from lws.api.workloads import CreationFailure, Pod, StatefulSet
from lws.controllers.byuid import ByUid
from lws.controllers.indexes import group_of_owned, set_of
from lws.controllers.informers import Informers
from lws.controllers.livereads import LiveReader
from lws.controllers.news import differs
from lws.controllers.outcomes import FOREIGN_RETRY
from lws.controllers.watched import Watched
from lws.kube.connection import Connection
from lws.kube.resources import CORE_EVENTS
from lws.objects import Key, controlled_by
from lws.planning.lacking import Lack, missing_pods, refusals_in
from lws.runtime.clock import Clock
from lws.runtime.informers import Adder, EnqueueRequests, Informer, InformerMetrics, Selection

FIRST: Final = 15.0
"""Seconds that the first missing pod has been the same one before its name is looked at."""
LONGEST: Final = 300.0
"""Seconds between two looks at most; each wait is twice the one before."""
BY_OBJECT: Final = "object"

_SELECTOR: Final = "involvedObject.kind=StatefulSet,reason=FailedCreate"


class CreationFailures(Watched[CreationFailure]):
    """What the StatefulSet controller could not create, and why, in its own events.

    Nothing waits for this watch, and nothing depends on it but what users are told: where the right to it is
    missing, or events are kept elsewhere, all else goes on.
    """

    def __init__(
        self, connection: Connection, *, clock: Clock, metrics: InformerMetrics | None = None
    ) -> None:
        super().__init__(
            Informer(
                connection,
                Selection(CORE_EVENTS, field_selector=_SELECTOR, marked=False),
                CreationFailure,
                indexes={BY_OBJECT: lambda x: (x.involved_object.uid,)},
                clock=clock,
                metrics=metrics,
            )
        )

    def of(self, owner: StatefulSet) -> Iterable[CreationFailure]:
        """Those about this very StatefulSet; the API server forgets each an hour after it was said last."""
        return self.informer.by_index(BY_OBJECT, owner.uid)


def watch_failures(
    failures: CreationFailures, informers: Informers, sets: Adder[Key], pods: Adder[Key]
) -> None:
    """What is said of a StatefulSet leads to whoever tells it: its group, or its set."""

    def owner_of(failure: CreationFailure) -> Iterable[StatefulSet]:
        found = informers.stateful_sets.get(Key(failure.namespace, failure.involved_object.name))
        return () if found is None else (found,)

    def group(failure: CreationFailure) -> Iterable[Key]:
        return [key for x in owner_of(failure) for key in group_of_owned(x)]

    def the_set(failure: CreationFailure) -> Iterable[Key]:
        return [key for x in owner_of(failure) for key in set_of(x) if key == x.key]

    news = differs(lambda failure: failure.message)
    failures.informer.add_handler(EnqueueRequests(pods, group, news))
    failures.informer.add_handler(EnqueueRequests(sets, the_set, news))


class _Look(NamedTuple):
    """At the pod ``name``: the next is ``due``, monotonic, ``wait`` seconds after the last."""

    name: str
    due: float
    wait: float
    found: Pod | None = None


class MissingPods:
    """Remembers, by StatefulSet, what was found under the name of its first missing pod."""

    def __init__(self, live: LiveReader, failures: CreationFailures | None, clock: Clock) -> None:
        self._live = live
        self._failures = failures
        self._clock = clock
        self._looks = ByUid[_Look]()
        self.forget = self._looks.forget

    def of(self, owner: StatefulSet, pods: Iterable[Pod]) -> Lack | None:
        """``pods``: those that the cache has, whoever owns them; None when none is missing."""
        missing = () if owner.deleting else missing_pods(owner, pods)
        if not missing:
            self.forget(owner.uid)
            return None
        look = self._look(owner, missing[0])
        refusals = refusals_in(self._failures.of(owner)) if self._failures is not None else {}
        again = max(0.0, look.due - self._clock.monotonic())
        return Lack(owner, missing, refusals, found=look.found, again=again)

    def _look(self, owner: StatefulSet, name: str) -> _Look:
        now = self._clock.monotonic()
        look = self._looks.get(owner.uid)
        if look is None or look.name != name:
            look = _Look(name, now + FIRST, FIRST)
        elif now >= look.due and not owner.seen:  # the StatefulSet controller is late: no name is in its way
            look = look._replace(due=now + FIRST)
        elif now >= look.due:
            found = self._stranger(owner, name)
            wait = FOREIGN_RETRY if found is not None else min(2 * look.wait, LONGEST)
            look = _Look(name, now + wait, wait, found)
        self._looks.put(owner.uid, look)
        return look

    def _stranger(self, owner: StatefulSet, name: str) -> Pod | None:
        """What has the name and will not go by itself."""
        found = self._live.pod(Key(owner.namespace, name))
        return None if found is None or found.deleting or controlled_by(found, owner.uid) else found
