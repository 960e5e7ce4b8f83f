"""The command line: ``up``, ``down`` and ``status``."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from hack.controlplane import binaries, lifecycle
from hack.controlplane.durations import parse_delay
from hack.controlplane.layout import ROOT, ClusterError, Settings, kubeconfig

DESCRIPTION = "A real local control plane whose nodes are hollow: start it, end it, look whether it is up."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did what was asked (``status``: when every component is up)."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.run
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return command(options)
    except ClusterError as error:
        return _failed(str(error))
    except KeyboardInterrupt:
        return _failed("interrupted", code=130)
    except OSError as error:
        return _failed(f"{error}: make room or fix the permissions there")


def _up(options: argparse.Namespace) -> int:
    if options.dir.is_relative_to(ROOT) and not options.dir.is_relative_to(ROOT / "build"):
        raise ClusterError(
            f"{options.dir} is among the sources, where keys and data would be committed by accident: "
            "name a directory elsewhere, as `--dir /tmp/lws`"
        )
    wanted = Settings(
        directory=str(options.dir),
        nodes=options.nodes,
        kcm_qps=options.kcm_qps,
        start_delay=options.start_delay,
        seed=options.seed,
        extra=options.arg,
    )
    found = binaries.locate(say=_say)
    lifecycle.up(wanted, port_base=options.port_base, binaries=found, say=_say)
    print(kubeconfig(options.dir))
    return 0


def _down(options: argparse.Namespace) -> int:
    if not lifecycle.down(options.dir):
        _say(f"no cluster in {options.dir}: nothing to do")
    elif options.dir.exists() and any(options.dir.iterdir()):
        _say(f"{options.dir} stays: it holds files that are not the cluster's")
    return 0


def _status(options: argparse.Namespace) -> int:
    rows = lifecycle.status(options.dir)
    if not rows:
        return _failed(f"no cluster in {options.dir}: start one with `up --dir {options.dir}`")
    print(f"{'COMPONENT':<25}{'PID':<10}{'STATE':<16}PORT")
    for row in rows:
        print(f"{row.component:<25}{row.pid or '-':<10}{row.state:<16}{row.port or '-'}")
    return 0 if all(row.state == "up" for row in rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hack/cluster", description=DESCRIPTION)
    commands = parser.add_subparsers(required=True, metavar="up|down|status")
    for name, run, text in (
        ("up", _up, "start a control plane; prints the kubeconfig's path on its last line"),
        ("down", _down, "end it and remove everything `up` made"),
        ("status", _status, "list the components; exit 0 only when all are up"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        command.add_argument("--dir", type=_directory, required=True, help="where its files live")
        if name == "up":
            _add_up_options(command)
    return parser


def _add_up_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port-base", type=int, help="first of five ports in a row (default: free ones)")
    parser.add_argument("--nodes", type=_count, default=8, help="hollow nodes (default: 8)")
    parser.add_argument(
        "--kcm-qps",
        type=_rate,
        default=20.0,
        help="kube-controller-manager's requests a second; burst is 1.5 times that (default: 20, its own)",
    )
    parser.add_argument(
        "--start-delay",
        type=_delay,
        default="0s",
        help="from a pod's placement to its readiness: `5s`, or `exp(2s)` for a draw (default: 0s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="for the draws of delays (default: 0)")
    parser.add_argument(
        "--arg",
        type=_flag,
        action="append",
        default=[],
        metavar="COMPONENT=--FLAG=VALUE",
        help="one more flag for a component; may be repeated",
    )


def _directory(text: str) -> Path:
    path = Path(text).expanduser().resolve()
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is no directory")
    return path


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError("must be from 1 to 1000")
    return number


def _rate(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1e6:
        raise argparse.ArgumentTypeError("must be above 0")
    return number


def _delay(text: str) -> str:
    try:
        parse_delay(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _flag(text: str) -> tuple[str, str]:
    component, found, flag = text.partition("=")
    if not found or not flag.startswith("--"):
        raise argparse.ArgumentTypeError("write it as COMPONENT=--FLAG=VALUE")
    return component, flag


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _failed(line: str, *, code: int = 1) -> int:
    _say(f"error: {' '.join(line.split())}")
    return code
