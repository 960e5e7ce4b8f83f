"""The program ``lws-manager``: command line and configuration in, exit code out.

0: stopped by a signal, or only asked for help or version. 1: it cannot run, or cannot go on. 2: the command
line is wrong. Each reason is one line on standard error (operations.md, 1.12).
"""

from __future__ import annotations

import faulthandler
import itertools
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from lws import flags
from lws.app import App, Options, operator_namespace
from lws.config import Configuration, InvalidConfiguration, document_of, read_configuration, validate
from lws.config.tls import weak_suites
from lws.kube.errors import KubeError
from lws.runtime import logs
from lws.runtime.manager import ManagerError, stop_on_signals
from lws.runtime.serving import raise_open_files
from lws.version import VERSION, build_date, commit, user_agent, version_text

_log = logs.get_logger("setup")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the exit code."""
    try:
        typed = flags.parse(sys.argv[1:] if arguments is None else arguments)
    except flags.FlagError as error:
        return _fail(2, str(error))
    if typed.get("help"):
        return _say(flags.usage())
    if typed.get("version"):
        return _say(version_text())
    settings = flags.log_settings(typed)
    logs.configure(**msgspec.structs.asdict(settings))
    _leave_a_way_in()
    _switch_by_signal(settings)
    try:
        configuration = _configuration(typed)
    except InvalidConfiguration as error:
        where = f"{typed['config']}: " if typed.get("config") else ""
        return _fail(1, *(where + problem for problem in error.problems))
    _introduce(configuration, typed)
    raise_open_files()
    stop = stop_on_signals()
    try:
        App(_options(configuration, typed)).run(stop)
    except (KubeError, ManagerError) as error:
        return _fail(1, logs.one_line(error))
    return 0


def _leave_a_way_in() -> None:
    """A crash beneath Python leaves the stacks of all threads on standard error, and so does SIGUSR1."""
    try:
        faulthandler.enable()
        faulthandler.register(signal.SIGUSR1)
    except (OSError, ValueError):  # standard error is closed, or no file
        _log.info("No stacks on a crash: standard error is no file")


def _switch_by_signal(settings: flags.LogSettings) -> None:
    """SIGUSR2 has the log say everything (less, if it does), and the next one what it said before.

    In a thread of its own, since a handler may interrupt the very write of a line.
    """
    levels = itertools.cycle(("debug" if settings.level != "debug" else "info", settings.level))

    def switch() -> None:
        level = next(levels)
        logs.configure(**msgspec.structs.asdict(settings) | {"level": level})
        _log.warning("Log level changed", to=level)

    signal.signal(signal.SIGUSR2, lambda _number, _frame: threading.Thread(target=switch).start())


def _configuration(typed: Mapping[str, Any]) -> Configuration:
    """Typed flags over the file over defaults. Raises InvalidConfiguration."""
    path = typed.get("config")
    configuration = flags.override(read_configuration(Path(path)) if path else Configuration(), typed)
    validate(configuration)
    return configuration


def _options(configuration: Configuration, typed: Mapping[str, Any]) -> Options:
    return Options(
        configuration=configuration,
        kubeconfig=typed.get("kubeconfig") or None,
        namespace=operator_namespace(),
        webhooks=os.environ.get("ENABLE_WEBHOOKS") != "false",
    )


def _introduce(configuration: Configuration, typed: Mapping[str, Any]) -> None:
    """Who runs with which settings: the first lines of a log."""
    _log.info(
        "Initializing", version=VERSION, buildDate=build_date(), gitCommit=commit(), userAgent=user_agent()
    )
    _log.info("Successfully loaded configuration", **_flat(document_of(configuration)))
    for line in flags.deprecated(typed):
        _log.warning(line)
    if weak := weak_suites(configuration.tls):
        _log.warning("tls.cipherSuites names suites that should not be used any more", suites=weak)


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """One member for each field, named by its path."""
    fields: dict[str, Any] = {}
    for name, value in document.items():
        deeper = isinstance(value, Mapping)
        fields |= _flat(value, f"{prefix}{name}.") if deeper else {prefix + name: value}
    return fields


def _say(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    return 0


def _fail(code: int, *lines: str) -> int:
    for line in lines:
        sys.stderr.write(f"{flags.PROGRAM}: {line}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
