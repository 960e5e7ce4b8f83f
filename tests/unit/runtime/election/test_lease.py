"""What one candidate writes, step by step. That two never lead is tests/property/test_election.py's."""

from __future__ import annotations

from typing import Any

import pytest
from support.leases import FakeLeases

from lws.kube.errors import AlreadyExists, NotFound, TransportError
from lws.runtime.clock import FakeClock
from lws.runtime.election.lease import Election, Lease, LeaseLock


@pytest.fixture
def leases() -> FakeLeases:
    return FakeLeases()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def candidate(leases: FakeLeases, clock: FakeClock, identity: str = "me") -> Election:
    lock = LeaseLock(leases, namespace="lws-system", name="lock", timeout=5.0)  # type: ignore[arg-type]
    return Election(lock, identity=identity, lease_duration=15.0, renew_deadline=10.0, clock=clock)


@pytest.fixture
def me(leases: FakeLeases, clock: FakeClock) -> Election:
    return candidate(leases, clock)


@pytest.fixture
def other(leases: FakeLeases, clock: FakeClock) -> Election:
    return candidate(leases, clock, "other")


def spec_of(leases: FakeLeases) -> dict[str, Any]:
    assert leases.lease is not None
    return leases.lease["spec"]


def test_the_first_creates_the_lease(leases: FakeLeases, me: Election) -> None:
    assert me.attempt() is True
    assert leases.lease == {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"namespace": "lws-system", "name": "lock", "resourceVersion": "1"},
        "spec": {
            "holderIdentity": "me",
            "leaseDurationSeconds": 15,
            "acquireTime": "2026-01-01T00:00:00.000000Z",
            "renewTime": "2026-01-01T00:00:00.000000Z",
            "leaseTransitions": 0,
        },
    }
    assert (me.leading, me.holder, leases.timeout) == (True, "me", 5.0)


def test_renewing_is_one_put_that_changes_one_member(
    leases: FakeLeases, clock: FakeClock, me: Election
) -> None:
    me.attempt()
    before = spec_of(leases)
    leases.calls.clear()
    clock.advance(2.25)
    assert me.attempt() is True
    assert leases.calls == ["replace"]
    assert spec_of(leases) == {**before, "renewTime": "2026-01-01T00:00:02.250000Z"}


def test_leadership_ends_by_itself(clock: FakeClock, me: Election) -> None:
    me.attempt()
    clock.advance(9.9)
    assert me.leading
    clock.advance(0.2)
    assert not me.leading


def test_a_held_lease_is_waited_for(
    leases: FakeLeases, clock: FakeClock, me: Election, other: Election
) -> None:
    other.attempt()
    assert me.attempt() is False
    assert (me.leading, me.holder) == (False, "other")
    clock.advance(14.9)
    assert me.attempt() is False
    clock.advance(0.2)
    assert me.attempt() is True
    spec = spec_of(leases)
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("me", 1)
    assert spec["acquireTime"] == spec["renewTime"] == "2026-01-01T00:00:15.100000Z"


def test_every_renewal_seen_starts_the_wait_anew(clock: FakeClock, me: Election, other: Election) -> None:
    other.attempt()
    for _ in range(10):
        assert me.attempt() is False
        clock.advance(9.0)
        other.attempt()


def test_the_holder_s_own_duration_counts(
    leases: FakeLeases, clock: FakeClock, me: Election, other: Election
) -> None:
    other.attempt()
    leases.touch(leaseDurationSeconds=60)
    me.attempt()
    clock.advance(59.0)
    assert me.attempt() is False
    clock.advance(1.0)
    assert me.attempt() is True


@pytest.mark.parametrize("seconds", [None, 0, -1, "x"])
def test_without_a_sound_duration_ours_counts(
    leases: FakeLeases, clock: FakeClock, me: Election, other: Election, seconds: Any
) -> None:
    other.attempt()
    leases.touch(leaseDurationSeconds=seconds)
    me.attempt()
    clock.advance(14.9)
    assert me.attempt() is False
    clock.advance(0.1)
    assert me.attempt() is True


