"""Reading a configuration file: strictly, and all of it, so that one start shows every mistake.

YAML or JSON; of several YAML documents the first. Whether values make sense together is
``lws.config.validation``'s, which is asked here only beside other mistakes: flags may override what is read.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo

from lws.config.durations import ALLOWED, format_duration, parse_duration
from lws.config.types import (
    API_VERSION,
    KIND,
    Configuration,
    Duration,
    GangSchedulingManagement,
    InvalidConfiguration,
)
from lws.config.validation import problems_of
from lws.documents import Fields, Unreadable, read_document

StructT = TypeVar("StructT", bound=Struct)


class Refused(ValueError):  # noqa: N818 - a value was
    """A value of the wrong type; the text says what is wanted."""


def read_configuration(path: Path) -> Configuration:
    """The file's Configuration, defaults filled in. Raises InvalidConfiguration."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidConfiguration([f"cannot be read: {error.strerror or error}"]) from error
    return decode_configuration(content)


def decode_configuration(content: bytes) -> Configuration:
    """As ``read_configuration``, from the bytes of a file; nothing at all gives the defaults."""
    tree = _parse(content)
    if tree is None:
        return Configuration()
    if not isinstance(tree, Fields):
        raise InvalidConfiguration([f"must be a mapping of fields, not {_describe(tree)}"])
    problems = _identity_problems(tree)
    configuration = _fill(Configuration, tree, "", problems)
    if problems:
        raise InvalidConfiguration([*problems, *problems_of(configuration)])
    return configuration


def document_of(configuration: Configuration) -> dict[str, Any]:
    """The configuration as a file would spell it, every default written out."""

    def member(value: Any, type_: Any) -> Any:
        if type_ == Duration:
            return format_duration(value)
        return block(value) if isinstance(value, Struct) else value

    def block(struct: Struct) -> dict[str, Any]:
        members = [(info, getattr(struct, info.name)) for info in msgspec.structs.fields(struct)]
        return {info.encode_name: member(value, info.type) for info, value in members if value is not None}

    return {"apiVersion": API_VERSION, "kind": KIND, **block(configuration)}


def _parse(content: bytes) -> Any:
    try:
        return read_document(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidConfiguration([f"is not UTF-8 text: byte {error.start} cannot be decoded"]) from error
    except Unreadable as error:
        raise InvalidConfiguration([f"is not YAML: {error}"]) from error


def _identity_problems(tree: Fields) -> list[str]:
    """Takes ``apiVersion`` and ``kind`` out of the tree; missing ones are taken for granted."""
    problems = []
    for field, wanted in (("apiVersion", API_VERSION), ("kind", KIND)):
        found = tree.pop(field, None)
        if found not in (None, "", wanted):
            problems.append(f"{field}: must be {wanted}, not {found!r}")
    return problems


def _fill(type_: type[StructT], mapping: Fields, path: str, problems: list[str]) -> StructT:
    """A ``type_`` of the mapping's values; what is wrong is added to ``problems``."""
    fields = {info.encode_name: info for info in msgspec.structs.fields(type_)}
    problems += [f"{path}{field}: given twice" for field in mapping.twice]
    values: dict[str, Any] = {}
    for field, value in mapping.items():
        info = fields.get(field)
        if info is None:
            problems.append(f"{path}{field}: unknown field; {_advice(str(field), fields)}")
        elif value is not None:
            try:
                _set(values, info, value, f"{path}{field}", problems)
            except Refused as error:
                problems.append(f"{path}{field}: must be {error}, not {_describe(value)}")
    return type_(**values)


def _set(values: dict[str, Any], info: FieldInfo, value: Any, path: str, problems: list[str]) -> None:
    type_ = GangSchedulingManagement if info.name == "gang_scheduling_management" else info.type
    if isinstance(type_, type) and issubclass(type_, Struct):
        if not isinstance(value, Fields):
            raise Refused("a mapping of fields")
        values[info.name] = _fill(type_, value, f"{path}.", problems)
        return
    read = READERS[type_](value)
    if read != "" and not (type_ == Duration and read == 0):  # both stand for the default
        values[info.name] = read


def _advice(field: str, fields: dict[str, FieldInfo]) -> str:
    by_lower = {name.lower(): name for name in fields}
    near = difflib.get_close_matches(field.lower(), by_lower, n=1)
    return f"did you mean {by_lower[near[0]]}?" if near else f"allowed: {', '.join(fields)}"


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Refused("true or false")
    return value


def _int(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refused("a whole number")
    return value


def _float(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Refused("a number")
    return float(value)


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise Refused("a string (put it in quotes)")
    return value


def _strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(member, str) for member in value):
        raise Refused("a list of strings")
    return tuple(value)


def _duration(value: Any) -> float:
    try:
        return parse_duration(value)
    except (TypeError, ValueError):
        raise Refused(ALLOWED) from None


READERS: Final[dict[Any, Callable[[Any], Any]]] = {
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    tuple[str, ...]: _strings,
    Duration: _duration,
}


def _describe(value: Any) -> str:
    names = {bool: "", int: "the number ", float: "the number ", str: "the string ", list: "a list"}
    if isinstance(value, dict):
        return "a mapping"
    name = names.get(type(value), f"a {type(value).__name__}")
    return name if name == "a list" or type(value) not in names else f"{name}{json.dumps(value)}"
