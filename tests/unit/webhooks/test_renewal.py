"""A certificate is renewed in time by a process that never restarts, and failures are tried again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lws.runtime.clock import FakeClock
from lws.webhooks.certificates import LOCAL, CertificateStore
from lws.webhooks.renewal import Renewal

DAY = 86400.0


class Running:
    """A renewal in a thread; ``renewed`` is released at each change, and may be told to fail."""

    def __init__(self, directory: Path) -> None:
        self.clock = FakeClock()
        self.store = CertificateStore(directory, LOCAL)
        self.renewed = threading.Semaphore(0)
        self.failures = 0
        self.stop = threading.Event()
        renewal = Renewal(self.store, on_renewed=self._on_renewed, clock=self.clock)
        self._thread = threading.Thread(target=renewal.run, args=(self.stop,))

    def _on_renewed(self) -> None:
        self.renewed.release()
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the API server is away")

    def start(self) -> None:
        self._thread.start()

    def pass_time(self, seconds: float) -> None:
        assert self.clock.await_waiters(1)
        self.clock.advance(seconds)

    def end(self) -> None:
        self.stop.set()
        self._thread.join(10.0)
        assert not self._thread.is_alive()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "certs")
    yield running
    running.end()


def test_a_certificate_is_made_at_once_and_renewed_before_its_end(running: Running) -> None:
    running.start()
    assert running.renewed.acquire(timeout=10)
    first = running.store.load()
    running.pass_time(274 * DAY)
    assert running.clock.await_waiters(1)
    running.pass_time(2 * DAY)
    assert running.renewed.acquire(timeout=10)
    second = running.store.load()
    assert second.ca_certificate == first.ca_certificate
    assert second.certificate != first.certificate


def test_nothing_is_told_while_nothing_changes(running: Running) -> None:
    running.start()
    assert running.renewed.acquire(timeout=10)
    for _ in range(5):
        running.pass_time(DAY)
    assert running.clock.await_waiters(1)
    assert not running.renewed.acquire(blocking=False)


def test_one_who_was_not_reached_is_told_again_after_a_minute(running: Running) -> None:
    running.failures = 2
    running.start()
    for _ in range(2):
        assert running.renewed.acquire(timeout=10)
        running.pass_time(60)
    assert running.renewed.acquire(timeout=10)
    running.pass_time(DAY)
    assert running.clock.await_waiters(1)
    assert not running.renewed.acquire(blocking=False)


def test_a_disk_that_fails_is_tried_again(running: Running) -> None:
    directory = running.store.directory
    directory.write_text("a file where the directory should be")
    running.start()
    assert running.clock.await_waiters(1)
    directory.unlink()
    running.pass_time(60)
    assert running.renewed.acquire(timeout=10)
    assert running.store.load().certificate
