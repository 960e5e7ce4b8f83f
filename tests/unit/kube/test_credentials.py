from __future__ import annotations

import threading
from pathlib import Path

import pytest

from lws.kube.credentials import Credentials, Login, bearer_from_file
from lws.kube.errors import ConfigurationError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Scripted results of ``read``; an exception is raised. The last one stays."""

    def __init__(self, *results: str | Exception | None) -> None:
        self.results = list(results)
        self.reads: list[bool] = []

    def __call__(self, refused: bool) -> str | None:
        self.reads.append(refused)
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, Exception):
            raise result
        return result


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_read_again_once_a_minute(clock: Clock) -> None:
    source = Source("Bearer a", "Bearer b")
    credentials = Credentials(source, clock=clock)
    clock.now = 59.9
    assert credentials.login().header == "Bearer a"
    clock.now = 60.0
    assert credentials.login().header == "Bearer b"
    assert source.reads == [False, False]


def test_a_failing_read_keeps_the_old_one_and_waits_a_minute(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source("Bearer a", OSError("gone"), ValueError("empty"), "Bearer b")
    credentials = Credentials(source, clock=clock)
    for _ in range(2):
        clock.now += 60
        assert credentials.login().header == "Bearer a"
        assert credentials.login().header == "Bearer a"
    assert len(source.reads) == 3
    assert "the old ones stay in use: no credentials: gone" in caplog.text
    clock.now += 60
    assert credentials.login().header == "Bearer b"


def test_the_first_read_must_succeed(clock: Clock) -> None:
    with pytest.raises(ConfigurationError, match=r"^no credentials: gone away$"):
        Credentials(Source(OSError("gone\naway")), clock=clock)


@pytest.mark.parametrize("header", ["Bearer a\nb", "Bearer a\r", "", " x", "Bearer é"])
def test_a_header_that_http_forbids_is_refused_without_printing_it(clock: Clock, header: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^no credentials: the token is not one line") as caught:
        Credentials(Source(header), clock=clock)
    assert header.strip() not in str(caught.value) or not header.strip()


def test_no_header_at_all_is_fine(clock: Clock) -> None:
    assert Credentials(Source(None), clock=clock).login().header is None


def test_after_a_refusal_the_source_is_read_at_once(clock: Clock) -> None:
    source = Source("Bearer a", "Bearer b")
    credentials = Credentials(source, clock=clock)
    assert credentials.renew(Login("Bearer a"))
    assert credentials.login().header == "Bearer b"
    assert source.reads == [False, True]


def test_nothing_new_after_a_refusal_means_no_second_try(clock: Clock) -> None:
    assert not Credentials(Source("Bearer a"), clock=clock).renew(Login("Bearer a"))


def test_another_thread_may_have_renewed_already(clock: Clock) -> None:
    source = Source("Bearer a", "Bearer b")
    credentials = Credentials(source, clock=clock)
    assert credentials.renew(Login("Bearer a"))
    clock.now += 10
    assert credentials.renew(Login("Bearer a"))
    assert len(source.reads) == 2


def test_a_storm_of_refusals_reads_once_per_five_seconds(clock: Clock) -> None:
    source = Source("Bearer a")
    credentials = Credentials(source, clock=clock)
    for _ in range(10):
        assert not credentials.renew(Login("Bearer a"))
    assert len(source.reads) == 2
    clock.now += 5.0
    credentials.renew(Login("Bearer a"))
    assert len(source.reads) == 3


def test_while_one_thread_reads_the_others_do_not_wait(clock: Clock) -> None:
    reading, go_on = threading.Event(), threading.Event()

    def read(_refused: bool) -> str:
        if clock.now == 0.0:
            return "Bearer a"
        reading.set()
        assert go_on.wait(10)
        return "Bearer b"

    credentials = Credentials(read, clock=clock)
    clock.now = 60.0
    thread = threading.Thread(target=credentials.login)
    thread.start()
    assert reading.wait(10)
    assert credentials.login().header == "Bearer a"
    go_on.set()
    thread.join(10)
    assert credentials.login().header == "Bearer b"


def test_a_token_file_is_stripped(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("  abc.def\n")
    assert bearer_from_file(str(file))(False) == "Bearer abc.def"


def test_an_empty_token_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(" \n")
    with pytest.raises(ValueError, match="is empty"):
        bearer_from_file(str(file))(False)
