"""The StatefulSet controller of Kubernetes 1.36: revisions, pods, rolling updates, status.

It sees pods and StatefulSets through caches of its own, which hear of one change at a time; a sync works on
what they showed when it began, and makes one call at a time. A pod is deleted by its name, as it does.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from support.apimodel.answers import Refused
from support.apimodel.podstates import (
    HASH,
    available,
    going,
    name_fits,
    ordinal_of,
    phase,
    ready,
    ready_since,
    reference_to,
    revision_of,
    selects,
)
from support.apimodel.revisions import ME, Revisions, StatefulSetRevisions
from support.apimodel.rolling import Seen, is_complete, replaced, revision_of_new
from support.apimodel.server import Server
from support.apimodel.store import BY_KIND, Document, Kind, Where, changed, owner_of, uid_of, where_of

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"
ALWAYS = ("replicas", "availableReplicas", "collisionCount")
"""Members of the status that are written as 0, too."""
FIRST, LONGEST = 0.005, 1000.0
"""Seconds until a sync that failed is made again: twice as many each time."""
SETS, PODS = BY_KIND["StatefulSet"], BY_KIND["Pod"]


class StatefulSets:
    """``hear`` and ``step`` are one step each; ``waits``: when something is due by time alone."""

    def __init__(self, server: Server) -> None:
        self._server, self._store = server, server.store
        self._revisions = StatefulSetRevisions(server)
        self._sets: dict[str, Document] = {}  # by UID, as its cache shows them
        self._pods: dict[str, Document] = {}
        self._heard = {SETS: 0, PODS: 0}
        self._dirty: dict[str, None] = {}
        self._running: dict[str, Iterator[None]] = {}
        self._again: dict[
            str, float
        ] = {}  # when a sync that failed is made again, by what its cache shows then
        self._waits: dict[str, float] = {}  # how long it waits after the next failure
        self.deaf = False  # its watches bring nothing for now

    def know(self, other: StatefulSets) -> None:
        """What the other one has heard, which is in the middle of nothing."""
        assert not other.busy
        self._sets, self._pods, self._heard = dict(other._sets), dict(other._pods), dict(other._heard)

    # What it hears.

    @property
    def news(self) -> list[Kind]:
        """The kinds of which it has not heard everything; each has a watch of its own."""
        return [] if self.deaf else [x for x, at in self._heard.items() if at < len(self._store.log[x])]

    def hear(self, kind: Kind | None = None) -> None:
        """The next change of a pod or a StatefulSet, by default whichever came first."""
        found = [self._store.log[x][self._heard[x]] for x in ([kind] if kind else self.news)]
        change = min(found, key=lambda x: x.version)
        self._heard[change.where.kind] += 1
        cache = self._sets if change.where.kind is SETS else self._pods
        if change.gone:
            cache.pop(uid_of(change.document), None)
        else:
            cache[uid_of(change.document)] = change.document
        if change.where.kind is SETS:
            self._dirty[uid_of(change.document)] = None
            return
        for owner in (owner_of(change.document), owner_of(change.before or {"metadata": {}})):
            if owner in self._sets:
                self._dirty[owner] = None
        if not owner_of(change.document):
            matching = (uid for uid, x in self._sets.items() if selects(x, change.document))
            self._dirty |= dict.fromkeys(matching)

    # What it does.

    @property
    def busy(self) -> list[str]:
        """UIDs of the StatefulSets it could go on with."""
        return [*self._running, *(x for x in self._dirty if x not in self._running)]

    def step(self, uid: str) -> None:
        """One call of the sync of this StatefulSet."""
        if uid not in self._running:
            self._dirty.pop(uid, None)
            one = self._sets.get(uid)
            if one is None:
                return
            self._running[uid] = self._sync(one)
        try:
            next(self._running[uid])
        except StopIteration:
            del self._running[uid]
            self._waits.pop(uid, None)
        except Refused:
            del self._running[uid]
            wait = self._waits.get(uid, FIRST)
            self._again[uid], self._waits[uid] = self._now + wait, min(2 * wait, LONGEST)

    def _sync(self, one: Document) -> Iterator[None]:
        if going(one):
            return
        pods = yield from self._claim(one)
        revisions = yield from self._revisions.of(one, list(self._pods.values()))
        failed: Refused | None = None
        try:
            yield from self._manage(one, list(pods.values()), revisions)
        except Refused as refused:  # what is there is told all the same
            failed = refused
        left = [x for uid, x in self._pods.items() if uid in pods or _belongs(one, x)]
        yield from self._report(one, left, revisions)
        if failed is not None:
            raise failed

    def _claim(self, one: Document) -> Generator[None, None, dict[str, Document]]:
        """ClaimPods: what fits is adopted if it is nobody's, and what does not any more is let go."""
        pods: dict[str, Document] = {}
        for uid, pod in list(self._pods.items()):
            owner = owner_of(pod)
            if owner not in ("", uid_of(one)):
                continue
            if not _fits(one, pod):
                if owner:
                    yield from self._release(one, pod)
            elif owner or not going(pod):
                if not owner:
                    yield from self._adopt(one, pod)
                pods[uid] = pod
        return pods

    def _release(self, one: Document, pod: Document) -> Iterator[None]:
        references = [{"$patch": "delete", "uid": uid_of(one)}]
        patch = {"metadata": {"uid": uid_of(pod), "ownerReferences": references}}
        try:
            self._server.patch(where_of(pod), patch, ME, strategic=True)
        except Refused as refused:
            if refused.status not in (404, 422):  # it is gone, or another one has its name
                raise
        yield

    def _adopt(self, one: Document, pod: Document) -> Iterator[None]:
        live = self._store.find(where_of(one))
        if live is None or uid_of(live) != uid_of(one) or going(live):
            return
        patch = {"metadata": {"uid": uid_of(pod), "ownerReferences": [reference_to(one)]}}
        self._server.patch(where_of(pod), patch, ME, strategic=True)
        yield

    # Pods.

    def _manage(self, one: Document, pods: list[Document], revisions: Revisions) -> Iterator[None]:
        """updateStatefulSet: make what is missing, replace what failed, scale down, roll."""
        spec = one["spec"]
        start = spec.get("ordinals", {}).get("start", 0)
        wanted = range(start, start + spec["replicas"])
        by_ordinal = {ordinal_of(x): x for x in pods}
        ordered = spec["podManagementPolicy"] == "OrderedReady"
        for ordinal in wanted:
            pod = by_ordinal.get(ordinal)
            if pod is None:
                yield from self._make(one, ordinal, revisions)
                if ordered:
                    return
            elif phase(pod) in ("Failed", "Succeeded") and not going(pod):
                yield from self._delete(pod)
                if ordered:
                    return
            elif ordered and (going(pod) or not ready(pod)):
                return
        for ordinal in sorted((x for x in by_ordinal if x not in wanted), reverse=True):
            if not going(by_ordinal[ordinal]):
                yield from self._delete(by_ordinal[ordinal])
                if ordered:
                    return
        if spec["updateStrategy"]["type"] == "RollingUpdate":
            yield from self._roll(one, wanted, by_ordinal, revisions)

    def _roll(
        self, one: Document, wanted: range, by_ordinal: dict[int, Document], revisions: Revisions
    ) -> Iterator[None]:
        rolling = one["spec"]["updateStrategy"].get("rollingUpdate", {})
        most = rolling.get("maxUnavailable")
        if isinstance(most, str):
            most = max(1, int(most[:-1]) * len(wanted) // 100)
        seen = {
            ordinal: Seen(revision_of(x), available(x, self._now, one), going(x))
            for ordinal, x in by_ordinal.items()
        }
        for ordinal in replaced(wanted, seen, first=_first(one), update=revisions.update, most=most):
            yield from self._delete(by_ordinal[ordinal])

    def _delete(self, pod: Document) -> Iterator[None]:
        try:
            self._server.delete(where_of(pod), by=ME)
        except Refused as refused:
            if refused.status != 404:
                raise
        yield

    def _make(self, one: Document, ordinal: int, revisions: Revisions) -> Iterator[None]:
        current, update = revisions.current, revisions.update
        revision = revision_of_new(ordinal, first=_first(one), current=current, update=update)
        pod = changed(revisions.templates[revision])
        name = f"{one['metadata']['name']}-{ordinal}"
        metadata = pod.setdefault("metadata", {})
        labels = metadata.get("labels") or {}
        metadata |= {
            "name": name,
            "labels": {**labels, POD_NAME: name, POD_INDEX: str(ordinal), HASH: revision},
            "ownerReferences": [reference_to(one)],
        }
        pod["spec"] |= {"hostname": name, "subdomain": one["spec"].get("serviceName", "")}
        self._server.create(Where(PODS, one["metadata"]["namespace"], ""), pod, ME)
        yield

    # Status.

    def _report(self, one: Document, pods: list[Document], revisions: Revisions) -> Iterator[None]:
        before = one.get("status", {})
        alive = [x for x in pods if not going(x)]
        replicas, able = one["spec"]["replicas"], sum(map(ready, pods))
        updated = sum(revision_of(x) == revisions.update for x in alive)
        status = {
            "observedGeneration": one["metadata"]["generation"],
            "replicas": len(pods),
            "readyReplicas": able,
            "availableReplicas": sum(available(x, self._now, one) for x in pods),
            "currentReplicas": sum(revision_of(x) == revisions.current for x in alive),
            "updatedReplicas": updated,
            "currentRevision": revisions.current,
            "updateRevision": revisions.update,
            "collisionCount": 0,
        }
        rolling = one["spec"]["updateStrategy"]["type"] == "RollingUpdate"
        if rolling and is_complete(replicas, pods=len(pods), ready=able, updated=updated):
            status |= {"currentReplicas": updated, "currentRevision": revisions.update}
        status = {x: y for x, y in status.items() if y not in (0, "") or x in ALWAYS}
        if status != before:
            live = self._store.find(where_of(one))
            if live is None or uid_of(live) != uid_of(one):
                return
            self._server.update(where_of(one), {**live, "status": status}, ME, "status")
            yield

    # Time.

    @property
    def _now(self) -> float:
        return self._server.seconds

    def waits(self) -> float | None:
        """When time alone leads to a sync; None: it does not."""
        due = [at for x in self._pods.values() if (at := self._ripens(x)) is not None and at > self._now]
        return min([*due, *self._again.values()], default=None)

    def _ripens(self, pod: Document) -> float | None:
        owner = self._sets.get(owner_of(pod))
        wait = owner["spec"].get("minReadySeconds", 0) if owner is not None else 0
        since = ready_since(pod) if wait else None
        return since + wait if since is not None else None

    def look_again(self) -> None:
        """Time has passed: look at those whose pods it concerns, and at those that failed."""
        late = [uid for uid, at in self._again.items() if at <= self._now]
        for uid in late:
            del self._again[uid]
        self._dirty |= dict.fromkeys(x for x in late if x in self._sets)
        ripe = (owner_of(x) for x in self._pods.values() if self._ripens(x) is not None)
        self._dirty |= dict.fromkeys(x for x in ripe if x in self._sets)


def _belongs(one: Document, pod: Document) -> bool:
    return owner_of(pod) == uid_of(one) and _fits(one, pod)


def _fits(one: Document, pod: Document) -> bool:
    return selects(one, pod) and name_fits(one, pod)


def _first(one: Document) -> int:
    """The first ordinal that is updated."""
    strategy, start = one["spec"]["updateStrategy"], one["spec"].get("ordinals", {}).get("start", 0)
    return int(start + strategy.get("rollingUpdate", {}).get("partition", 0))
