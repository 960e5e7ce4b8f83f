"""Processes are started apart from us, recognised by more than their pid, and ended for sure."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hack.controlplane import processes
from hack.controlplane.layout import log_file, pid_file

PROGRAM = "worker"
WAIT = "print('ready', flush=True); signal.pause()"
Start = Callable[..., int]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a Python program under the name of a component; ends it whatever the test did."""
    link = tmp_path / PROGRAM
    link.symlink_to(sys.executable)
    pids: list[int] = []

    def started(source: str = WAIT, *, directory: Path = tmp_path) -> int:
        log = log_file(tmp_path, PROGRAM)
        command = [str(link), "-c", f"import signal, sys; {source}", f"--data-dir={directory}/data"]
        pid = processes.spawn(command, log=log, environment=dict(os.environ))
        pids.append(pid)
        pid_file(tmp_path, PROGRAM).write_text(f"{pid}\n")
        await_true(lambda: "ready" in log.read_text())
        return pid

    yield started
    for pid in pids:
        if processes.command_line(pid):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def await_true(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_process_lives_in_its_own_session_and_writes_its_log(start: Start, tmp_path: Path) -> None:
    pid = start()
    assert os.getsid(pid) == pid
    assert processes.running(tmp_path, PROGRAM, PROGRAM) == pid
    assert processes.exit_code(pid) is None


def test_ending_takes_a_polite_process_at_once(start: Start, tmp_path: Path) -> None:
    pid = start()
    processes.end([pid], programs=[PROGRAM], directory=tmp_path, grace=20)
    assert processes.command_line(pid) == []
    assert processes.running(tmp_path, PROGRAM, PROGRAM) is None


def test_ending_kills_one_that_does_not_listen(start: Start, tmp_path: Path) -> None:
    pid = start(f"signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAIT.replace('pause()', 'sigwait({10})')}")
    processes.end([pid], programs=[PROGRAM], directory=tmp_path, grace=0.05)
    assert processes.command_line(pid) == []


@pytest.mark.parametrize("program", [PROGRAM, "another"])
def test_a_recycled_pid_is_never_touched(start: Start, tmp_path: Path, program: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    pid = start(directory=elsewhere if program == PROGRAM else tmp_path)
    home = tmp_path / "home" if program == PROGRAM else tmp_path
    home.mkdir(exist_ok=True)
    pid_file(home, PROGRAM).write_text(f"{pid}\n")
    assert processes.running(home, PROGRAM, program) is None
    processes.end([pid], programs=[program], directory=home, grace=0.05)
    assert processes.command_line(pid)


def test_strays_are_found_without_a_pid_file(start: Start, tmp_path: Path) -> None:
    pid = start()
    pid_file(tmp_path, PROGRAM).unlink()
    assert processes.strays(tmp_path, [PROGRAM]) == [pid]
    assert processes.strays(tmp_path / "other", [PROGRAM]) == []


def test_a_child_lives_even_before_it_has_a_command_line(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = start()
    with monkeypatch.context() as patch:
        patch.setattr(processes, "command_line", lambda _pid: [])
        assert processes.exit_code(pid) is None


def test_the_exit_code_of_an_ended_process_is_known(start: Start) -> None:
    pid = start("print('ready', flush=True); sys.exit(3)")
    codes: list[int] = []

    def ended() -> bool:
        if (code := processes.exit_code(pid)) is not None:
            codes.append(code)
        return bool(codes)

    await_true(ended)
    assert codes == [3]


@pytest.mark.parametrize("content", ["", "no number", "-"])
def test_a_broken_pid_file_is_no_process(tmp_path: Path, content: str) -> None:
    pid_file(tmp_path, PROGRAM).write_text(content)
    assert processes.running(tmp_path, PROGRAM, PROGRAM) is None
