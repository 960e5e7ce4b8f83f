"""A patch made by ``diff`` turns the old document into the new one, by a plain reading of RFC 6902."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from lws.webhooks.jsonpatch import diff, same

KEYS = st.text(alphabet="ab~/01-é", max_size=3)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.floats(allow_nan=False, allow_infinity=False, width=16)
    | st.text(max_size=3)
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def apply(operations: list[dict[str, Any]], document: Any) -> Any:
    root = {"": copy.deepcopy(document)}
    for operation in operations:
        tokens = operation["path"].split("/")
        *parents, last = [token.replace("~1", "/").replace("~0", "~") for token in tokens]
        where: Any = root
        for token in parents:
            where = where[int(token)] if isinstance(where, list) else where[token]
        _edit(where, int(last) if isinstance(where, list) else last, operation)
    return root[""]


def _edit(where: Any, last: Any, operation: dict[str, Any]) -> None:
    value = copy.deepcopy(operation.get("value"))
    match operation["op"]:
        case "add" if isinstance(where, list):
            assert 0 <= last <= len(where)
            where.insert(last, value)
        case "add":
            where[last] = value
        case "replace":
            where[last]  # must exist
            where[last] = value
        case "remove":
            del where[last]


@st.composite
def edited(draw: st.DrawFn) -> tuple[Any, Any]:
    """A document and an edit of it, the way a mutator edits: near to the original."""
    before = draw(DOCUMENTS)
    after = copy.deepcopy(before)
    for _ in range(draw(st.integers(0, 3))):
        after = _edit_somewhere(draw, after)
    return before, after


def _edit_somewhere(draw: st.DrawFn, document: Any) -> Any:
    if isinstance(document, dict):
        key = draw(st.sampled_from([*document, "new/~"]))
        document[key] = _edit_somewhere(draw, document[key]) if key in document else draw(DOCUMENTS)
    elif isinstance(document, list):
        index = draw(st.integers(0, len(document)))
        document.insert(index, draw(DOCUMENTS))
    else:
        return draw(DOCUMENTS)
    return document


@settings(max_examples=400, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_diff_then_apply_gives_the_new_document(before: Any, after: Any) -> None:
    assert same(apply(diff(before, after), before), after)


@settings(max_examples=400, deadline=None)
@given(edited())
def test_diff_of_an_edit_gives_the_edit(pair: tuple[Any, Any]) -> None:
    before, after = pair
    kept = copy.deepcopy(before)
    assert same(apply(diff(before, after), before), after)
    assert same(before, kept)


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS)
def test_diff_of_equal_documents_is_empty(document: Any) -> None:
    assert diff(document, copy.deepcopy(document)) == []


@settings(max_examples=100, deadline=None)
@given(edited())
def test_operations_are_json(pair: tuple[Any, Any]) -> None:
    operations = diff(*pair)
    assert msgspec.json.decode(msgspec.json.encode(operations)) == operations
