"""How a command line is read: pflag's grammar, as kubectl has it. Flags, words and commands are data.

From this data help and completion are made, too. Which commands there are is ``lws.cli.commands``'s.
"""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

_TRUTH = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}


class UsageError(ValueError):
    """The command line is wrong: exit with code 2. One line."""


class Flag(NamedTuple):
    """``read``: from the text after it. ``shown``: its default, as help writes it.

    ``switch``: true where it stands alone. ``repeated``: a list. ``values``: what completes it.
    """

    name: str
    text: str
    short: str = ""
    default: Any = None
    read: Callable[[str], Any] = str
    shown: str = "''"
    switch: bool = False
    repeated: bool = False
    values: Sequence[str] | str = ""

    @property
    def key(self) -> str:
        """What the value is called: ``as`` is no name in Python."""
        return "as_user" if self.name == "as" else self.name.replace("-", "_")


class Word(NamedTuple):
    """An argument that is no flag. ``values``: what completes it."""

    key: str
    shown: str
    read: Callable[[str], Any] = str
    required: bool = True
    many: bool = False
    values: Sequence[str] | str = ""


class Command(NamedTuple):
    """``name`` may be of two words. ``more``: paragraphs below ``text`` in its help. ``heading``: where the
    list of commands has it. ``usage``: what stands after the name.
    """

    name: str
    heading: str
    text: str
    more: str = ""
    words: tuple[Word, ...] = ()
    flags: tuple[Flag, ...] = ()
    usage: str = ""


def choice(*names: str) -> Callable[[str], str]:
    """A ``read`` that takes these only."""

    def read(text: str) -> str:
        if text not in names:
            raise UsageError(f"{text!r} is none of {', '.join(names)}")
        return text

    return read


def read_flags(words: Iterable[str], flags: Sequence[Flag]) -> tuple[dict[str, Any], list[str]]:
    """The values of typed flags by key, and all words that are none. Raises UsageError."""
    reading = _Reading(words, flags)
    while reading.waiting:
        reading.next()
    return reading.found, reading.rest


class _Reading:
    def __init__(self, words: Iterable[str], flags: Sequence[Flag]) -> None:
        self.waiting = deque(words)
        self.found: dict[str, Any] = {}
        self.rest: list[str] = []
        self._long = {x.name: x for x in flags}
        self._short = {x.short: x for x in flags if x.short}

    def next(self) -> None:
        word = self.waiting.popleft()
        if word == "--":
            self.rest += self.waiting
            self.waiting.clear()
        elif word.startswith("--"):
            self._take_long(word)
        elif word.startswith("-") and word != "-":
            self._take_short(word)
        else:
            self.rest.append(word)

    def _take_long(self, word: str) -> None:
        name, equals, value = word[2:].partition("=")
        flag = self._long.get(name)
        if flag is None:
            raise UsageError(f"unknown flag: --{name}{meant(name, self._long, '--')}")
        self._keep(flag, f"--{name}", value if equals else None)

    def _take_short(self, word: str) -> None:
        """Switches may stand together, as ``-Aw``; a value may follow at once, as ``-nprod``."""
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            flag = self._short.get(letter)
            if flag is None:
                raise UsageError(f"unknown shorthand flag: {letter!r} in {word}")
            if letters.startswith("=") or (letters and not flag.switch):
                return self._keep(flag, f"-{letter}", letters.removeprefix("="))
            self._keep(flag, f"-{letter}", None)
        return None

    def _keep(self, flag: Flag, typed: str, text: str | None) -> None:
        value = self._switch(typed, text) if flag.switch else self._value(flag, typed, text)
        if flag.repeated:
            self.found.setdefault(flag.key, []).append(value)
        else:
            self.found[flag.key] = value

    def _switch(self, typed: str, text: str | None) -> bool:
        if text is None:
            return True
        if text.lower() not in _TRUTH:
            raise UsageError(f"argument {typed}: {text!r} is neither true nor false")
        return _TRUTH[text.lower()]

    def _value(self, flag: Flag, typed: str, text: str | None) -> Any:
        if text is None:
            if not self.waiting:
                raise UsageError(f"flag needs an argument: {typed}")
            text = self.waiting.popleft()
        return _read(flag.read, text, typed)


def read_words(given: Sequence[str], words: Sequence[Word]) -> dict[str, Any]:
    """The values of arguments by key; None, or an empty list, where one is not given. Raises UsageError."""
    left = deque(given)
    found: dict[str, Any] = {}
    for word in words:
        if word.many:
            found[word.key] = [_read(word.read, x, word.shown) for x in left]
            left.clear()
        else:
            found[word.key] = _read(word.read, left.popleft(), word.shown) if left else None
        if word.required and not found[word.key]:
            raise UsageError(f"{word.shown} is missing")
    if left:
        raise UsageError(f"unexpected argument: {left[0]}")
    return found


def _read(read: Callable[[str], Any], text: str, called: str) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise UsageError(f"argument {called}: {error}") from error


def find_command(
    words: Sequence[str], commands: Mapping[str, Command], flags: Sequence[Flag]
) -> tuple[str, list[str]]:
    """The command that words name, as far as one does, and the other words: flags may stand before it.

    ``flags``: all that any command has.
    """
    valued = {f"--{x.name}" for x in flags if not x.switch} | {
        f"-{x.short}" for x in flags if x.short and not x.switch
    }
    name, rest, at = "", list(words), 0
    while at < len(rest) and rest[at] != "--" and name not in commands:
        if rest[at].startswith("-") and rest[at] != "-":
            at += 2 if rest[at] in valued else 1
            continue
        longer = f"{name} {rest[at]}".strip()
        if longer not in commands and not any(x.startswith(f"{longer} ") for x in commands):
            break
        name = longer
        del rest[at]
    return name, rest


def meant(typed: str, known: Iterable[str], before: str = "") -> str:
    """What may have been meant, as the end of a line."""
    close = difflib.get_close_matches(typed, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{before}{close[0]}"?' if close else ""
