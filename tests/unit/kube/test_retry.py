from __future__ import annotations

import pytest

from lws.kube.errors import ApiError, DecodeError, KubeError, TransportError, api_error
from lws.kube.retry import ASKED_TRIES, LONGEST_WAIT, READ_REPEATS, UNSENT_REPEATS, Retries, asked_wait

LOST = TransportError("lost")
REFUSED = TransportError("refused", refused=True)


def rule(*, repeats: int = 0, deadline: float = 1000.0, now: float = 0.0, random: float = 0.0) -> Retries:
    return Retries(repeats=repeats, deadline=deadline, clock=lambda: now, random=lambda: random)


def answer(status: int, retry_after: str | None = None) -> ApiError:
    return api_error(status, {} if retry_after is None else {"Retry-After": retry_after}, b"")


def delays(retries: Retries, error: KubeError) -> list[float]:
    """All waits until the rule gives up."""
    found: list[float] = []
    while (delay := retries.delay(error)) is not None:
        found.append(delay)
    return found


def test_a_lost_answer_is_repeated_as_often_as_allowed_with_growing_waits() -> None:
    assert delays(rule(repeats=READ_REPEATS), LOST) == pytest.approx([0.1, 0.2, 0.4])
    assert delays(rule(repeats=1), LOST) == pytest.approx([0.1])
    assert delays(rule(repeats=0), LOST) == []


def test_a_request_that_was_never_sent_is_repeated_whatever_it_does() -> None:
    assert len(delays(rule(repeats=0), REFUSED)) == UNSENT_REPEATS


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(TransportError("untrusted", refused=True, permanent=True), id="permanent"),
        pytest.param(DecodeError("odd"), id="not JSON"),
        pytest.param(answer(404), id="404"),
        pytest.param(answer(409, "1"), id="409, even with Retry-After"),
        pytest.param(answer(500), id="500"),
        pytest.param(answer(503), id="503 without Retry-After"),
        pytest.param(answer(429, "11"), id="a wait no worker should sit out"),
    ],
)
def test_some_errors_stand_at_once(error: KubeError) -> None:
    assert delays(rule(repeats=3), error) == []


@pytest.mark.parametrize("repeats", [0, 3])
@pytest.mark.parametrize("error", [answer(429, "2"), answer(429), answer(503, "2")], ids=str)
def test_a_server_that_turns_away_is_asked_ten_times_in_all(repeats: int, error: ApiError) -> None:
    waits = delays(rule(repeats=repeats), error)
    assert len(waits) == ASKED_TRIES - 1
    assert waits[0] == (error.retry_after or 1.0)
    assert max(waits) <= LONGEST_WAIT


def test_retry_after_zero_is_no_licence_to_spin() -> None:
    assert sum(delays(rule(), answer(429, "0"))) > 10


@pytest.mark.parametrize(("repeats", "tries"), [(0, 0), (1, ASKED_TRIES - 1)])
def test_another_server_error_with_retry_after_is_repeated_only_if_harmless(repeats: int, tries: int) -> None:
    assert len(delays(rule(repeats=repeats), answer(500, "1"))) == tries


def test_nothing_is_tried_beyond_the_deadline() -> None:
    assert rule(deadline=2.0).delay(answer(429, "1")) == 1.0
    assert rule(deadline=2.0).delay(answer(429, "3")) is None
    assert rule(deadline=2.0, now=1.95, repeats=3).delay(LOST) is None


def test_jitter_only_adds() -> None:
    assert rule(random=0.5).delay(answer(429, "1")) == pytest.approx(1.1)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        pytest.param(answer(503, "7"), 7.0, id="named"),
        pytest.param(answer(503, "900000"), 60.0, id="a day and more"),
        pytest.param(answer(503), 0.0, id="not named"),
        pytest.param(LOST, 0.0, id="no answer"),
    ],
)
def test_what_a_server_may_ask_of_a_loop(error: KubeError, seconds: float) -> None:
    assert asked_wait(error) == seconds
