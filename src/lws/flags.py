"""The command line: upstream's flags with Go's grammar, and how they override the configuration file.

A flag counts only if it was typed (operations.md, 1.2 and 1.3). What the settings mean is
``lws.config``'s.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from lws.config import Configuration
from lws.config.durations import parse_duration
from lws.runtime.logs import Format, TimeEncoding, parse_level

PROGRAM: Final = "lws-manager"

_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_INT64: Final = range(-(2**63), 2**63)


class FlagError(ValueError):
    """The command line cannot be understood: exit with code 2. One line."""


class Flag(NamedTuple):
    """``overrides``: block and member of the Configuration. ``instead``: the field to use, if deprecated."""

    name: str
    kind: str
    read: Callable[[str], Any]
    default: str
    help: str
    overrides: tuple[str, str] | None = None
    instead: str = ""


def parse(arguments: Sequence[str]) -> dict[str, Any]:
    """The flags that were typed, by name, the last of each; ``help`` ends the reading. Raises FlagError."""
    typed: dict[str, Any] = {}
    waiting = list(arguments)
    while waiting and not typed.get("help"):
        argument = waiting.pop(0)
        if argument == "--" and not waiting:
            break
        if argument in ("-", "--") or not argument.startswith("-"):
            stray = waiting[0] if argument == "--" else argument
            raise FlagError(f"unexpected argument {stray!r}; a boolean flag takes its value after =")
        flag, value = _split(argument)
        if value is None:
            value = _next_value(flag, waiting)
        typed[flag.name] = _read(flag, value)
    return typed


def override(configuration: Configuration, typed: Mapping[str, Any]) -> Configuration:
    """The configuration with typed flags in the place of what the file said. Empty texts change nothing."""
    for flag in FLAGS:
        if flag.overrides is not None and typed.get(flag.name, "") != "":
            block, member = flag.overrides
            changed = msgspec.structs.replace(getattr(configuration, block), **{member: typed[flag.name]})
            configuration = msgspec.structs.replace(configuration, **{block: changed})
    return configuration


def deprecated(typed: Mapping[str, Any]) -> list[str]:
    """A line for each typed flag that is on its way out."""
    return [
        f"--{flag.name} is deprecated; set {flag.instead} in the file of --config"
        for flag in FLAGS
        if flag.instead and flag.name in typed
    ]


class LogSettings(Struct, frozen=True, kw_only=True):
    """What the zap flags ask for, as ``lws.runtime.logs.configure`` takes it."""

    format: Format
    level: str
    time_encoding: TimeEncoding
    traceback_level: str


def log_settings(typed: Mapping[str, Any]) -> LogSettings:
    """``--zap-devel``, on unless switched off, sets defaults; the other flags override one by one."""
    devel = typed.get("zap-devel", True)
    return LogSettings(
        format=typed.get("zap-encoder", "console" if devel else "json"),
        level=typed.get("zap-log-level", "debug" if devel else "info"),
        time_encoding=typed.get("zap-time-encoding", "rfc3339nano"),
        traceback_level=typed.get("zap-stacktrace-level", "debug"),  # where ours are
    )


def usage() -> str:
    """What ``--help`` prints."""
    lines = [f"Usage of {PROGRAM}:"]
    for flag in FLAGS:
        note = f" Deprecated: set {flag.instead} in the file." if flag.instead else ""
        default = f" (default {flag.default})" if flag.default else ""
        lines += [f"  --{flag.name} {flag.kind}", f"        {flag.help}{note}{default}"]
    return "\n".join(lines)


def _split(argument: str) -> tuple[Flag, str | None]:
    body = argument[2:] if argument.startswith("--") else argument[1:]
    name, equals, value = body.partition("=")
    if not name or name.startswith("-"):
        raise FlagError(f"bad flag syntax: {argument}")
    name = "help" if name == "h" else name
    flag = _BY_NAME.get(name)
    if flag is None:
        near = difflib.get_close_matches(name, _BY_NAME, n=1)
        advice = f"did you mean --{near[0]}?" if near else "see --help"
        raise FlagError(f"flag provided but not defined: --{name}; {advice}")
    return flag, value if equals else None


def _next_value(flag: Flag, waiting: list[str]) -> str:
    if flag.kind == "bool":
        return "true"
    if not waiting:
        raise FlagError(f"flag needs an argument: --{flag.name}")
    return waiting.pop(0)


def _read(flag: Flag, value: str) -> Any:
    try:
        return flag.read(value)
    except ValueError as error:
        raise FlagError(f"invalid value {value!r} for flag --{flag.name}: {error}") from None


def _bool(text: str) -> bool:
    if text not in _TRUE | _FALSE:
        raise ValueError("need true or false")
    return text in _TRUE


def _int(text: str) -> int:
    """Go's ``strconv.ParseInt`` with base 0, so 0x1f and 0o17 are numbers, too."""
    try:
        number = int(text, 0) if text.isascii() and text.strip() == text else None
    except ValueError:
        number = None
    if number is None or number not in _INT64:
        raise ValueError("need a whole number")
    return number


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("need a number") from None


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError:
        raise ValueError("need a duration with its unit, such as 15s") from None


