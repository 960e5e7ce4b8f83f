"""Decoding one object: straight into the subset, or skipped, counted, and logged once."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from support.loglines import capture_logs
from support.things import Thing, document, key, thing

from lws.runtime.informers.decoding import MAX_REPORTED, Decoder, read_metadata


class Counts:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def count(self, resource: str, what: str) -> None:
        self.seen.append((resource, what))


def decoder(**options: Any) -> Decoder[Thing]:
    return Decoder(Thing, resource="things", **options)


def encoded(obj: Thing, **changes: Any) -> bytes:
    return json.dumps({**document(obj), **changes}).encode()


def test_object() -> None:
    obj, identity = decoder().decode(encoded(thing("a", 7, colour="red", size=3)))
    assert obj == thing("a", 7, colour="red", size=3)
    assert identity is obj


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(memoryview(b" " + encoded(thing()))[1:], id="memoryview"),
        pytest.param(msgspec.json.decode(encoded(thing()), type=msgspec.Raw), id="Raw"),
    ],
)
def test_any_buffer(data: memoryview) -> None:
    assert decoder().decode(data).object == thing()


def test_transform_sees_each_object_first() -> None:
    def bigger(obj: Thing) -> Thing:
        return msgspec.structs.replace(obj, size=obj.size + 1)

    things = decoder(transform=bigger)
    assert things.decode(encoded(thing(size=1))).object == thing(size=2)
    assert things.admit(thing(size=5)) == thing(size=6)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        pytest.param(encoded(thing(), size="large"), "a", id="a member of another type"),
        pytest.param(encoded(thing(), size=None), "a", id="null where there must be a value"),
        pytest.param(b'{"metadata":{"name":"a","namespace":"n"},"size":[[[[', None, id="cut off"),
        pytest.param(b'{"metadata":{"name":7}}', None, id="metadata of another type"),
        pytest.param(b'{"metadata":{}}', None, id="no name"),
        pytest.param(b"[]", None, id="no object"),
        pytest.param(b"null", None, id="null"),
        pytest.param(b"", None, id="nothing"),
        pytest.param(b'{"metadata":{"name":"\xff"}}', None, id="no UTF-8"),
    ],
)
def test_unreadable(data: bytes, name: str | None) -> None:
    counts = Counts()
    with capture_logs() as lines:
        obj, identity = decoder(metrics=counts).decode(data)
    assert obj is None
    assert (identity.name if identity else None) == name
    assert counts.seen == [("things", "unreadable")]
    assert [line["log_level"] for line in lines] == ["error"]


def test_transform_that_raises_makes_an_object_unreadable() -> None:
    def refuse(obj: Thing) -> Thing:
        raise RuntimeError("no")

    with capture_logs() as lines:
        obj, identity = decoder(transform=refuse).decode(encoded(thing()))
    assert obj is None
    assert identity is not None
    assert identity.key == key("a")
    assert lines[0]["error"] == "RuntimeError: no"


def test_each_is_logged_once_and_counted_always() -> None:
    counts = Counts()
    things = decoder(metrics=counts)
    with capture_logs() as lines:
        for name in ("a", "b", "a", "a"):
            things.decode(encoded(thing(name), size="large"))
    assert [line["object"] for line in lines] == [key("a"), key("b")]
    assert len(counts.seen) == 4


def test_what_was_logged_is_remembered_boundedly() -> None:
    things = decoder()
    with capture_logs() as lines:
        for number in [*range(MAX_REPORTED + 1), 0]:
            things.decode(encoded(thing(f"thing-{number}"), size="large"))
    assert len(lines) == MAX_REPORTED + 2
    assert len(things._reported) == MAX_REPORTED


def test_read_metadata_ignores_all_else() -> None:
    found = read_metadata(encoded(thing("a", 5), size="large"))
    assert (found.name, found.metadata.resource_version) == ("a", "5")
    with pytest.raises(ValueError, match="truncated"):
        read_metadata(b"{")
