"""The candidacy of one process: when it starts and stops leading, and that it cannot outlive its lease."""

from __future__ import annotations

import re
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.leases import FakeLeases

from lws.kube.errors import TransportError
from lws.runtime.clock import FakeClock
from lws.runtime.election.elector import LeaderElector, LeadershipLost, new_identity


class Running:
    """An elector in a thread, and what it told its owner, in order."""

    def __init__(self, leases: FakeLeases, clock: FakeClock, **options: Any) -> None:
        self.told: list[str] = []
        self.outcome: BaseException | None = None
        self.stop = threading.Event()
        self.started, self.ended = threading.Event(), threading.Event()
        told = {
            "on_started": lambda: (self.told.append("started"), self.started.set()),
            "on_stopped": lambda: self.told.append(f"stopped, held by {holder_of(leases)}"),
            "on_new_leader": lambda holder: self.told.append(f"leader {holder}"),
        }
        self.elector = LeaderElector(
            leases,  # type: ignore[arg-type]
            namespace="lws-system",
            name="lock",
            identity="me",
            clock=clock,
            **{"random": lambda: 0.0, **told, **options},
        )
        self._thread = threading.Thread(target=self._main)
        self._thread.start()

    def _main(self) -> None:
        try:
            self.elector.run(self.stop)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.outcome = error
        self.ended.set()

    def end(self) -> None:
        self.stop.set()
        self._thread.join(10.0)
        assert not self._thread.is_alive()


def holder_of(leases: FakeLeases) -> str | None:
    return None if leases.lease is None else leases.lease["spec"]["holderIdentity"]


@pytest.fixture
def leases() -> FakeLeases:
    return FakeLeases()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def start(leases: FakeLeases, clock: FakeClock) -> Iterator[Callable[..., Running]]:
    runs: list[Running] = []

    def begin(**options: Any) -> Running:
        runs.append(Running(leases, clock, **options))
        return runs[-1]

    yield begin
    leases.open.set()
    for run in runs:
        run.end()


def held_by(leases: FakeLeases, holder: str) -> None:
    leases._store(
        {
            "metadata": {"namespace": "lws-system", "name": "lock"},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 4},
        }
    )


def test_leads_renews_and_gives_up(
    leases: FakeLeases, clock: FakeClock, start: Callable[..., Running]
) -> None:
    run = start()
    assert run.started.wait(10.0)
    assert run.elector.wait_ready(10.0)
    assert run.elector.leading
    for renewals in range(1, 21):
        clock.advance(2.0)
        leases.wait_for_calls(2 + renewals)
    assert run.elector.leading
    run.end()
    assert run.outcome is None
    assert not run.elector.leading
    assert leases.calls == ["get", "create", *["replace"] * 20, "replace"]
    assert run.told == ["leader me", "started", "stopped, held by me"]  # only then was it given up
    assert holder_of(leases) == ""


def test_waits_while_another_leads(
    leases: FakeLeases, clock: FakeClock, start: Callable[..., Running]
) -> None:
    held_by(leases, "other")
    run = start()
    for looks in range(1, 8):
        leases.wait_for_calls(looks)
        assert clock.await_waiters(1)
        clock.advance(2.0)
    assert not run.started.is_set()
    assert not run.elector.wait_ready(0.0)
    leases.wait_for_calls(8)
    assert clock.await_waiters(1)
    clock.advance(2.0)
    assert run.started.wait(10.0)
    assert run.told == ["leader other", "leader me", "started"]


def test_stopped_while_waiting(leases: FakeLeases, start: Callable[..., Running]) -> None:
    held_by(leases, "other")
    run = start()
    leases.wait_for_calls(1)
    run.end()
    assert run.outcome is None
    assert run.told == ["leader other"]
    assert holder_of(leases) == "other"


@pytest.mark.parametrize(("draw", "seconds"), [(0.0, 0.5), (1.0, 1.0)], ids=["least", "most"])
def test_a_lease_given_up_is_seen_within_half_a_retry_period(
    leases: FakeLeases, clock: FakeClock, start: Callable[..., Running], draw: float, seconds: float
) -> None:
    held_by(leases, "other")
    run = start(random=lambda: draw)
    leases.wait_for_calls(1)
    assert clock.await_waiters(1)
    clock.advance(seconds - 0.1)
    assert clock.await_waiters(1)
    assert leases.calls == ["get"]
    leases.touch(holderIdentity="")
    clock.advance(0.2)
    assert run.started.wait(10.0)


def test_the_server_may_be_away_before_leading(
    leases: FakeLeases, clock: FakeClock, start: Callable[..., Running]
) -> None:
    leases.fails = TransportError("refused")
    run = start()
    leases.wait_for_calls(1)
    assert clock.await_waiters(1)
    leases.fails = None
    clock.advance(2.0)
    assert run.started.wait(10.0)


def advance_until(run: Running, clock: FakeClock) -> None:
    """Let time pass, a quarter of a second at a time, until the run is over."""
    for _ in range(200):
        clock.advance(0.25)
        if run.ended.wait(0.01):
            return
    raise AssertionError("the elector did not end")