def _level(text: str) -> str:
    parse_level(text)
    return text


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError(f"need one of {', '.join(allowed)}")
        return text.lower()

    return read


def _election(name: str, kind: str, read: Callable[[str], Any], default: str, text: str) -> Flag:
    """A deprecated flag of leader election, named after its field."""
    member = name.replace("-", "_")
    words = name.split("-")
    field = words[0] + "".join(word.capitalize() for word in words[1:])
    instead = f"leaderElection.{field}"
    return Flag(f"leader-elect-{name}", kind, read, default, text, ("leader_election", member), instead)


FLAGS: Final = (
    Flag("config", "file", str, "", "Configuration file. Without one, defaults hold."),
    Flag("kubeconfig", "file", str, "", "Kubeconfig; else $KUBECONFIG, the pod's account, ~/.kube/config."),
    Flag(
        "kube-api-qps", "float", _float, "500", "Requests to the API server a second, on average.",
        ("client_connection", "qps"),
    ),
    Flag(
        "kube-api-burst", "int", _int, "500", "Requests to the API server at once.",
        ("client_connection", "burst"),
    ),
    Flag(
        "leader-elect", "bool", _bool, "true", "Let one of several replicas do the work.",
        ("leader_election", "leader_elect"),
    ),
    Flag(
        "metrics-bind-address", "string", str, ":8443", 'Where metrics are served; "0" switches them off.',
        ("metrics", "bind_address"), "metrics.bindAddress",
    ),
    Flag(
        "health-probe-bind-address", "string", str, ":8081", 'Where probes are answered; "0" is nowhere.',
        ("health", "health_probe_bind_address"), "health.healthProbeBindAddress",
    ),
    _election("lease-duration", "duration", _duration, "15s", "How long others respect a silent leader."),
    _election("renew-deadline", "duration", _duration, "10s", "How long the leader tries to renew."),
    _election("retry-period", "duration", _duration, "2s", "How often a candidate tries."),
    _election("resource-lock", "string", str, "leases", "The kind of lock; leases is the only one."),
    _election("resource-name", "string", str, "b8b2488c.x-k8s.io", "The name of the Lease."),
    Flag("zap-devel", "bool", _bool, "true", "Defaults for people: console and debug; false: json and info."),
    Flag("zap-encoder", "string", _one_of("json", "console"), "", "Log layout: json or console."),
    Flag("zap-log-level", "level", _level, "", "debug, info, error, panic, or a verbosity from 1 up."),
    Flag(
        "zap-stacktrace-level", "level", _one_of("info", "error", "panic"), "",
        "From which level on lines carry tracebacks: info, error or panic.",
    ),
    Flag(
        "zap-time-encoding", "string",
        _one_of("epoch", "millis", "nanos", "iso8601", "rfc3339", "rfc3339nano"), "rfc3339nano",
        "epoch, millis, nanos, iso8601, rfc3339 or rfc3339nano.",
    ),
    Flag("version", "bool", _bool, "false", "Print version, build date and commit, and exit."),
    Flag("help", "bool", _bool, "false", "Print this, and exit."),
)  # fmt: skip

_BY_NAME: Final = {flag.name: flag for flag in FLAGS}
