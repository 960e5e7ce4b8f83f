"""The canonical encoding of what a revision stores (reconcilers.md, 4.8), driven by a table.

``pod_template_encoding.json`` maps each member of each type to a kind and a rule; here every type is
compiled once into a closure from a JSON value (read by ``tokens``) to canonical text. No member name
may appear in this module: what Kubernetes knows is data.

A LeaderWorkerSet's revision has gone through an untyped document (``Form.SORTED``), a DisaggregatedSet's
has not (``Form.DECLARED``; disaggregatedset.md, 5): that is all they differ in.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from importlib import resources
from typing import Any, Final, NamedTuple

import msgspec

from lws.api.quantities import canonical_quantity
from lws.planning.revisions.tokens import Number, quote, spell_any, spell_given, spell_integer, spell_time

Encoder = Callable[[Any], str]


class Form(Enum):
    """``SORTED``: members by name, numbers as they come out of a double. ``DECLARED``: members in the order
    of ``member_order.json``, numbers exact, free-form JSON as it was given.
    """

    SORTED = "sorted"
    DECLARED = "declared"


class EncodingError(ValueError):
    """A value that its type cannot hold, and the path to it."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.problem, self.path = problem, path

    def within(self, parent: str) -> EncodingError:
        """The same, seen from one level further up."""
        joint = "" if not self.path or self.path.startswith("[") else "."
        return EncodingError(self.problem, f"{parent}{joint}{self.path}")


class Kind(NamedTuple):
    """How values are written; ``absent`` is the text of a value that must be there but is not."""

    encode: Encoder
    absent: str
    empty: str | None
    """The text that is left out where no rule asks for it; None: whatever is there is written."""


class Member(NamedTuple):
    """One member of a type. ``absent`` None: nothing is written when it is absent."""

    name: str
    lead: str
    encode: Encoder
    absent: str | None
    empty: str | None


def encoder_of(type_name: str, form: Form = Form.SORTED) -> Encoder:
    """The encoder of a type of the table: JSON value in, canonical text out; raises EncodingError."""
    return _type_kind(type_name, form).encode


@functools.cache
def _types(file: str) -> dict[str, Any]:
    text = resources.files("lws.planning").joinpath(file).read_bytes()
    types: dict[str, Any] = msgspec.json.decode(text)["types"]
    return types


@functools.cache
def _type_kind(name: str, form: Form) -> Kind:
    # Recursion ends because no type of the table contains itself.
    codes: dict[str, str] = _types("pod_template_encoding.json")[name]
    members = tuple(_member(member, codes[member], form) for member in _order(name, codes, form))
    encode = _object_encoder(members)
    return Kind(encode, absent=encode({}), empty=None)


def _order(name: str, members: Iterable[str], form: Form) -> Sequence[str]:
    declared: list[str] | None = _types("member_order.json").get(name) if form is Form.DECLARED else None
    return sorted(members) if declared is None else declared


def _member(name: str, code: str, form: Form) -> Member:
    kind = _kind(code.rstrip("!~"), form)
    rule = code[-1]
    absent = kind.absent if rule == "!" else None
    empty = {"!": None, "~": "null"}.get(rule, kind.empty)
    return Member(name, f"{quote(name)}:", kind.encode, absent, empty)


def _kind(code: str, form: Form) -> Kind:
    if code.startswith("*"):
        return Kind(_kind(code[1:], form).encode, absent="null", empty=None)
    if code.startswith("[]"):
        return Kind(_list_encoder(_kind(code[2:], form)), absent="null", empty="[]")
    if code.startswith("{}"):
        return Kind(_map_encoder(_kind(code[2:], form)), absent="null", empty="{}")
    return _SCALARS[form].get(code) or _type_kind(code, form)


def _object_encoder(members: tuple[Member, ...]) -> Encoder:
    def encode_object(value: Any) -> str:
        if type(value) is not dict:
            raise EncodingError("an object is wanted")
        parts: list[str] = []
        name = ""
        try:
            for name, lead, encode, absent, empty in members:
                item = value.get(name)
                text = absent if item is None else encode(item)
                if text is not None and text != empty:
                    parts.append(lead + text)
        except EncodingError as error:
            raise error.within(name) from None
        return "{" + ",".join(parts) + "}"

    return encode_object


def _list_encoder(kind: Kind) -> Encoder:
    def encode_list(value: Any) -> str:
        if type(value) is not list:
            raise EncodingError("a list is wanted")
        parts: list[str] = []
        try:
            for item in value:
                parts.append(kind.absent if item is None else kind.encode(item))  # noqa: PERF401
        except EncodingError as error:
            raise error.within(f"[{len(parts)}]") from None
        return "[" + ",".join(parts) + "]"

    return encode_list


def _map_encoder(kind: Kind) -> Encoder:
    def encode_map(value: Any) -> str:
        if type(value) is not dict:
            raise EncodingError("a map is wanted")
        parts: list[str] = []
        key = ""
        try:
            for key in sorted(value):
                item = value[key]
                parts.append(f"{quote(key)}:{kind.absent if item is None else kind.encode(item)}")
        except EncodingError as error:
            raise error.within(f"[{quote(key)}]") from None
        return "{" + ",".join(parts) + "}"

    return encode_map


def _string(value: Any) -> str:
    if type(value) is not str:
        raise EncodingError("a string is wanted")
    return quote(value)


def _boolean(value: Any) -> str:
    if type(value) is not bool:
        raise EncodingError("true or false is wanted")
    return "true" if value else "false"


def _integer_encoder(bits: int, *, exact: bool = False) -> Encoder:
    def encode_integer(value: Any) -> str:
        if type(value) is not Number:
            raise EncodingError("a number is wanted")
        return _checked(spell_integer, value, bits=bits, exact=exact)

    return encode_integer


def _quantity(value: Any) -> str:
    if not isinstance(value, str):
        raise EncodingError("a quantity is wanted")
    return f'"{_checked(canonical_quantity, value.strip(" "))}"'


def _time(value: Any) -> str:
    return _checked(spell_time, value) if type(value) is str else _string(value)


def _integer_or_string(value: Any) -> str:
    return _string(value) if type(value) is str else _INT32(value)


def _checked(spell: Callable[..., str], text: str, **options: int) -> str:
    try:
        return spell(text, **options)
    except ValueError as error:
        raise EncodingError(str(error)) from None


_INT32: Final = _integer_encoder(32)
_SORTED: Final = {
    "str": Kind(_string, absent='""', empty='""'),
    "bool": Kind(_boolean, absent="false", empty="false"),
    "i32": Kind(_INT32, absent="0", empty="0"),
    "i64": Kind(_integer_encoder(64), absent="0", empty="0"),
    "qty": Kind(_quantity, absent='"0"', empty=None),
    "ios": Kind(_integer_or_string, absent="0", empty=None),
    "time": Kind(_time, absent="null", empty=None),
    "raw": Kind(spell_any, absent="null", empty=None),
}
_DECLARED: Final = _SORTED | {
    "i64": Kind(_integer_encoder(64, exact=True), absent="0", empty="0"),
    "raw": Kind(spell_given, absent="null", empty=None),
}
_SCALARS: Final = {Form.SORTED: _SORTED, Form.DECLARED: _DECLARED}