def test_times_of_others_are_not_believed(leases: FakeLeases, me: Election, other: Election) -> None:
    other.attempt()
    leases.touch(renewTime="1970-01-01T00:00:00.000000Z", acquireTime="nonsense")
    assert me.attempt() is False


def test_an_edit_by_somebody_else_costs_the_holder_nothing(leases: FakeLeases, me: Election) -> None:
    me.attempt()
    leases.touch(strategy="OldestEmulationVersion")
    leases.calls.clear()
    assert me.attempt() is True
    assert leases.calls == ["replace", "get", "replace"]
    assert spec_of(leases)["strategy"] == "OldestEmulationVersion"  # what others wrote is kept
    assert spec_of(leases)["leaseTransitions"] == 0


def test_one_whose_lease_was_taken_knows_it_at_once(leases: FakeLeases, me: Election) -> None:
    me.attempt()
    leases.touch(holderIdentity="other", leaseTransitions=1)
    assert me.attempt() is False
    assert not me.leading


def test_a_released_lease_is_taken_at_once(leases: FakeLeases, me: Election, other: Election) -> None:
    other.attempt()
    me.attempt()
    other.release()
    assert not other.leading
    assert (spec_of(leases)["holderIdentity"], spec_of(leases)["leaseTransitions"]) == ("", 0)
    assert me.attempt() is True
    assert spec_of(leases)["leaseTransitions"] == 1


def test_releasing_what_is_not_ours_writes_nothing(leases: FakeLeases, me: Election, other: Election) -> None:
    other.attempt()
    me.attempt()
    leases.calls.clear()
    me.release()
    assert leases.calls == []


def test_a_deleted_lease_is_made_again_by_its_holder(leases: FakeLeases, me: Election) -> None:
    me.attempt()
    leases.lease = None
    assert me.attempt() is True
    assert spec_of(leases)["holderIdentity"] == "me"


def test_a_deleted_lease_is_not_grabbed_from_its_holder(
    leases: FakeLeases, clock: FakeClock, me: Election, other: Election
) -> None:
    other.attempt()
    me.attempt()
    leases.lease = None
    assert me.attempt() is False
    clock.advance(15.0)
    assert me.attempt() is True


def test_of_two_that_create_one_wins(leases: FakeLeases, me: Election, other: Election) -> None:
    get = leases.get

    def get_slowly(*arguments: Any) -> Lease:
        try:
            return get(*arguments)
        except NotFound:
            leases.get = get  # type: ignore[method-assign]
            other.attempt()
            raise

    leases.get = get_slowly  # type: ignore[method-assign]
    with pytest.raises(AlreadyExists):
        me.attempt()
    assert (me.leading, other.leading) == (False, True)


def test_while_the_server_is_away_leadership_is_kept_until_its_time_is_up(
    leases: FakeLeases, clock: FakeClock, me: Election
) -> None:
    me.attempt()
    leases.fails = TransportError("refused")
    clock.advance(9.0)
    with pytest.raises(TransportError):
        me.attempt()
    assert me.leading
    clock.advance(1.0)
    assert not me.leading


def test_a_renewal_whose_answer_was_lost_is_recognised(leases: FakeLeases, me: Election) -> None:
    me.attempt()
    leases.touch(renewTime="2026-01-01T00:00:01.000000Z")  # it arrived; the resourceVersion is unknown
    assert me.attempt() is True
    assert spec_of(leases)["leaseTransitions"] == 0


def test_a_lease_without_spec_is_free(leases: FakeLeases, me: Election) -> None:
    leases.lease = {"metadata": {"name": "lock", "namespace": "lws-system", "resourceVersion": "9"}}
    assert me.attempt() is True
    assert spec_of(leases)["leaseTransitions"] == 1


def test_a_fraction_of_a_second_is_rounded_up_for_others(leases: FakeLeases, clock: FakeClock) -> None:
    lock = LeaseLock(leases, namespace="lws-system", name="lock", timeout=1.0)  # type: ignore[arg-type]
    Election(lock, identity="me", lease_duration=1.5, renew_deadline=1.0, clock=clock).attempt()
    assert spec_of(leases)["leaseDurationSeconds"] == 2
