"""Parts start in order, each phase when the one before is ready, and stop in reverse, whatever happens."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lws.runtime import manager as manager_module
from lws.runtime.manager import Manager, ManagerError, Phase, traceback_of
from lws.runtime.serving.server import BindError

PHASES = list(Phase)


class Log:
    """What happened, in order, awaitable."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()

    def say(self, line: str) -> None:
        with self._changed:
            self.lines.append(line)
            self._changed.notify_all()

    def wait_for(self, line: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: line in self.lines, 10.0), self.lines


class Part:
    """A part with threads of its own, as the servers and caches are."""

    def __init__(self, log: Log, name: str, **behaviour: Any) -> None:
        self.name = name
        self.alive = True
        self._log = log
        self._behaviour = behaviour

    def start(self) -> None:
        self._log.say(f"start {self.name}")
        self._do("on_start")

    def stop(self) -> None:
        self._log.say(f"stop {self.name}")
        self._do("on_stop")

    def _do(self, when: str) -> None:
        self._behaviour.get(when, lambda: None)()


class TimedPart(Part):
    """One whose stop takes a timeout and says whether it did."""

    timeout = 0.0

    def stop(self, timeout: float) -> bool:  # type: ignore[override]
        self.timeout = timeout
        super().stop()
        return bool(self._behaviour.get("stopped", True))


class ReadyPart(Part):
    """One on which the next phase waits."""

    def __init__(self, log: Log, name: str, **behaviour: Any) -> None:
        super().__init__(log, name, **behaviour)
        self.is_ready = threading.Event()

    def wait_ready(self, timeout: float) -> bool:
        self._do("on_wait")
        return self.is_ready.wait(timeout)


class SyncedPart(Part):
    def wait_for_sync(self, timeout: float) -> bool:
        assert timeout > 0
        self._log.say(f"synced {self.name}")
        return True


class RunPart:
    """A part that runs until it is told to stop."""

    def __init__(self, log: Log, name: str, on_run: Callable[[threading.Event], None] | None = None) -> None:
        self.name = name
        self._log = log
        self._on_run = on_run or (lambda stop: (stop.wait(), None)[1])

    def run(self, stop: threading.Event) -> None:
        self._log.say(f"start {self.name}")
        self._on_run(stop)
        self._log.say(f"stop {self.name}")


class Running:
    """A manager in a thread."""

    def __init__(self, manager: Manager) -> None:
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, args=(manager,))
        self._thread.start()

    def _main(self, manager: Manager) -> None:
        try:
            manager.run(self.stop)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def end(self) -> BaseException | None:
        self.stop.set()
        return self.join()

    def join(self) -> BaseException | None:
        self._thread.join(20.0)
        assert not self._thread.is_alive()
        return self.error


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def run() -> Iterator[Callable[[Manager], Running]]:
    runs: list[Running] = []

    def start(manager: Manager) -> Running:
        runs.append(Running(manager))
        return runs[-1]

    yield start
    for running in runs:
        running.end()


def test_phases_start_in_order_and_stop_in_reverse(log: Log, run: Callable[[Manager], Running]) -> None:
    manager = Manager()
    for phase in reversed(PHASES):
        manager.add(Part(log, phase.name), phase=phase)
    running = run(manager)
    log.wait_for("start CONTROLLERS")
    assert running.end() is None
    names = [phase.name for phase in PHASES]
    assert names == [
        "HTTP",
        "WEBHOOKS",
        "CACHES",
        "OTHERS",
        "WARM_UP",
        "LEADER_ELECTION",
        "EVENTS",
        "CONTROLLERS",
    ]
    assert log.lines == [*(f"start {name}" for name in names), *(f"stop {name}" for name in reversed(names))]


def test_a_phase_waits_until_the_one_before_is_ready(log: Log, run: Callable[[Manager], Running]) -> None:
    manager = Manager()
    webhook = ReadyPart(log, "webhook")
    manager.add(webhook, phase=Phase.WEBHOOKS)
    manager.add(SyncedPart(log, "cache"), phase=Phase.CACHES)
    manager.add(Part(log, "controller"), phase=Phase.CONTROLLERS)
    run(manager)
    log.wait_for("start webhook")
    assert log.lines == ["start webhook"]
    webhook.is_ready.set()
    log.wait_for("start controller")
    assert log.lines == ["start webhook", "start cache", "synced cache", "start controller"]


