"""One process at a time does the work of controllers: this process's candidacy, with its threads and waits.

The protocol, and why it is safe, is ``lws.runtime.election``'s. What leading means is the caller's.
"""

from __future__ import annotations

import random as _random
import socket
import threading
import uuid
from collections.abc import Callable

from lws.kube.client import Client
from lws.kube.errors import KubeError
from lws.runtime.clock import Clock, SystemClock
from lws.runtime.election.lease import Election, LeaseLock
from lws.runtime.logs import get_logger

JITTER = 1.2
LOOKS = 0.25, 0.5  # least and most of a retry period between two looks of one who waits
_TICK = 0.25  # seconds; how soon a lease taken by somebody else is noticed

_log = get_logger("leader-election")


def new_identity() -> str:
    """``<hostname>_<uuid>``: a new one for each process, so that a restarted one is not taken for the old."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


class LeadershipLost(Exception):  # noqa: N818 - what happened, not what went wrong in this program
    """The lease was not renewed in time, or somebody else holds it: controllers must not go on."""


class LeaderElector:
    """Waits for the lease, holds it while ``run`` runs, and gives it up at the end.

    ``on_started`` is called once the lease is ours, ``on_stopped`` once it no longer is, for whatever
    reason, and before it is given up; both from the thread of ``run``. ``on_new_leader`` is called with
    the identity of whoever holds the lease, at each change. None may block: a lease is renewed between
    calls. ``may_release`` is asked before the lease is given up, with the seconds for which it still binds
    others; where it says no, the lease is left to run out. Renewing takes no lock of anybody else. Seconds
    throughout; ValueError for a timing that cannot be safe.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        name: str,
        identity: str,
        lease_duration: float = 15.0,
        renew_deadline: float = 10.0,
        retry_period: float = 2.0,
        on_started: Callable[[], None] = lambda: None,
        on_stopped: Callable[[], None] = lambda: None,
        on_new_leader: Callable[[str], None] = lambda _holder: None,
        may_release: Callable[[float], bool] = lambda _seconds: True,
        clock: Clock | None = None,
        random: Callable[[], float] = _random.random,
    ) -> None:
        _check_timing(lease_duration, renew_deadline, retry_period)
        self._clock = clock or SystemClock()
        self._retry_period = retry_period
        self._on_started, self._on_stopped, self._on_new_leader = on_started, on_stopped, on_new_leader
        self._may_release, self._random = may_release, random
        self._call_timeout = min(renew_deadline, max(1.0, renew_deadline / 2))
        self._lock = LeaseLock(client, namespace=namespace, name=name, timeout=self._call_timeout)
        self._election = Election(
            self._lock,
            identity=identity,
            lease_duration=lease_duration,
            renew_deadline=renew_deadline,
            clock=self._clock,
        )
        self._holder = ""
        self._started = threading.Event()
        self._over = threading.Event()

    @property
    def leading(self) -> bool:
        """Whether this process may act as the leader now; turns false by itself when the time runs out."""
        return self._election.leading and not self._over.is_set()

    def wait_ready(self, timeout: float) -> bool:
        """Block until this process leads, at most ``timeout`` seconds; whether it did become the leader."""
        return self._started.wait(timeout)

    def run(self, stop: threading.Event) -> None:
        """Block until ``stop``; release the lease then. Raises LeadershipLost when it is lost before."""
        if not self._acquire(stop):
            return
        renewing = threading.Thread(target=self._keep_renewing, name="lease", daemon=True)
        try:
            renewing.start()
            self._started.set()
            self._on_started()
            self._watch_deadline(stop)
        finally:
            self._over.set()
            self._on_stopped()
        renewing.join(self._call_timeout)
        left = self._election.leads_until - self._clock.monotonic()
        if not renewing.is_alive() and self._may_release(left):
            self._release()

    def _acquire(self, stop: threading.Event) -> bool:
        _log.info("Attempting to acquire leader lease", lease=str(self._lock))
        while not self._attempt():
            if self._clock.sleep(self._patience(), stop):
                return False
        _log.info("Successfully acquired lease", lease=str(self._lock))
        return True

    def _patience(self) -> float:
        """Less than a retry period: how soon a lease that was given up is seen is how long nobody leads."""
        least, most = LOOKS
        return self._retry_period * (least + (most - least) * self._random())

    def _keep_renewing(self) -> None:
        while not self._clock.sleep(self._retry_period, self._over):
            self._attempt()

    def _watch_deadline(self, stop: threading.Event) -> None:
        """Until ``stop``. Not in the renewing thread, because a call there may hang beyond the deadline."""
        while (left := self._election.leads_until - self._clock.monotonic()) > 0:
            if self._clock.sleep(min(left, _TICK), stop):
                return
        holder = self._election.holder
        why = "not renewed in time" if holder == self._election.identity else f"it is held by {holder!r}"
        raise LeadershipLost(f"lost the lease {self._lock}: {why}")

    def _attempt(self) -> bool:
        try:
            leads = self._election.attempt()
            self._tell_of_holder()
        except KubeError as error:
            _log.warning("Failed to acquire or renew lease", lease=str(self._lock), error=str(error))
            return False
        except Exception:  # noqa: BLE001 - a defect here must end in a lost lease, not in silence
            _log.exception("Error in leader election", lease=str(self._lock))
            return False
        return leads and self._election.leading  # an answer that took too long is no leadership

    def _tell_of_holder(self) -> None:
        if self._election.holder != self._holder:
            self._holder = self._election.holder
            _log.info("New leader", lease=str(self._lock), holder=self._holder)
            self._on_new_leader(self._holder)

    def _release(self) -> None:
        try:
            self._election.release()
        except KubeError as error:
            _log.warning("Failed to release lease", lease=str(self._lock), error=str(error))


def _check_timing(lease_duration: float, renew_deadline: float, retry_period: float) -> None:
    if not lease_duration > renew_deadline:
        raise ValueError(
            f"leaseDuration {lease_duration:g}s must be greater than renewDeadline {renew_deadline:g}s"
        )
    if not renew_deadline > retry_period * JITTER:
        raise ValueError(
            f"renewDeadline {renew_deadline:g}s must be greater than {JITTER} x retryPeriod {retry_period:g}s"
        )
    if not retry_period > 0:
        raise ValueError(f"retryPeriod {retry_period:g}s must be greater than 0")
