"""Durations and delays of the hollow kubelet's annotations."""

from __future__ import annotations

import statistics

import pytest

from hack.controlplane.durations import Delay, parse_delay, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5.0), ("250ms", 0.25), ("1m30s", 90.0), ("1.5h", 5400.0), ("0s", 0.0)],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 s", "5s later", "exp(5s)", "five"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write 5s"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "delay"),
    [("2s", Delay(2.0)), ("exp(2s)", Delay(2.0, drawn=True)), ("exp(1m)", Delay(60.0, True))],
)
def test_delays_are_fixed_or_drawn(text: str, delay: Delay) -> None:
    assert parse_delay(text) == delay


@pytest.mark.parametrize("text", ["exp()", "exp(2)", "exp(2s", "uniform(2s)"])
def test_other_distributions_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_delay(text)


def test_a_fixed_delay_is_not_drawn() -> None:
    assert {Delay(3.0).sample(str(seed)) for seed in range(5)} == {3.0}


def test_draws_follow_the_seed_and_the_mean() -> None:
    draws = [Delay(2.0, drawn=True).sample(f"7/pod-{number}") for number in range(4000)]
    assert draws == [Delay(2.0, drawn=True).sample(f"7/pod-{number}") for number in range(4000)]
    assert statistics.fmean(draws) == pytest.approx(2.0, rel=0.1)
    assert Delay(0.0, drawn=True).sample("7") == 0.0
