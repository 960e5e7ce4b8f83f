"""The command line of ``kubectl lws``: words in; options out, or help, or one line on what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NoReturn

from lws.cli import helptext
from lws.cli.commands import CHANGING, COMMANDS, EVERY_FLAG, flags_of
from lws.cli.examples import PROGRAM
from lws.cli.grammar import Command, UsageError, find_command, meant, read_flags, read_words
from lws.cli.shells import script
from lws.cli.values import Target, is_roles
from lws.version import VERSION


def parse(arguments: Sequence[str] | None) -> Any:
    """The options, by the keys of flags and words, and ``command``.

    Exits with code 2, and one line, when the command line is wrong; with 0 for help and version. ``kind`` and
    ``name`` are empty where no set is named.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["--version"]:
        _say(f"{PROGRAM} {VERSION}")
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    name, rest = find_command(words, COMMANDS, EVERY_FLAG)
    command = COMMANDS.get(name)
    try:
        _check_text(words)
        return _options(command, rest) if command is not None else _no_command(name, rest)
    except UsageError as error:
        raise SystemExit(complain(name, error)) from None


def _check_text(words: Sequence[str]) -> None:
    """Nothing else can be sent, or written. Raises UsageError."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{word!a} is not UTF-8 text") from None


def complain(name: str, error: UsageError) -> int:
    """One line on what is wrong with the command line of a command; the exit code."""
    typed = f"{PROGRAM} {name}".strip()
    sys.stderr.write(f"error: {error}; see '{typed} --help'\n")
    return 2


def _no_command(name: str, rest: Sequence[str]) -> NoReturn:
    """Help, or what is wrong; ``name``: the first word of commands of two, or empty."""
    _, words = read_flags(rest, EVERY_FLAG)
    if not words:
        _say(helptext.of_parent(name) if name else helptext.overview())
    known = {x.removeprefix(name).split()[0] for x in COMMANDS if x.startswith(name)}
    called = f"{PROGRAM} {name}".strip()
    raise UsageError(f'unknown command "{words[0]}" for "{called}"{meant(words[0], known)}')


def _options(command: Command, words: Sequence[str]) -> SimpleNamespace:
    flags = flags_of(command)
    found, rest = read_flags(words, flags)
    if found.get("help"):
        _say(helptext.of_command(command))
    told = read_words(rest, command.words)
    if command.name == "options":
        _say(helptext.options())
    if command.name == "completion":
        _say(script(told["shell"]))
    defaults = {x.key: [] if x.repeated else x.default for x in flags}
    values = {**defaults, **found, **told}
    options = SimpleNamespace(command=command.name, **values)
    _check(options)
    target = getattr(options, "name", None) or Target("", "")
    options.kind, options.name = target
    return options


def _check(options: Any) -> None:
    """What no flag alone can say is wrong. Raises UsageError."""
    if options.command == "plan":
        _check_plan(options)
    _check_which(options)
    if options.certificate_authority and options.insecure_skip_tls_verify:
        raise UsageError("--certificate-authority says what --insecure-skip-tls-verify does not look at")


def _check_which(options: Any) -> None:
    """A set is named, or chosen by flags: for want of a name nothing is changed."""
    named = getattr(options, "name", None)
    everywhere, selector = (getattr(options, x, None) for x in ("all_namespaces", "selector"))
    if named and everywhere:
        raise UsageError("a set cannot be named across all namespaces")
    if named and selector:
        raise UsageError("name cannot be provided when a selector is specified")
    if COMMANDS[options.command].heading == CHANGING and not (named or everywhere or selector):
        raise UsageError("it needs a NAME, -l/--selector or -A/--all-namespaces")


def _check_plan(options: Any) -> None:
    """Either a set and a file, or numbers; the kind may stand before numbers."""
    if options.role:
        if options.filename or (options.name and not is_roles(options.name)):
            raise UsageError("--role takes neither a set nor -f/--filename")
        options.name = None
    elif not options.filename:
        raise UsageError("it needs -f/--filename, or --role")


def _say(text: str) -> NoReturn:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
    raise SystemExit(0)
