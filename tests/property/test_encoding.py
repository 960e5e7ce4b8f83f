"""Canonical encoding of random objects of every type of the table."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.quantities import parse_quantity
from lws.api.workloads import ControllerRevision
from lws.planning.revisions import restore, template_of
from lws.planning.revisions.encoding import encoder_of
from lws.planning.revisions.tokens import quote, read_json

TYPES: dict[str, dict[str, str]] = json.loads(
    resources.files("lws.planning").joinpath("pod_template_encoding.json").read_text()
)["types"]
UNKNOWN = "notAMemberOfAnything"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
scalars: dict[str, st.SearchStrategy[Any]] = {
    "str": texts,
    "bool": st.booleans(),
    "i32": st.integers(-(2**31), 2**31 - 1),
    "i64": st.integers(-(2**53), 2**53),
    "qty": st.one_of(st.integers(0, 10**12), st.sampled_from(["1", "0.5", "1.500", "1024Mi", "1e3", "250m"])),
    "ios": st.one_of(st.integers(0, 65535), texts),
    "time": st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+02:00"]),
    "raw": st.recursive(
        st.one_of(texts, st.booleans(), st.integers(-9, 9)),
        lambda x: st.one_of(st.lists(x, max_size=2), st.dictionaries(texts, x, max_size=2)),
        max_leaves=4,
    ),
}


@st.composite
def values(draw: st.DrawFn, code: str) -> Any:
    """A value of one kind of the table."""
    code = code.strip("*!~")
    if code.startswith("[]"):
        return [draw(values(code[2:])) for _ in range(draw(st.integers(0, 2)))]
    if code.startswith("{}"):
        return {key: draw(values(code[2:])) for key in draw(st.lists(texts, max_size=2))}
    if code in scalars:
        return draw(scalars[code])
    chosen = draw(st.lists(st.sampled_from(sorted(TYPES[code])), max_size=4, unique=True))
    return {member: draw(values(TYPES[code][member])) for member in chosen}


@st.composite
def objects(draw: st.DrawFn) -> tuple[str, Any]:
    """A type and an object of it. Large types come from within: PodSpec alone has members of fifty types."""
    name = draw(st.sampled_from(sorted(TYPES)))
    return name, draw(values(name))


def encode(name: str, value: Any) -> str:
    return encoder_of(name)(read_json(json.dumps(value).encode()))


@given(typed=objects())
@settings(max_examples=400, deadline=None)
def test_encoding_twice_changes_nothing(typed: tuple[str, Any]) -> None:
    name, value = typed
    canonical = encode(name, value)
    assert encoder_of(name)(read_json(canonical.encode())) == canonical


@given(typed=objects())
@settings(max_examples=200, deadline=None)
def test_keys_ascend_and_there_are_no_blanks(typed: tuple[str, Any]) -> None:
    canonical = encode(*typed)
    plain = json.dumps(json.loads(canonical), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        plain = plain.replace(char, f"\\u{ord(char):04x}")
    assert canonical == plain


@given(typed=objects())
@settings(max_examples=300, deadline=None)
def test_nothing_the_user_said_is_lost(typed: tuple[str, Any]) -> None:
    name, value = typed
    assert_kept(name, value, json.loads(encode(name, value)))


def assert_kept(code: str, given_: Any, canonical: Any) -> None:
    """Every value but an empty one is there; an empty one may be."""
    code = code.strip("*!~")
    if code.startswith("[]"):
        assert len(canonical) == len(given_)
        for one, other in zip(given_, canonical, strict=True):
            assert_kept(code[2:], one, other)
    elif code.startswith("{}"):
        assert canonical.keys() == given_.keys()
        for key, item in given_.items():
            assert_kept(code[2:], item, canonical[key])
    elif code in TYPES:
        for member, item in given_.items():
            if member in canonical:
                assert_kept(TYPES[code][member], item, canonical[member])
            else:
                assert item in ("", False, 0, [], {})
    elif code == "qty":
        assert not parse_quantity(canonical).exceeds(parse_quantity(str(given_)))
        assert not parse_quantity(str(given_)).exceeds(parse_quantity(canonical))
    elif code != "time":
        assert canonical == given_


@given(typed=objects(), data=st.data())
@settings(max_examples=200, deadline=None)
def test_order_nulls_and_unknown_members_do_not_matter(typed: tuple[str, Any], data: st.DataObject) -> None:
    name, value = typed
    assert encode(name, disturbed(data, name, value)) == encode(name, value)


def disturbed(data: st.DataObject, code: str, value: Any) -> Any:
    """The same value, told differently."""
    code = code.strip("*!~")
    if code.startswith("[]"):
        return [disturbed(data, code[2:], x) for x in value]
    if code in TYPES:
        absent = {x: None for x in TYPES[code] if x not in value}
        members = {x: disturbed(data, TYPES[code][x], value[x]) for x in value}
        members |= absent if data.draw(st.booleans()) else {UNKNOWN: {"x": 1}}
        return dict(data.draw(st.permutations(list(members.items()))))
    return value


@given(text=st.text())
def test_quoted_text_is_the_same_text(text: str) -> None:
    read = "".join("\ufffd" if "\ud800" <= x <= "\udfff" else x for x in text)
    assert json.loads(quote(text)) == read
    quote(text).encode()


@given(template=values("LeaderWorkerTemplate"), network=values("NetworkConfig"))
@settings(max_examples=150, deadline=None)
def test_a_revision_gives_its_template_back(template: Any, network: Any) -> None:
    """Snapshot, store, restore onto another live set: the snapshot again, and the same key."""
    spec = {"leaderWorkerTemplate": template, "networkConfig": network}
    document = json.dumps({"metadata": {"name": "a"}, "spec": spec})
    live = template_of(msgspec.json.decode(document, type=LeaderWorkerSet))
    other = template_of(msgspec.json.decode('{"spec":{"leaderWorkerTemplate":{}}}', type=LeaderWorkerSet))
    assert restore(ControllerRevision(data=msgspec.Raw(live.data)), other) == live
