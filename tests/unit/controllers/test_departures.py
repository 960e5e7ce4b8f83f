"""Which of two leaders of one name came later, by what the watch showed."""

from __future__ import annotations

from msgspec.structs import replace
from support.groups import a_leader, a_worker

from lws.api.workloads import Pod
from lws.controllers.departures import Departures
from lws.runtime.clock import FakeClock


def at(version: str, pod: Pod) -> Pod:
    return replace(pod, metadata=replace(pod.metadata, resource_version=version))


FORMER = at("100", a_leader(0, uid="former"))


def test_a_leader_that_was_written_after_the_other_had_gone_came_later() -> None:
    departures = Departures()
    departures.on_delete(FORMER)
    assert departures.precede("former", at("101", a_leader(0, uid="next")))


def test_a_former_leader_that_an_old_view_shows_again_did_not() -> None:
    departures = Departures()
    departures.on_delete(at("200", a_leader(0, uid="next")))
    assert not departures.precede("next", FORMER)


def test_of_one_that_was_not_seen_to_go_nothing_is_known() -> None:
    departures = Departures()
    departures.on_add(FORMER, initial=False)
    departures.on_update(FORMER, at("101", FORMER))
    assert not departures.precede("former", at("102", a_leader(0, uid="next")))


def test_one_whose_end_was_missed_has_gone_all_the_same() -> None:
    departures = Departures()
    departures.on_update(FORMER, at("150", a_leader(0, uid="next")))
    assert departures.precede("former", at("150", a_leader(0, uid="next")))


def test_versions_that_are_no_numbers_tell_nothing() -> None:
    departures = Departures()
    departures.on_delete(at("abc", FORMER))
    assert not departures.precede("former", at("101", a_leader(0, uid="next")))
    departures.on_delete(FORMER)
    assert not departures.precede("former", at("def", a_leader(0, uid="next")))


def test_workers_are_not_remembered() -> None:
    departures = Departures()
    departures.on_delete(at("100", a_worker(FORMER, 1, uid="worker")))
    assert not departures.precede("worker", at("101", a_leader(0, uid="next")))


def test_after_five_minutes_it_is_not_known_any_more() -> None:
    clock = FakeClock()
    departures = Departures(clock)
    departures.on_delete(FORMER)
    clock.advance(299.0)
    assert departures.precede("former", at("101", a_leader(0, uid="next")))
    clock.advance(2.0)
    assert not departures.precede("former", at("101", a_leader(0, uid="next")))
