"""Who may scrape is the API server's decision; it is asked once, and nothing of a token stays."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.apiserver import (
    Answer,
    ApiServer,
    Exchange,
    drop_answer,
    json_answer,
    raw_answer,
    status_answer,
    write_kubeconfig,
)
from support.loglines import capture_logs

from lws.kube.connection import connect
from lws.runtime.clock import FakeClock
from lws.runtime.serving import authfilter
from lws.runtime.serving.authfilter import ACCESS_REVIEWS, TOKEN_REVIEWS, AuthFilter

TOKENS, ACCESSES = TOKEN_REVIEWS.path(), ACCESS_REVIEWS.path()
TOKEN = "a-secret-token"


def reviewed(**status: Any) -> Answer:
    return json_answer({"kind": "Review", "status": status}, 201)


PROMETHEUS = {
    "username": "prometheus",
    "uid": "1",
    "groups": ["system:authenticated"],
    "extra": {"scopes": ["a", "b"]},
}
KNOWN = reviewed(authenticated=True, user=PROMETHEUS)
UNKNOWN = reviewed(error="token expired")
ALLOWED = reviewed(allowed=True)
DENIED = reviewed(allowed=False, reason="no RBAC rule")


class Rig:
    """A filter, the API server it asks, and the clock by which it forgets."""

    def __init__(self, server: ApiServer, filter_: AuthFilter, clock: FakeClock) -> None:
        self.server, self.clock, self._filter = server, clock, filter_

    def answers(self, *, token: Answer = KNOWN, access: Answer = ALLOWED) -> None:
        self.server.on("POST", TOKENS, token)
        self.server.on("POST", ACCESSES, access)

    def ask(self, authorization: str | None = f"Bearer {TOKEN}", method: str = "GET") -> int:
        """The HTTP status; 200 for those who may."""
        environ = {"PATH_INFO": "/metrics", "REQUEST_METHOD": method}
        if authorization is not None:
            environ["HTTP_AUTHORIZATION"] = authorization
        refusal = self._filter(environ)
        if refusal is None:
            return 200
        self.message = refusal.message
        return int(refusal.status[:3])

    def asked(self) -> tuple[int, int]:
        """How many reviews of tokens, and of accesses, there were so far."""
        return len(self.server.matching("POST", TOKENS)), len(self.server.matching("POST", ACCESSES))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with ApiServer() as server:
        connection = connect(kubeconfig=write_kubeconfig(tmp_path, server.url), user_agent="test")
        clock = FakeClock()
        yield Rig(server, AuthFilter(connection, clock=clock), clock)
        connection.close()


def test_those_who_may(rig: Rig) -> None:
    rig.answers()
    assert rig.ask() == 200
    token, access = (request.json() for request in rig.server.requests)
    assert token == {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": TOKEN},
    }
    assert access == {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": "prometheus",
            "uid": "1",
            "groups": ["system:authenticated"],
            "extra": {"scopes": ["a", "b"]},
            "nonResourceAttributes": {"path": "/metrics", "verb": "get"},
        },
    }


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer   ", "Basic dXNlcg==", TOKEN, f"Bearer{TOKEN}"],
    ids=repr,
)
def test_without_a_bearer_token_nobody_is_asked(rig: Rig, authorization: str | None) -> None:
    assert rig.ask(authorization) == 401
    assert rig.asked() == (0, 0)


@pytest.mark.parametrize("authorization", [f"bearer {TOKEN}", f"BEARER   {TOKEN} "])
def test_the_scheme_may_be_spelt_in_any_case(rig: Rig, authorization: str) -> None:
    rig.answers()
    assert rig.ask(authorization) == 200
    assert rig.server.requests[0].json()["spec"]["token"] == TOKEN


@pytest.mark.parametrize(
    ("token", "access", "status", "message"),
    [
        pytest.param(UNKNOWN, ALLOWED, 401, "the bearer token is not valid", id="rejected token"),
        pytest.param(
            reviewed(authenticated=False, user=PROMETHEUS), ALLOWED, 401, "the bearer token is not valid",
            id="a user without authentication",
        ),
        pytest.param(KNOWN, DENIED, 403, "user 'prometheus' may not get /metrics", id="denied"),
        pytest.param(
            KNOWN, reviewed(evaluationError="webhook down"), 403, "user 'prometheus' may not get /metrics",
            id="not allowed for lack of an answer",
        ),
        pytest.param(status_answer(403), ALLOWED, 500, "the API server could not be asked", id="may not ask"),
        pytest.param(KNOWN, status_answer(500), 500, "the API server could not be asked", id="fault"),
        pytest.param(
            raw_answer(b"[]", 201), ALLOWED, 500, "the API server could not be asked", id="no review"
        ),
    ],
)  # fmt: skip
def test_refused(rig: Rig, token: Answer, access: Answer, status: int, message: str) -> None:
    rig.answers(token=token, access=access)
    assert rig.ask() == status
    assert rig.message == message


def test_a_lost_answer_is_asked_for_again(rig: Rig) -> None:
    rig.server.on("POST", TOKENS, drop_answer(), KNOWN)
    rig.server.on("POST", ACCESSES, drop_answer(), ALLOWED)
    assert rig.ask() == 200
    assert rig.asked() == (2, 2)


class TestMemory:
    def test_one_scraper_costs_one_review_a_minute(self, rig: Rig) -> None:
        rig.answers()
        assert [rig.ask() for _ in range(3)] == [200] * 3
        rig.clock.advance(authfilter.REMEMBER_TOKEN - 1)
        assert rig.ask() == 200
        assert rig.asked() == (1, 1)
        rig.clock.advance(1)
        assert rig.ask() == 200
        assert rig.asked() == (2, 1)

    def test_allowed_is_remembered_for_five_minutes(self, rig: Rig) -> None:
        rig.answers()
        rig.ask()
        rig.answers(access=DENIED)
        rig.clock.advance(authfilter.REMEMBER_ALLOWED - 1)
        assert rig.ask() == 200
        rig.clock.advance(1)
        assert rig.ask() == 403

    def test_denied_is_remembered_for_half_a_minute(self, rig: Rig) -> None:
        rig.answers(access=DENIED)
        rig.ask()
        rig.answers()
        rig.clock.advance(authfilter.REMEMBER_DENIED - 1)
        assert rig.ask() == 403
        rig.clock.advance(1)
        assert rig.ask() == 200

    def test_a_rejected_token_is_remembered(self, rig: Rig) -> None:
        rig.answers(token=UNKNOWN)
        assert [rig.ask(), rig.ask()] == [401, 401]
        assert rig.asked() == (1, 0)

    def test_another_token_is_another_question(self, rig: Rig) -> None:
        rig.answers(token=UNKNOWN)
        rig.ask()
        rig.answers()
        assert rig.ask("Bearer another") == 200
        assert rig.ask() == 401

    def test_another_verb_is_another_question(self, rig: Rig) -> None:
        rig.answers()
        rig.ask()
        rig.answers(access=DENIED)
        assert (rig.ask(), rig.ask(method="HEAD")) == (200, 403)
        assert rig.server.requests[-1].json()["spec"]["nonResourceAttributes"]["verb"] == "head"

    def test_a_failure_is_not_remembered(self, rig: Rig) -> None:
        rig.answers(token=status_answer(500))
        assert rig.ask() == 500
        rig.answers()
        assert rig.ask() == 200

    @pytest.mark.parametrize("looks", range(8))
    def test_time_may_run_out_at_any_look_at_the_clock(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch, looks: int
    ) -> None:
        rig.answers()
        rig.ask()
        times = itertools.chain([0.0] * looks, itertools.repeat(2 * authfilter.REMEMBER_ALLOWED))
        for memory in (rig._filter._users, rig._filter._allowed):
            monkeypatch.setattr(memory.timer, "_Timer__timer", lambda: next(times))
        assert rig.ask() == 200

    def test_is_bounded(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rig._filter._users, "_Cache__maxsize", 2)
        rig.answers(token=UNKNOWN)
        for token in ("a", "b", "c"):
            rig.ask(f"Bearer {token}")
        assert len(rig._filter._users) == 2


class TestStrangers:
    """Tokens that somebody makes up, each another one: none of them has been heard of."""

    def flood(self, rig: Rig, number: int, start: int = 0) -> list[int]:
        rig.answers(token=UNKNOWN)
        return [rig.ask(f"Bearer made-up-{x}") for x in range(start, start + number)]

    def test_a_flood_is_bounded(self, rig: Rig) -> None:
        rate, burst = authfilter.STRANGERS
        assert self.flood(rig, 50) == [401] * burst + [429] * (50 - burst)
        assert rig.asked() == (burst, 0)
        rig.clock.advance(3.0)
        assert self.flood(rig, 50, start=50).count(401) == 3 * rate
        assert rig.asked() == (burst + 3 * rate, 0)

    def test_a_verdict_is_given_again_without_a_question(self, rig: Rig) -> None:
        self.flood(rig, 50)
        assert self.flood(rig, 1) == [401]

    @pytest.mark.parametrize("later", [0.0, authfilter.REMEMBER_TOKEN, 2 * authfilter.REMEMBER_TOKEN])
    def test_who_was_known_lately_is_not_concerned(self, rig: Rig, later: float) -> None:
        rig.answers()
        assert rig.ask() == 200
        for number in range(30):
            rig.clock.advance(later / 30)
            self.flood(rig, 20, start=20 * number)
        rig.answers()
        assert rig.ask() == 200

    def test_one_that_turned_bad_is_a_stranger(self, rig: Rig) -> None:
        rig.answers()
        assert rig.ask() == 200
        rig.clock.advance(authfilter.REMEMBER_TOKEN)
        rig.answers(token=UNKNOWN)
        assert rig.ask() == 401
        rig.clock.advance(authfilter.REMEMBER_TOKEN)
        self.flood(rig, 50)
        assert rig.ask() == 429

    def test_a_scraper_that_comes_anew_has_its_turn_when_there_is_one(self, rig: Rig) -> None:
        self.flood(rig, 50)
        rig.answers()
        assert rig.ask() == 429
        rig.clock.advance(1.0)
        assert rig.ask() == 200

    def test_of_many_at_once_one_is_asked_about(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        """While the API server thinks, those who are known get their answer; others do not wait for long."""
        thinking = Thinking()
        rig.answers()
        assert rig.ask("Bearer known") == 200
        rig.answers(token=thinking)
        with ThreadPoolExecutor(1) as threads:
            first = threads.submit(rig.ask)
            assert thinking.heard.wait(30.0)
            assert rig.ask("Bearer known") == 200
            monkeypatch.setattr(authfilter, "TURN", 0.0)
            assert rig.ask("Bearer another") == 429
            thinking.done.set()
            assert first.result() == 200

    def test_a_token_is_asked_about_once(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        thinking = Thinking()
        monkeypatch.setattr(authfilter, "TURN", 30.0)
        rig.answers(token=thinking)
        with ThreadPoolExecutor(4) as threads:
            same = [threads.submit(rig.ask) for _ in range(4)]
            assert thinking.heard.wait(30.0)
            thinking.done.set()
            assert [x.result() for x in same] == [200] * 4
        assert rig.asked()[0] == 1


class Thinking:
    """An answer that comes when it is ``done``."""

    def __init__(self) -> None:
        self.heard, self.done = threading.Event(), threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        self.heard.set()
        assert self.done.wait(30.0)
        KNOWN(exchange)


def test_no_token_is_kept_or_logged(rig: Rig) -> None:
    with capture_logs() as lines:
        for token, access in ((UNKNOWN, ALLOWED), (KNOWN, DENIED), (status_answer(500), ALLOWED)):
            rig.answers(token=token, access=access)
            rig.ask()
            rig.clock.advance(authfilter.REMEMBER_TOKEN)
    assert [line["event"] for line in lines] == [
        "A scraper's token was rejected",
        "A scraper was denied",
        "Error asking the API server about a scraper",
    ]
    assert TOKEN not in repr(lines)
    assert TOKEN not in repr([dict(rig._filter._users), dict(rig._filter._allowed)])
