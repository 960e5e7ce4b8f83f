"""The command line: Go's grammar, upstream's names, and what a typed flag overrides."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lws.config import Configuration, decode_configuration
from lws.flags import FLAGS, FlagError, LogSettings, deprecated, log_settings, override, parse, usage
from lws.version import VERSION, user_agent, version_text


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [
        pytest.param([], {}, id="nothing"),
        pytest.param(["--config", "f"], {"config": "f"}, id="value apart"),
        pytest.param(["--config=f"], {"config": "f"}, id="value after ="),
        pytest.param(["-config=f"], {"config": "f"}, id="one dash"),
        pytest.param(["-config", "-f"], {"config": "-f"}, id="a value like a flag"),
        pytest.param(["--config="], {"config": ""}, id="empty value"),
        pytest.param(["--config=a=b"], {"config": "a=b"}, id="value with ="),
        pytest.param(["--config=a", "--config=b"], {"config": "b"}, id="the last one counts"),
        pytest.param(["--leader-elect"], {"leader-elect": True}, id="bare boolean"),
        pytest.param(["--leader-elect=false"], {"leader-elect": False}, id="false"),
        pytest.param(
            ["--leader-elect=F", "--zap-devel=1"], {"leader-elect": False, "zap-devel": True}, id="F, 1"
        ),
        pytest.param(["--kube-api-qps=1e2"], {"kube-api-qps": 100.0}, id="float"),
        pytest.param(["--kube-api-burst=0x10"], {"kube-api-burst": 16}, id="int"),
        pytest.param(
            ["--leader-elect-lease-duration", "1m30s"], {"leader-elect-lease-duration": 90.0}, id="duration"
        ),
        pytest.param(["--zap-encoder=JSON"], {"zap-encoder": "json"}, id="any case"),
        pytest.param(["--zap-log-level=2"], {"zap-log-level": "2"}, id="verbosity"),
        pytest.param(["-h"], {"help": True}, id="-h"),
        pytest.param(["--help", "--nonesuch"], {"help": True}, id="nothing after help is read"),
        pytest.param(["--version", "--"], {"version": True}, id="the end of flags"),
    ],
)
def test_typed(arguments: list[str], typed: dict[str, Any]) -> None:
    assert parse(arguments) == typed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--nonesuch"], "flag provided but not defined: --nonesuch; see --help", id="unknown"),
        pytest.param(
            ["-leaderelect=true"],
            "flag provided but not defined: --leaderelect; did you mean --leader-elect?",
            id="nearly known",
        ),
        pytest.param(
            ["--nonesuch", "-h"], "flag provided but not defined: --nonesuch; see --help", id="before help"
        ),
        pytest.param(["---config=f"], "bad flag syntax: ---config=f", id="three dashes"),
        pytest.param(["-=f"], "bad flag syntax: -=f", id="no name"),
        pytest.param(["--config"], "flag needs an argument: --config", id="no value"),
        pytest.param(
            ["--leader-elect", "false"],
            "unexpected argument 'false'; a boolean flag takes its value after =",
            id="boolean without =",
        ),
        pytest.param(
            ["--", "x"], "unexpected argument 'x'; a boolean flag takes its value after =", id="an argument"
        ),
        pytest.param(["-"], "unexpected argument '-'; a boolean flag takes its value after =", id="a dash"),
        pytest.param(
            ["--leader-elect=no"], "invalid value 'no' for flag --leader-elect: need true or false", id="bool"
        ),
        pytest.param(
            ["--kube-api-burst=1.5"],
            "invalid value '1.5' for flag --kube-api-burst: need a whole number",
            id="int",
        ),
        pytest.param(
            ["--kube-api-burst=9223372036854775808"],
            "invalid value '9223372036854775808' for flag --kube-api-burst: need a whole number",
            id="too large",
        ),
        pytest.param(
            ["--kube-api-qps=x"], "invalid value 'x' for flag --kube-api-qps: need a number", id="float"
        ),
        pytest.param(
            [f"--leader-elect-retry-period={'9' * 400}h"],
            f"invalid value '{'9' * 400}h' for flag --leader-elect-retry-period: "
            "need a duration with its unit, such as 15s",
            id="a duration without end",
        ),
        pytest.param(
            ["--leader-elect-retry-period=2"],
            "invalid value '2' for flag --leader-elect-retry-period: "
            "need a duration with its unit, such as 15s",
            id="duration",
        ),
        pytest.param(
            ["--zap-encoder=xml"],
            "invalid value 'xml' for flag --zap-encoder: need one of json, console",
            id="choice",
        ),
        pytest.param(
            ["--zap-log-level=0"],
            "invalid value '0' for flag --zap-log-level: log level '0': "
            "need one of debug, info, warning, error, panic, or a number from 1 up",
            id="level",
        ),
    ],
)
def test_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(FlagError) as caught:
        parse(arguments)
    assert str(caught.value) == message


FILE = b"""
metrics: {bindAddress: ":1"}
health: {healthProbeBindAddress: ":2"}
leaderElection: {leaderElect: false, leaseDuration: 30s, resourceName: file}
clientConnection: {qps: 7}
"""


@pytest.mark.parametrize(
    ("arguments", "path", "value"),
    [
        pytest.param([], "metrics.bind_address", ":1", id="the file over the default"),
        pytest.param([], "client_connection.burst", 500, id="the default"),
        pytest.param(["--metrics-bind-address=:3"], "metrics.bind_address", ":3", id="metrics"),
        pytest.param(
            ["--metrics-bind-address=:8443"], "metrics.bind_address", ":8443", id="typed as the default"
        ),
        pytest.param(["--metrics-bind-address="], "metrics.bind_address", ":1", id="typed empty"),
        pytest.param(["--health-probe-bind-address=0"], "health.health_probe_bind_address", "0", id="health"),
        pytest.param(["--leader-elect"], "leader_election.leader_elect", True, id="election"),
        pytest.param(["--leader-elect-lease-duration=9s"], "leader_election.lease_duration", 9.0, id="lease"),
        pytest.param(
            ["--leader-elect-renew-deadline=9s"], "leader_election.renew_deadline", 9.0, id="deadline"
        ),
        pytest.param(["--leader-elect-retry-period=9s"], "leader_election.retry_period", 9.0, id="period"),
        pytest.param(["--leader-elect-resource-lock=x"], "leader_election.resource_lock", "x", id="lock"),
        pytest.param(["--leader-elect-resource-name=x"], "leader_election.resource_name", "x", id="name"),
        pytest.param(["--kube-api-qps=2.5"], "client_connection.qps", 2.5, id="qps"),
        pytest.param(["--kube-api-burst=3"], "client_connection.burst", 3, id="burst"),
    ],
)
def test_precedence(arguments: list[str], path: str, value: Any) -> None:
    block, member = path.split(".")
    configuration = override(decode_configuration(FILE), parse(arguments))
    assert getattr(getattr(configuration, block), member) == value


def test_nothing_typed_changes_nothing() -> None:
    configuration = decode_configuration(FILE)
    assert override(configuration, {"zap-devel": False, "config": "x"}) is configuration


def test_defaults_in_the_help_are_those_of_the_configuration() -> None:
    defaults = {flag.name: flag.default for flag in FLAGS if flag.overrides}
    typed = parse([f"--{name}={text}" for name, text in defaults.items()])
    assert override(Configuration(), typed) == Configuration()
    assert len(typed) == len(defaults) == 10


def test_help_names_every_flag_and_what_is_deprecated() -> None:
    text = usage()
    assert re.findall(r"^  --([a-z-]+) ", text, re.MULTILINE) == [flag.name for flag in FLAGS]
    assert "Deprecated: set leaderElection.leaseDuration in the file. (default 15s)" in text
    assert text.count("Deprecated") == 7


def test_the_guide_has_every_flag() -> None:
    guide = (Path(__file__).parents[2] / "docs/guides/configuration.md").read_text()
    rows = re.findall(r"^\| `--([a-z-]+)[^|]*\|[^|]*\|([^|]*)\|$", guide, re.MULTILINE)
    told = {name: what.strip() for name, what in rows}
    assert told.keys() == {flag.name for flag in FLAGS}
    assert {name for name, what in told.items() if "deprecated" in what} == {
        x.name for x in FLAGS if x.instead
    }
    for flag in FLAGS:
        if flag.instead:
            assert told[flag.name] == f"`{flag.instead}`; deprecated"


def test_typing_a_deprecated_flag_is_told() -> None:
    assert deprecated(parse(["--leader-elect", "--leader-elect-renew-deadline=9s"])) == [
        "--leader-elect-renew-deadline is deprecated; "
        "set leaderElection.renewDeadline in the file of --config"
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param([], ("console", "debug", "rfc3339nano", "debug"), id="for people by default"),
        pytest.param(["--zap-devel=false"], ("json", "info", "rfc3339nano", "debug"), id="for machines"),
        pytest.param(["--zap-log-level=2"], ("console", "2", "rfc3339nano", "debug"), id="as the manifests"),
        pytest.param(
            ["--zap-devel=false", "--zap-encoder=console", "--zap-log-level=error"],
            ("console", "error", "rfc3339nano", "debug"),
            id="overridden one by one",
        ),
        pytest.param(
            ["--zap-time-encoding=EPOCH", "--zap-stacktrace-level=panic"],
            ("console", "debug", "epoch", "panic"),
            id="times and tracebacks",
        ),
    ],
)
def test_logging(arguments: list[str], expected: tuple[str, str, str, str]) -> None:
    format_, level, times, tracebacks = expected
    assert log_settings(parse(arguments)) == LogSettings(
        format=format_,  # type: ignore[arg-type]
        level=level,
        time_encoding=times,  # type: ignore[arg-type]
        traceback_level=tracebacks,
    )


def test_the_build_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LWS_GIT_COMMIT", "0123456789")
    monkeypatch.setenv("LWS_BUILD_DATE", "2026-01-01")
    assert version_text() == f"Version: {VERSION}\nBuild Date: 2026-01-01\nGit Commit: 0123456789"
    assert re.fullmatch(rf"lws/{re.escape(VERSION)} \(\w+/\w+\) 0123456/x", user_agent("/x"))


def test_a_build_that_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LWS_GIT_COMMIT", "")
    monkeypatch.delenv("LWS_BUILD_DATE", raising=False)
    assert version_text() == f"Version: {VERSION}\nBuild Date: N/A\nGit Commit: unknown"
    assert user_agent().endswith(") unknown")
