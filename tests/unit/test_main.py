"""The program as it is started: exit codes, and one line for each reason."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.apiserver import write_kubeconfig
from support.quiet_server import QuietServer
from support.waiting import until

NOBODY = "http://127.0.0.1:9"  # the discard port, on which nothing listens
NOTHING_SERVED = ["--metrics-bind-address=0", "--health-probe-bind-address=0"]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "lws", *arguments]


def environment(directory: Path, **variables: str) -> dict[str, str]:
    """Without anything that could lead to a real cluster."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return {**kept, "HOME": str(directory), **variables}


def ran(directory: Path, *arguments: str) -> tuple[int, str, list[str]]:
    """Exit code, standard output, and what the program itself said on standard error."""
    done = subprocess.run(
        command(*arguments),
        env=environment(directory),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if line.startswith("lws-manager: ")]
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, [line.removeprefix("lws-manager: ") for line in said]


def test_version_is_three_lines(tmp_path: Path) -> None:
    code, out, said = ran(tmp_path, "--version", "--config=/none")
    assert (code, said) == (0, [])
    assert [line.split(": ")[0] for line in out.splitlines()] == ["Version", "Build Date", "Git Commit"]


def test_help_is_no_failure(tmp_path: Path) -> None:
    code, out, said = ran(tmp_path, "-h")
    assert (code, said) == (0, [])
    assert out.startswith("Usage of lws-manager:\n  --config file\n")


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("--nonesuch", "flag provided but not defined: --nonesuch; see --help"),
        ("--leader-elect=maybe", "invalid value 'maybe' for flag --leader-elect: need true or false"),
    ],
)
def test_a_wrong_command_line(tmp_path: Path, argument: str, line: str) -> None:
    assert ran(tmp_path, argument) == (2, "", [line])


def test_every_mistake_of_the_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("webhook: {port: x}\nmetrics: {nonesuch: 1}\n")
    code, _, said = ran(tmp_path, f"--config={file}")
    assert (code, said) == (
        1,
        [
            f'{file}: webhook.port: must be a whole number, not the string "x"',
            f"{file}: metrics.nonesuch: unknown field; allowed: bindAddress, maxSets",
        ],
    )


def test_flags_are_judged_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("leaderElection: {leaseDuration: 12s}\n")
    code, _, said = ran(tmp_path, f"--config={file}", "--leader-elect-renew-deadline=12s")
    assert (code, said) == (
        1,
        [f"{file}: leaderElection.leaseDuration: must be greater than renewDeadline (12s)"],
    )


def test_a_missing_file(tmp_path: Path) -> None:
    code, _, said = ran(tmp_path, "--config=/none.yaml")
    assert (code, said) == (1, ["/none.yaml: cannot be read: No such file or directory"])


def test_no_api_server_known(tmp_path: Path) -> None:
    code, _, said = ran(tmp_path, *NOTHING_SERVED)
    assert code == 1
    assert len(said) == 1
    assert said[0].endswith("give --kubeconfig or set KUBECONFIG")


def test_an_api_server_that_does_not_answer(tmp_path: Path) -> None:
    code, _, said = ran(tmp_path, *NOTHING_SERVED, f"--kubeconfig={write_kubeconfig(tmp_path, NOBODY)}")
    assert code == 1
    assert said == [
        f"GET {NOBODY}/version: connection refused; is the API server running, and is this its address?"
    ]


def test_an_old_api_server(tmp_path: Path) -> None:
    with QuietServer(version="v1.25.0") as server:
        kubeconfig = write_kubeconfig(tmp_path, server.url)
        code, _, said = ran(tmp_path, *NOTHING_SERVED, f"--kubeconfig={kubeconfig}")
        assert code == 1
        assert len(said) == 1
        assert said[0].startswith("the API server is Kubernetes v1.25.0, ")
        assert {request.path for request in server.requests} == {"/version"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """Also: ENABLE_WEBHOOKS, KUBECONFIG, the log format, and a lease that is given up."""
    with QuietServer() as server:
        variables = {"ENABLE_WEBHOOKS": "false", "KUBECONFIG": write_kubeconfig(tmp_path, server.url)}
        log = tmp_path / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command(*NOTHING_SERVED, "--zap-log-level=2"),
                env=environment(tmp_path, **variables),
                stderr=out,
            )
        try:
            until("leadership", lambda: server.holder)
            until("the controllers", lambda: log.read_text().count("Starting workers") >= 3)
            process.send_signal(number)
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()
        assert server.holder == ""
        assert "Traceback" not in log.read_text()
        assert "\tINFO\tsetup\tInitializing\t{" in log.read_text()
        assert "\tWARNING\tsetup\t--metrics-bind-address is deprecated; " in log.read_text()
        assert "Serving" not in log.read_text()


def test_a_lost_lease_is_a_failure(tmp_path: Path) -> None:
    fast = ["lease-duration=1s", "renew-deadline=600ms", "retry-period=100ms"]
    with QuietServer() as server:
        variables = {"ENABLE_WEBHOOKS": "false"}
        kubeconfig = write_kubeconfig(tmp_path, server.url)
        process = subprocess.Popen(
            command(
                *NOTHING_SERVED,
                f"--kubeconfig={kubeconfig}",
                *(f"--leader-elect-{setting}" for setting in fast),
            ),
            env=environment(tmp_path, **variables),
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            until("leadership", lambda: server.holder)
            server.give_lease_to("another")
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == 1
        last = said.splitlines()[-1]
        assert last.startswith("lws-manager: leader election: lost the lease lws-system/b8b2488c.x-k8s.io")


def test_signals_leave_all_stacks_and_change_the_level_and_work_goes_on(
    tmp_path: Path,
) -> None:
    with QuietServer() as server:
        variables = {"ENABLE_WEBHOOKS": "false", "KUBECONFIG": write_kubeconfig(tmp_path, server.url)}
        log = tmp_path / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command(*NOTHING_SERVED), env=environment(tmp_path, **variables), stderr=out
            )
        try:
            until("the controllers", lambda: log.read_text().count("Starting workers") >= 3)
            process.send_signal(signal.SIGUSR1)
            until("many stacks", lambda: log.read_text().count("Thread 0x") > 10)
            until("that of the events' thread", lambda: "_next_batch" in log.read_text())
            for level in ("info", "debug"):
                process.send_signal(signal.SIGUSR2)
                until(f"level {level}", lambda sought=level: f'"to":"{sought}"' in log.read_text())
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()
