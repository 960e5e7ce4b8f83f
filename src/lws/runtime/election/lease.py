"""Leadership by a ``coordination.k8s.io`` Lease: the protocol, one attempt at a time, no threads, no waiting.

Why two candidates never lead at once, whatever the API server's delays and whatever anybody's wall clock
says:

- A leader counts its time from the moment *before* it sent the renewal that succeeded, and stops leading
  ``renew_deadline`` later.
- Everybody else counts ``lease_duration`` from the moment *after* it first saw that renewal, and takes over
  not before. ``renew_deadline < lease_duration``, so the leader has stopped by then.
- Writes carry the resourceVersion that the decision was made on; of two that compete one is refused.
- Time is the local monotonic clock. The times inside the lease are for people to read.

``lws.runtime.election.elector`` runs it.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from lws.kube.client import Client
from lws.kube.errors import Conflict, NotFound
from lws.kube.resources import LEASES
from lws.runtime.clock import Clock

Lease = dict[str, Any]


class LeaseLock:
    """The lease on the API server. ``timeout`` bounds each call, repeats included, in seconds."""

    def __init__(self, client: Client, *, namespace: str, name: str, timeout: float) -> None:
        self._client = client.within(timeout)
        self._namespace, self._name = namespace, name

    def __str__(self) -> str:
        return f"{self._namespace}/{self._name}"

    def get(self) -> Lease:
        return self._client.get(LEASES, Lease, self._name, self._namespace)

    def create(self, spec: dict[str, Any]) -> Lease:
        return self._client.create(LEASES, Lease, self._document({}, spec))

    def replace(self, lease: Lease, spec: dict[str, Any]) -> Lease:
        """Write ``spec`` unless the lease has changed since ``lease``. Raises Conflict then."""
        return self._client.replace(LEASES, Lease, self._document(lease, spec))

    def _document(self, lease: Lease, spec: dict[str, Any]) -> Lease:
        metadata = {**lease.get("metadata", {}), "namespace": self._namespace, "name": self._name}
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            **lease,
            "metadata": metadata,
            "spec": spec,
        }


class Election:
    """The state of one candidate. Used by one thread at a time, except ``leading``.

    ``lease_duration`` and ``renew_deadline`` are seconds.
    """

    def __init__(
        self, lock: LeaseLock, *, identity: str, lease_duration: float, renew_deadline: float, clock: Clock
    ) -> None:
        self._lock = lock
        self.identity = identity
        self._lease_duration = lease_duration
        self._renew_deadline = renew_deadline
        self._clock = clock
        self._lease: Lease | None = None
        self._spec: dict[str, Any] = {}
        self._observed_at = -math.inf
        self._leads_until = -math.inf

    @property
    def leads_until(self) -> float:
        """The monotonic time at which leadership ends unless it is renewed; -inf when there is none."""
        return self._leads_until

    @property
    def leading(self) -> bool:
        """Whether this candidate may act as the leader at this very moment."""
        return self._clock.monotonic() < self._leads_until

    @property
    def holder(self) -> str:
        """Who holds the lease as far as is known; empty for nobody."""
        return str(self._spec.get("holderIdentity") or "")

    def attempt(self) -> bool:
        """Take the lease or renew it; whether it is ours now. Raises KubeError when that is not known."""
        started = self._clock.monotonic()
        # The one that holds the lease knows what it wrote: one PUT, no GET, unless somebody else wrote too.
        if not self._renew_blindly():
            self._look()
            if not self._may_take():
                self._leads_until = -math.inf
                return False
            self._take()
        self._leads_until = started + self._renew_deadline
        return True

    def release(self) -> None:
        """Give the lease up, so that a successor need not wait for it to run out. Raises KubeError."""
        self._leads_until = -math.inf
        if self._lease is not None and self._holds():
            now = _micro_time(self._clock.now())
            self._replace(holderIdentity="", leaseDurationSeconds=1, acquireTime=now, renewTime=now)

    def _renew_blindly(self) -> bool:
        """False when we do not hold the lease, or it is not as we left it."""
        if self._lease is None or not self._holds():
            return False
        try:
            self._replace(renewTime=_micro_time(self._clock.now()))
        except (Conflict, NotFound):
            return False
        return True

    def _look(self) -> None:
        """Read the lease, and remember when it was first seen as it is now.

        A lease that was deleted binds as long as it would have: its holder does not know yet.
        """
        try:
            found = self._lock.get()
        except NotFound:
            self._lease = None
            return
        if (found.get("spec") or {}) != self._spec:
            self._observed_at = self._clock.monotonic()
        self._remember(found)

    def _may_take(self) -> bool:
        if not self.holder or self._holds():
            return True
        seconds = self._spec.get("leaseDurationSeconds")
        promised = seconds if isinstance(seconds, int) and seconds > 0 else self._lease_duration
        return self._clock.monotonic() >= self._observed_at + promised

    def _take(self) -> None:
        now = _micro_time(self._clock.now())
        ours = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": math.ceil(self._lease_duration),
            "renewTime": now,
        }
        if self._lease is None:
            self._remember(self._lock.create({**ours, "acquireTime": now, "leaseTransitions": 0}))
        elif self._holds():
            self._replace(**ours)
        else:
            transitions = self._spec.get("leaseTransitions") or 0
            self._replace(**ours, acquireTime=now, leaseTransitions=transitions + 1)

    def _replace(self, **changes: Any) -> None:
        assert self._lease is not None
        self._remember(self._lock.replace(self._lease, {**self._spec, **changes}))

    def _remember(self, lease: Lease) -> None:
        self._lease = lease
        self._spec = lease.get("spec") or {}

    def _holds(self) -> bool:
        return self.holder == self.identity


def _micro_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