def test_a_call_that_hangs_does_not_outlive_the_deadline(
    leases: FakeLeases, clock: FakeClock, start: Callable[..., Running]
) -> None:
    run = start()
    assert run.started.wait(10.0)
    assert clock.await_waiters(2)
    leases.open.clear()
    clock.advance(2.0)
    leases.wait_for_calls(3)
    assert run.elector.leading
    clock.advance(8.0)
    assert not run.elector.leading
    assert run.ended.wait(10.0)
    assert isinstance(run.outcome, LeadershipLost)
    assert str(run.outcome) == "lost the lease lws-system/lock: not renewed in time"
    assert run.told == ["leader me", "started", "stopped, held by me"]
    assert holder_of(leases) == "me"  # nothing is given up that may be somebody else's by now


def test_losing_the_server_ends_leadership(
    leases: FakeLeases, clock: FakeClock, start: Callable[..., Running]
) -> None:
    run = start()
    assert run.started.wait(10.0)
    leases.fails = TransportError("refused")
    advance_until(run, clock)
    assert isinstance(run.outcome, LeadershipLost)
    assert not run.elector.leading


def test_a_lease_taken_by_another_ends_leadership(
    leases: FakeLeases, clock: FakeClock, start: Callable[..., Running]
) -> None:
    run = start()
    assert run.started.wait(10.0)
    assert clock.await_waiters(2)
    leases.touch(holderIdentity="other")
    clock.advance(2.0)
    leases.wait_for_calls(4)  # two to get it, a refused renewal, a look
    advance_until(run, clock)
    assert str(run.outcome) == "lost the lease lws-system/lock: it is held by 'other'"
    assert "stopped, held by other" in run.told


def test_a_defect_ends_in_a_lost_lease_not_in_silence(
    leases: FakeLeases, clock: FakeClock, start: Callable[..., Running]
) -> None:
    run = start()
    assert run.started.wait(10.0)
    leases.fails = KeyError("defect")
    for calls in range(3, 6):
        assert clock.await_waiters(2)
        clock.advance(2.0)
        leases.wait_for_calls(calls)  # it goes on trying
    advance_until(run, clock)
    assert isinstance(run.outcome, LeadershipLost)


def test_a_failing_callback_ends_the_run_and_leadership(
    leases: FakeLeases, start: Callable[..., Running]
) -> None:
    def fail() -> None:
        raise RuntimeError("cannot start")

    run = start(on_started=fail)
    assert run.ended.wait(10.0)
    assert str(run.outcome) == "cannot start"
    assert run.told == ["leader me", "stopped, held by me"]
    assert not run.elector.leading


def test_an_answer_that_came_too_late_is_no_leadership(
    leases: FakeLeases, clock: FakeClock, start: Callable[..., Running]
) -> None:
    leases.open.clear()
    run = start()
    leases.wait_for_calls(1)
    clock.advance(10.5)
    leases.open.set()
    leases.wait_for_calls(2)
    assert clock.await_waiters(1)
    assert not run.started.is_set()
    clock.advance(2.0)
    assert run.started.wait(10.0)  # with a renewal, now in time


def test_an_unreachable_server_does_not_keep_it_from_stopping(
    leases: FakeLeases, start: Callable[..., Running]
) -> None:
    run = start()
    assert run.started.wait(10.0)
    leases.fails = TransportError("refused")
    run.end()
    assert run.outcome is None


@pytest.mark.parametrize(
    ("timing", "message"),
    [
        pytest.param((10, 10, 2), "leaseDuration 10s must be greater than renewDeadline 10s", id="lease"),
        pytest.param(
            (15, 2.4, 2), "renewDeadline 2.4s must be greater than 1.2 x retryPeriod 2s", id="renew"
        ),
        pytest.param((15, 10, 0), "retryPeriod 0s must be greater than 0", id="retry"),
        pytest.param((15, 10, -1), "retryPeriod -1s must be greater than 0", id="negative"),
        pytest.param((float("nan"), 10, 2), "must be greater", id="not a number"),
    ],
)
def test_timings_that_cannot_be_safe(
    leases: FakeLeases, timing: tuple[float, float, float], message: str
) -> None:
    lease_duration, renew_deadline, retry_period = timing
    with pytest.raises(ValueError, match=re.escape(message)):
        LeaderElector(
            leases,  # type: ignore[arg-type]
            namespace="n",
            name="l",
            identity="me",
            lease_duration=lease_duration,
            renew_deadline=renew_deadline,
            retry_period=retry_period,
        )


@pytest.mark.parametrize(("renew", "timeout"), [(10.0, 5.0), (1.5, 1.0), (0.5, 0.5)])
def test_calls_end_before_the_deadline(leases: FakeLeases, renew: float, timeout: float) -> None:
    LeaderElector(
        leases,  # type: ignore[arg-type]
        namespace="n",
        name="l",
        identity="me",
        renew_deadline=renew,
        retry_period=0.1,
    )
    assert leases.timeout == timeout


def test_identities_are_new_each_time() -> None:
    first, second = new_identity(), new_identity()
    host, _, unique = first.rpartition("_")
    assert host == socket.gethostname()
    assert str(uuid.UUID(unique)) == unique
    assert first != second


def test_a_lease_is_left_to_run_out_while_somebody_still_writes(
    leases: FakeLeases, start: Callable[..., Running]
) -> None:
    """Else the next leader would begin beside a write of this one."""
    asked: list[float] = []
    run = start(may_release=lambda seconds: bool(asked.append(seconds)))
    assert run.started.wait(10.0)
    run.end()
    assert asked == [10.0]
    assert holder_of(leases) == "me"
    assert not run.outcome