def test_both_shapes_of_parts(log: Log, run: Callable[[Manager], Running]) -> None:
    manager = Manager(grace=7.0)
    timed = TimedPart(log, "timed")
    manager.add(RunPart(log, "loop"), phase=Phase.OTHERS)
    manager.add(timed, phase=Phase.CONTROLLERS)
    running = run(manager)
    log.wait_for("start timed")
    assert running.end() is None
    assert sorted(log.lines) == ["start loop", "start timed", "stop loop", "stop timed"]
    assert log.lines[2:] == ["stop timed", "stop loop"]
    assert 0 < timed.timeout <= 7.0


def raising(message: str) -> Callable[..., None]:
    def fail(*_: Any) -> None:
        raise RuntimeError(message)

    return fail


def test_a_part_that_fails_to_start_ends_the_process(log: Log, run: Callable[[Manager], Running]) -> None:
    manager = Manager()
    manager.add(Part(log, "first"), phase=Phase.HTTP)
    manager.add(Part(log, "second", on_start=raising("port 1 in\nuse")), phase=Phase.HTTP)
    manager.add(Part(log, "third"), phase=Phase.CACHES)
    error = run(manager).join()
    assert isinstance(error, ManagerError)
    assert str(error) == "second: port 1 in use"
    assert log.lines == ["start first", "start second", "stop first"]


def test_a_part_whose_readiness_fails_ends_the_process(log: Log, run: Callable[[Manager], Running]) -> None:
    manager = Manager()
    manager.add(ReadyPart(log, "cache", on_wait=raising("no such CRD")), phase=Phase.CACHES)
    assert str(run(manager).join()) == "cache: no such CRD"
    assert log.lines == ["start cache", "stop cache"]


def test_a_phase_that_does_not_get_ready_ends_the_process(
    log: Log, run: Callable[[Manager], Running]
) -> None:
    manager = Manager(ready_timeout=0.1)
    manager.add(ReadyPart(log, "cache"), phase=Phase.CACHES)
    manager.add(Part(log, "controller"), phase=Phase.CONTROLLERS)
    assert str(run(manager).join()) == "cache: not ready within 0.1 s"
    assert log.lines == ["start cache", "stop cache"]


@pytest.mark.parametrize(
    ("why", "told"), [("the CRD is missing", ": the CRD is missing"), ("", "")], ids=["known", "unknown"]
)
def test_a_part_tells_why_it_did_not_get_ready(
    log: Log, run: Callable[[Manager], Running], why: str, told: str
) -> None:
    part = ReadyPart(log, "cache")
    part.why_not_ready = lambda: why  # type: ignore[attr-defined]
    manager = Manager(ready_timeout=0.1)
    manager.add(part, phase=Phase.CACHES)
    assert str(run(manager).join()) == f"cache: not ready within 0.1 s{told}"


