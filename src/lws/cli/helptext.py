"""Help in kubectl's shape: what a command does, examples, its flags, how it is used."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from lws.cli.commands import COMMANDS
from lws.cli.examples import EXAMPLES, PROGRAM
from lws.cli.flags import GLOBAL
from lws.cli.grammar import Command, Flag

_ABOUT = """\
kubectl lws looks at LeaderWorkerSets and DisaggregatedSets, and decides how they roll.

 The namespace is that of the kubeconfig's context, as with kubectl. A set's NAME may be of either kind;
 lws/NAME and ds/NAME say which one is meant.
"""
_SEE_OPTIONS = f'Use "{PROGRAM} options" for a list of global command-line options (applies to all commands).'


def overview() -> str:
    """Of all commands."""
    lines = [_ABOUT]
    for heading in dict.fromkeys(x.heading for x in COMMANDS.values()):
        lines += [f"{heading}:", *_listed(heading), ""]
    lines += ["Usage:", f"  {PROGRAM} [command] [flags] [options]", ""]
    lines += [f'Use "{PROGRAM} <command> --help" for more information about a given command.', _SEE_OPTIONS]
    return "\n".join(lines)


def _listed(heading: str) -> Iterator[str]:
    """Commands of two words are listed as they are typed."""
    width = max(len(x) for x in COMMANDS)
    for x in COMMANDS.values():
        if x.heading == heading:
            yield f"  {x.name:{width}}   {x.text}"


def of_parent(name: str) -> str:
    """Of the first word of commands that have two."""
    before = f"{name} "
    below = {x.name.removeprefix(before): x.text for x in COMMANDS.values() if x.name.startswith(before)}
    lines = [f"The commands of '{PROGRAM} {name}'.", "", "Available Commands:"]
    lines += [f"  {x:{max(map(len, below))}}   {text}" for x, text in below.items()]
    lines += ["", "Usage:", f"  {PROGRAM} {name} SUBCOMMAND [options]", ""]
    return "\n".join([*lines, f'Use "{PROGRAM} {name} <command> --help" for more information.', _SEE_OPTIONS])


def of_command(command: Command) -> str:
    """Of one command."""
    lines = [f"{command.text}.", ""]
    if command.more:
        lines += [*textwrap.wrap(command.more, 116, initial_indent=" ", subsequent_indent=" "), ""]
    if command.name in EXAMPLES:
        lines += ["Examples:", EXAMPLES[command.name], ""]
    if command.flags:
        lines += ["Options:", *_explained(command.flags)]
    usage = " ".join(x for x in (PROGRAM, command.name, command.usage, "[options]") if x)
    return "\n".join([*lines, "Usage:", f"  {usage}", "", _SEE_OPTIONS])


def options() -> str:
    """Of the flags that all commands take."""
    lines = ["The following options can be passed to any command:", "", *_explained(GLOBAL)]
    return "\n".join(lines).rstrip()


def _explained(flags: tuple[Flag, ...]) -> Iterator[str]:
    for flag in sorted(flags, key=lambda x: x.name):
        short = f"-{flag.short}, " if flag.short else ""
        yield f"    {short}--{flag.name}={flag.shown}:"
        yield f"\t{flag.text}"
        yield ""
