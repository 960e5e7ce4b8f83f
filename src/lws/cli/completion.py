"""What may come next on a command line, as kubectl asks a plugin for it: by ``kubectl_complete-lws``.

The answer is cobra's: a candidate a line, with what it is behind a tab, and a number that says what the shell
is to do. Nothing is said on standard error, and nobody waits: without a cluster there are no names.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

from lws.cli.commands import COMMANDS, EVERY_FLAG, flags_of
from lws.cli.grammar import Command, Flag, Word, find_command, read_flags

PATIENCE: Final = 3.0
"""Seconds for everything."""

_ERROR, _NO_SPACE, _NO_FILES = 1, 2, 4


class Answer(NamedTuple):
    """``candidates``: each with what it is, or an empty text. ``directive``: cobra's, for the shell."""

    candidates: Sequence[tuple[str, str]] = ()
    directive: int = _NO_FILES


class _Late(Exception):  # noqa: N818 - it is no error
    """The time is up."""


def main(words: Sequence[str] | None = None) -> int:
    """Answer for the words of a command line, the last of which is being typed; always 0."""
    given = list(sys.argv[1:] if words is None else words)
    try:
        with open(os.devnull, "r+b", buffering=0) as nothing:
            os.dup2(nothing.fileno(), sys.stdin.fileno())
            os.dup2(nothing.fileno(), sys.stderr.fileno())
        signal.signal(signal.SIGALRM, _stop)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        answer = complete(given[:-1], given[-1] if given else "")
    except Exception:  # noqa: BLE001 - a shell that completes has no use for any
        answer = Answer()
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
    lines = (f"{text}\t{what}" if what else text for text, what in answer.candidates)
    sys.stdout.write("".join(f"{x}\n" for x in (*lines, f":{answer.directive}")))
    return 0


def _stop(*_: object) -> None:
    raise _Late


def complete(words: Sequence[str], typed: str) -> Answer:
    """What ``typed`` may become, after these words."""
    name, rest = find_command(words, COMMANDS, EVERY_FLAG)
    command = COMMANDS.get(name)
    flags = flags_of(command) if command is not None else EVERY_FLAG
    if (flag := _waiting(rest, flags)) is not None:
        return _values(flag.values, _told(rest[:-1], flags), typed)
    if "--" in rest:
        return _word(command, rest, typed) if command is not None else Answer()
    if typed.startswith("-") and "=" in typed:
        before, _, text = typed.partition("=")
        flag = next((x for x in flags if before in (f"--{x.name}", f"-{x.short}")), None)
        return _values(flag.values if flag is not None else "", _told(rest, flags), text)
    if typed.startswith("-"):
        return _answer(((f"--{x.name}", x.text) for x in flags if x.text), typed)
    if command is None:
        return Answer() if _told(rest, flags).rest else _answer(_commands(name), typed)
    return _word(command, rest, typed)


def _waiting(words: Sequence[str], flags: Sequence[Flag]) -> Flag | None:
    """The flag whose value comes next."""
    last = words[-1] if words else ""
    found = (x for x in flags if not x.switch and last in (f"--{x.name}", f"-{x.short}"))
    return next(found, None) if "--" not in words else None


def _told(words: Iterable[str], flags: Sequence[Flag]) -> Any:
    """The options so far, and the arguments as ``rest``. Raises UsageError: whom to ask is not sure then."""
    found, rest = read_flags(words, flags)
    defaults = {x.key: [] if x.repeated else x.default for x in flags}
    return SimpleNamespace(**{**defaults, **found}, rest=rest)


def _commands(name: str) -> Iterator[tuple[str, str]]:
    """The words that make a command of ``name``, each once."""
    before = f"{name} " if name else ""
    seen = set()
    for x in COMMANDS.values():
        word = x.name.removeprefix(before).split()[0]
        if x.name.startswith(before) and word not in seen:
            seen.add(word)
            yield word, x.text


def _word(command: Command, words: Sequence[str], typed: str) -> Answer:
    told = _told(words, flags_of(command))
    word = _next(command.words, len(told.rest))
    return Answer() if word is None else _values(word.values, told, typed)


def _next(words: Sequence[Word], given: int) -> Word | None:
    if given < len(words):
        return words[given]
    return words[-1] if words and words[-1].many else None


def _values(values: Sequence[str] | str, told: Any, typed: str) -> Answer:
    if not isinstance(values, str):
        return _answer(((x, "") for x in values), typed)
    if values == "files":
        return Answer(directive=0)
    if not values:
        return Answer()
    from lws.cli.candidates import find  # noqa: PLC0415 - only this needs a cluster

    directive = _NO_FILES | (_NO_SPACE if values == "containers" else 0)
    return _answer(find(values, told, typed), typed, directive)


def _answer(candidates: Iterable[tuple[str, str]], typed: str, directive: int = _NO_FILES) -> Answer:
    return Answer([x for x in candidates if x[0].startswith(typed)], directive)


if __name__ == "__main__":
    sys.exit(main())
