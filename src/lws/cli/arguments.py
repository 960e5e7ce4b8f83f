"""The command line of ``kubectl lws``: names, flags and their help."""

from __future__ import annotations

import argparse
import re
from typing import Any, Final, NamedTuple, NoReturn

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.cli.examples import EXAMPLES, PROGRAM
from lws.version import VERSION

_DESCRIPTION = "Look at LeaderWorkerSets and DisaggregatedSets, and decide how they roll."
_EPILOG = """\
The namespace is that of the kubeconfig's context, as with kubectl. Every command takes -o json and -o yaml.
A set's NAME may be of either kind; lws/NAME and ds/NAME say which one is meant.

  kubectl lws tree                             everything in the namespace, owner by owner
  kubectl lws why my-model                     what a set is waiting for
  kubectl lws plan my-model -f my-model.yaml   what applying this file would replace, step by step
  kubectl lws status my-model --watch          wait until it is rolled out
"""
_KINDS: Final = {
    "": "",
    **dict.fromkeys(("lws", "leaderworkerset", "leaderworkersets"), c.KIND),
    **dict.fromkeys(("ds", "dset", "disaggregatedset", "disaggregatedsets"), d.KIND),
}
_GROUPS: Final = {c.KIND: c.GROUP, d.KIND: d.GROUP}
_SET: Final = "the set, as NAME, lws/NAME or ds/NAME"
_DURATION = re.compile(r"([0-9]+)(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


class Target(NamedTuple):
    """A set as the user names it. ``kind``: empty where that is not said."""

    kind: str
    name: str


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the code is 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; see '{self.prog} --help'\n")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Exits with code 2, and one line, when the command line is wrong; with 0 for help and version.

    ``kind`` and ``name`` are empty where no set is named.
    """
    options = _parser().parse_args(arguments)
    if options.command == "plan":
        _check_plan(options)
    if options.name and getattr(options, "all_namespaces", False):
        Parser(prog=f"{PROGRAM} {options.command}").error("a set cannot be named across all namespaces")
    options.kind, options.name = options.name or Target("", "")
    return options


def _role(text: str) -> Any:
    """Help does without what reads it: half a second of imports on a small machine."""
    from lws.cli.disaggregated.numbers import read_role  # noqa: PLC0415

    return read_role(text)


def _check_plan(options: argparse.Namespace) -> None:
    """Either a set and a file, or numbers; the kind may stand before numbers."""
    wrong = Parser(prog=f"{PROGRAM} plan").error
    if options.role:
        if options.filename or (options.name and _KINDS.get(options.name.name) != d.KIND):
            wrong("--role takes neither a set nor -f/--filename")
        options.name = None
    elif not options.name or not options.filename:
        wrong("the following arguments are required: NAME and -f/--filename, or --role")


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {VERSION}")
    _common(parser, default=None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    _looking(commands)
    _changing(commands)
    return parser


def _common(parser: argparse.ArgumentParser, *, default: Any) -> None:
    """Flags that may stand before or after the command, as kubectl's; ``default`` is for the first."""
    group = parser.add_argument_group("as kubectl's")
    for names, text in (
        (("-n", "--namespace"), "namespace; by default that of the context"),
        (("--context",), "context of the kubeconfig"),
        (("--kubeconfig",), "path of the kubeconfig"),
    ):
        group.add_argument(*names, metavar=names[-1][2:].upper(), default=default, help=text)
    group.add_argument(
        "-o", "--output", choices=["json", "yaml"], default=default, help="print a document instead"
    )


def _command(commands: Any, name: str, text: str, *, more: str = "", named: bool = True) -> Any:
    parser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}. {more}".strip(),
        epilog=f"examples:\n\n{EXAMPLES[name]}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _common(parser, default=argparse.SUPPRESS)
    if named:
        parser.add_argument("name", metavar="NAME", type=_target, help=_SET)
    return parser


def _choosing(parser: argparse.ArgumentParser) -> None:
    """One set by its name, or all."""
    parser.add_argument("name", metavar="NAME", nargs="?", type=_target, help=f"{_SET}; else all")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="sets of all namespaces")


def _looking(commands: Any) -> None:
    _choosing(_command(commands, "tree", "show a set with its StatefulSets, groups and pods", named=False))
    status = _command(
        commands,
        "status",
        "say how far a rollout is",
        more="With --watch it ends with 0 when the set is rolled out, and with 1 when it cannot be.",
    )
    status.add_argument("-w", "--watch", action="store_true", help="wait for the end")
    status.add_argument(
        "--timeout",
        type=_seconds,
        default=0.0,
        metavar="DURATION",
        help="longest wait, as 90s or 5m; 0: none",
    )
    _choosing(_command(commands, "why", "name what keeps a set from being ready and up to date", named=False))
    plan = _command(
        commands,
        "plan",
        "say what an edit would replace, step by step",
        more="Nothing is changed: the API server is asked by a dry run what the edit comes to."
        " With --role a rollout of a DisaggregatedSet is worked out from numbers alone, without a cluster.",
        named=False,
    )
    plan.add_argument("name", metavar="NAME", nargs="?", type=_target, help=_SET)
    plan.add_argument("-f", "--filename", metavar="FILE", help="the manifest; - for stdin")
    plan.add_argument(
        "--role",
        action="append",
        type=_role,
        metavar="NAME=GROUPS[:GROUPS][,surge=N][,unavailable=N]",
        help="a role with its groups, before and after where that differs; once for each role;"
        " surge is 1 and unavailable 0 where they are not given",
    )
    plan.add_argument(
        "--server-side", action="store_true", help="as 'kubectl apply --server-side' would apply the file"
    )


def _changing(commands: Any) -> None:
    history = _command(
        commands,
        "history",
        "list the templates that a set had and can go back to",
        more="Only the present one is kept (of a DisaggregatedSet none), unless the set is annotated with"
        " leaderworkerset.sigs.k8s.io/revision-history-limit.",
    )
    history.add_argument("--revision", type=_number, metavar="N", help="show this one whole")
    undo = _command(commands, "undo", "go back to a former template")
    undo.add_argument(
        "--to-revision", type=_number, default=0, metavar="N", help="its number; 0: the last one"
    )
    restart = _command(
        commands,
        "restart",
        "recreate groups, or all of them by a roll",
        more="Named groups go at once and together; without any, all go within maxUnavailable and maxSurge."
        " Of a DisaggregatedSet roles are named, and each rolls on its own; without any, all roll together.",
    )
    restart.add_argument(
        "parts",
        metavar="GROUP|ROLE",
        nargs="*",
        type=_part,
        help="index of a group of a LeaderWorkerSet, or role of a DisaggregatedSet",
    )
    _command(commands, "pause", "hold a roll where it is", more="No group is replaced until 'resume'.")
    _command(commands, "resume", "let a paused set go on")


def _target(text: str) -> Target:
    """``NAME`` or ``KIND/NAME``, as kubectl takes and prints them."""
    kind, _, name = text.rpartition("/")
    plain, _, group = kind.partition(".")
    known = _KINDS.get(plain)
    if known is None or group not in ("", _GROUPS.get(known)) or not re.fullmatch("[a-z0-9.-]+", name):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a LeaderWorkerSet or DisaggregatedSet")
    return Target(known, name)


def _part(text: str) -> str:
    if not re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a group nor a role")
    return text


def _number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,10}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 0 or more")
    return int(text)


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 90s, 5m or 1h")
    return int(match[1]) * _SECONDS[match[2]]
