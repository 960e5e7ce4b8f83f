"""Reading YAML and JSON that people wrote: one reader, and one error for all that can be wrong with a text.

What it gives is JSON, as kubectl takes it: dates are text, keys are strings, nothing holds itself. Files,
fields and what they mean may not live here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, NoReturn

import yaml

DEPTH: Final = 100
"""Levels, as ``lws.kube.shallow`` has it: many more than any object has that means anything."""
MEMBERS: Final = 1_000_000
"""Of one document, each alias written out."""
_NUMBERS: Final = range(-(2**63), 2**64)
_YAML: Final = "tag:yaml.org,2002:"
# What a parser raises beside its own errors, for instance of a truth value that is none.
_RAISED: Final = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError)


class Unreadable(ValueError):  # noqa: N818 - a text is
    """What is wrong, in one line, and where; to be put behind ``is not YAML:``. It holds no value."""


class Fields(dict[str, Any]):
    """A mapping that remembers which of its keys were given more than once."""

    twice: list[str]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, Any]]) -> Fields:
        fields = cls()
        fields.twice = []
        for key, value in pairs:
            if key in fields:
                fields.twice.append(key)
            fields[key] = value
        return fields


def read_documents(text: str) -> list[Any]:
    """All documents of a text, those that are empty left out. Raises Unreadable."""
    return [x for x in _documents(text) if x is not None]


def read_document(text: str) -> Any:
    """The first of them, whatever follows; None where that is empty. Raises Unreadable."""
    return next(_documents(text), None)


def _documents(text: str) -> Iterator[Any]:
    for document in _parsed(text):
        _check(document)
        yield document


def _parsed(text: str) -> Iterator[Any]:
    if text.lstrip().startswith("{"):  # YAML takes most JSON, but not tabs
        with suppress(ValueError, RecursionError):  # a YAML mapping in braces; or YAML says where it is wrong
            return iter([json.loads(text, object_pairs_hook=Fields.of)])
    return _of_yaml(text)


def _of_yaml(text: str) -> Iterator[Any]:
    try:
        yield from yaml.load_all(text, _Loader)
    except yaml.YAMLError as error:
        raise Unreadable(_cause(error)) from error
    except _RAISED as error:
        raise Unreadable("it holds what no parser can read") from error


def _cause(error: yaml.YAMLError) -> str:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split())
    mark = error.problem_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: {' '.join(str(error.problem).split())}"


def _check(document: Any) -> None:
    """That it could be sent as JSON."""
    for number, (path, value) in enumerate(_members(document, "", 0)):
        if number > MEMBERS:
            raise Unreadable("its aliases make too much of it")
        if isinstance(value, int) and value not in _NUMBERS:
            raise Unreadable(f"{path}: no number may have so many digits")
        if isinstance(value, str):
            _check_text(value, path)


def _members(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    """All there is in it, keys included, with where it stands."""
    yield path or "(top)", value
    if depth == DEPTH and isinstance(value, Mapping | list):
        raise Unreadable(f"{path[:80]}: it is nested too deeply")
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield path or "(top)", key
            yield from _members(member, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _members(member, f"{path}[{index}]", depth + 1)


def _check_text(text: str, path: str) -> None:
    """Escapes can write halves of characters, which nothing can encode."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Unreadable(f"{ascii(path)[1:-1]}: a text holds half a character") from error


class _Loader(yaml.SafeLoader):
    """Plain YAML, less what only looks like something else, and each error with its place."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.deep_construct = True  # so that what holds itself is found
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._depth += 1
        if self._depth > DEPTH + 1:
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "it is nested too deeply", event.start_mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except _RAISED as error:
            problem = f"what stands here is no {str(node.tag).rpartition(':')[2]}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error

    def fields(self, node: yaml.MappingNode) -> Fields:
        own = [(self._key(key), None) for key, _ in node.value if key.tag != f"{_YAML}merge"]
        self.flatten_mapping(node)
        found = Fields((self._key(key), self.construct_object(value)) for key, value in node.value)
        found.twice = Fields.of(own).twice
        return found

    def text(self, node: yaml.ScalarNode) -> str:
        return str(self.construct_scalar(node))

    def decode(self, node: yaml.ScalarNode) -> str:
        """As kubectl, which takes bytes for text."""
        return base64.b64decode("".join(self.text(node).split()), validate=True).decode()

    def refuse(self, node: yaml.Node) -> NoReturn:
        problem = f"there is no {node.tag.rpartition(':')[2]} in JSON"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)

    def _key(self, node: yaml.Node) -> str:
        key = self.construct_object(node)
        if not isinstance(key, str | int | float):
            raise yaml.constructor.ConstructorError(None, None, "this can be no key", node.start_mark)
        return key if isinstance(key, str) else json.dumps(key)


_CONSTRUCTORS: Final[Mapping[str, Any]] = {
    "map": _Loader.fields,
    "set": _Loader.fields,
    "omap": _Loader.refuse,
    "pairs": _Loader.refuse,
    "timestamp": _Loader.text,
    "binary": _Loader.decode,
}
for _tag, _constructor in _CONSTRUCTORS.items():
    _Loader.add_constructor(f"{_YAML}{_tag}", _constructor)