def test_leadership_may_take_for_ever(
    log: Log, run: Callable[[Manager], Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager_module, "_LOOK", 0.01)
    waits = threading.Semaphore(0)
    manager = Manager(ready_timeout=0.001)
    manager.add(ReadyPart(log, "elector", on_wait=waits.release), phase=Phase.LEADER_ELECTION)
    running = run(manager)
    for _ in range(20):
        assert waits.acquire(timeout=10.0)
    assert running.end() is None
    assert log.lines == ["start elector", "stop elector"]


@pytest.mark.parametrize(
    ("on_run", "message"),
    [
        pytest.param(raising("lost the lease"), "loop: lost the lease", id="raises"),
        pytest.param(lambda _stop: None, "loop: it ended by itself", id="returns"),
    ],
)
def test_a_part_that_ends_by_itself_ends_the_process(
    log: Log, run: Callable[[Manager], Running], on_run: Callable[[threading.Event], None], message: str
) -> None:
    manager = Manager()
    manager.add(Part(log, "server"), phase=Phase.HTTP)
    manager.add(RunPart(log, "loop", on_run), phase=Phase.OTHERS)
    error = run(manager).join()
    assert isinstance(error, ManagerError)
    assert str(error) == message
    assert log.lines[-1] == "stop server"


def test_a_part_that_dies_ends_the_process(log: Log, run: Callable[[Manager], Running]) -> None:
    manager = Manager()
    server = Part(log, "webhook server")
    manager.add(server, phase=Phase.WEBHOOKS)
    running = run(manager)
    log.wait_for("start webhook server")
    server.alive = False
    assert str(running.join()) == "webhook server: it died"
    assert log.lines[-1] == "stop webhook server"


def test_a_part_that_dies_while_others_wait_ends_the_process(
    log: Log, run: Callable[[Manager], Running]
) -> None:
    manager = Manager()
    server = Part(log, "webhook server")
    manager.add(server, phase=Phase.WEBHOOKS)
    manager.add(ReadyPart(log, "elector"), phase=Phase.LEADER_ELECTION)
    running = run(manager)
    log.wait_for("start elector")
    server.alive = False
    assert str(running.join()) == "webhook server: it died"


def test_a_part_that_does_not_stop_is_named_and_the_others_stop(
    log: Log, run: Callable[[Manager], Running]
) -> None:
    never = threading.Event()
    manager = Manager(grace=0.2)
    manager.add(Part(log, "stuck", on_stop=lambda: (never.wait(20.0), None)[1]), phase=Phase.CONTROLLERS)
    manager.add(TimedPart(log, "busy", stopped=False), phase=Phase.CONTROLLERS)
    manager.add(RunPart(log, "deaf", lambda _stop: (never.wait(20.0), None)[1]), phase=Phase.OTHERS)
    manager.add(Part(log, "server"), phase=Phase.HTTP)
    running = run(manager)
    log.wait_for("start stuck")
    error = running.end()
    log.wait_for("stop server")
    never.set()
    assert isinstance(error, ManagerError)
    assert str(error) == "did not stop properly within 0.2 s: stuck, busy, deaf"


def test_a_part_that_fails_to_stop_does_not_keep_the_others_from_it(
    log: Log, run: Callable[[Manager], Running]
) -> None:
    manager = Manager()
    manager.add(Part(log, "broken", on_stop=raising("defect")), phase=Phase.CONTROLLERS)
    manager.add(Part(log, "server"), phase=Phase.HTTP)
    running = run(manager)
    log.wait_for("start broken")
    assert str(running.end()) == "did not stop properly within 30 s: broken"
    assert log.lines[-1] == "stop server"


def test_lost_leadership_is_reported_first_and_cuts_the_grace_short(
    log: Log, run: Callable[[Manager], Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager_module, "LOST_GRACE", 0.5)
    lose = threading.Event()
    manager = Manager(grace=20.0)
    controller = TimedPart(log, "controller")

    def lead(_stop: threading.Event) -> None:
        assert lose.wait(10.0)
        raise RuntimeError("lost the lease")

    manager.add(RunPart(log, "elector", lead), phase=Phase.LEADER_ELECTION)
    manager.add(controller, phase=Phase.CONTROLLERS)
    running = run(manager)
    log.wait_for("start controller")
    lose.set()
    assert str(running.join()) == "elector: lost the lease"
    assert "stop controller" in log.lines
    assert controller.timeout <= 0.5


def test_stopping_before_everything_has_started(log: Log, run: Callable[[Manager], Running]) -> None:
    manager = Manager()
    manager.add(ReadyPart(log, "cache"), phase=Phase.CACHES)
    manager.add(Part(log, "controller"), phase=Phase.CONTROLLERS)
    running = run(manager)
    log.wait_for("start cache")
    assert running.end() is None
    assert log.lines == ["start cache", "stop cache"]


def test_health_and_readiness_are_apart() -> None:
    manager = Manager()
    manager.add_ready_check("caches", lambda: False)
    manager.add_health_check("alive", lambda: True)
    assert manager.ready.run() == {"readyz": True, "caches": False}
    assert manager.health.run() == {"healthz": True, "alive": True}


SCRIPT = """
import sys, threading
from lws.runtime.manager import stop_on_signals
stop = stop_on_signals()
print("ready", flush=True)
while not stop.is_set():
    threading.Event().wait(0.01)
print("stopping", flush=True)
if sys.argv[1] == "hang":
    threading.Event().wait(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("mode", "code"), [("stop", 0), ("hang", 1)])
def test_the_first_signal_stops_and_the_second_kills(number: signal.Signals, mode: str, code: int) -> None:
    with subprocess.Popen([sys.executable, "-c", SCRIPT, mode], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            process.send_signal(number)
            assert process.stdout.readline() == b"stopping\n"
            if mode == "hang":
                process.send_signal(number)
            assert process.wait(20.0) == code
        finally:
            process.kill()


def test_an_address_in_use_has_no_traceback_at_any_level() -> None:
    defect = ValueError("who wrote this?")
    assert traceback_of(BindError("address already in use")) is None
    assert traceback_of(defect) is defect
