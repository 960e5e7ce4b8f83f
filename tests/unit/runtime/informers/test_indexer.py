"""The indexer: what is stored, what is refused, what a list changes, what the indexes find."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from support.things import Thing, colours, key, short, thing

from lws.objects import ObjectMeta
from lws.runtime.informers.indexer import Indexer, Replaced

Things = Indexer[Thing]


def indexer() -> Things:
    return Indexer({"colour": colours})


def unversioned(size: int = 0) -> Thing:
    return Thing(metadata=ObjectMeta(name="a", namespace="n", uid="uid-a"), size=size)


def shown(things: Things) -> list[str]:
    return sorted(short(obj) for obj in things.list())


def viewed(things: Things) -> list[str]:
    return sorted(short(obj) for obj in things.view())


def changes(replaced: Replaced[Thing]) -> tuple[list[str], list[str], list[str]]:
    """Deleted, added, updated, each sorted."""
    updated = [f"{short(old)} -> {short(new)}" for old, new in replaced.updated]
    return sorted(map(short, replaced.deleted)), sorted(map(short, replaced.added)), sorted(updated)


def test_empty() -> None:
    things = indexer()
    assert things.get(key("a")) is None
    assert things.list() == []
    assert len(things) == 0
    assert things.by_index("colour", "red") == []


def test_receive_returns_what_the_watch_had_told_before() -> None:
    things = indexer()
    assert things.receive(thing("a", 1)) is None
    before = things.receive(thing("a", 2))
    assert before is not None
    assert short(before) == "a@1"
    gone = things.receive_deletion(thing("a", 3))
    assert gone is not None
    assert short(gone) == "a@2"
    assert len(things) == 0
    assert things.receive_deletion(thing("a", 3)) is None


class TestIndexes:
    def test_follow_the_values(self) -> None:
        things = indexer()
        things.receive(thing("a", 1, colour="red"))
        things.receive(thing("b", 2, colour="red"))
        assert [obj.name for obj in things.by_index("colour", "red")] == ["a", "b"]
        things.receive(thing("a", 3, colour="blue"))
        assert [obj.name for obj in things.by_index("colour", "red")] == ["b"]
        assert [obj.name for obj in things.by_index("colour", "blue")] == ["a"]
        things.receive(thing("a", 4))
        things.receive_deletion(thing("b", 5))
        assert things.by_index("colour", "red") == things.by_index("colour", "blue") == []

    def test_give_the_newest_object_though_no_value_changed(self) -> None:
        things = indexer()
        things.receive(thing("a", 1, colour="red"))
        things.receive(thing("a", 2, colour="red"))
        assert [short(obj) for obj in things.by_index("colour", "red")] == ["a@2"]

    def test_leave_no_empty_buckets(self) -> None:
        things = indexer()
        for version in range(1, 50):
            things.receive(thing("a", version, colour=f"colour-{version}"))
        things.receive_deletion(thing("a", 50))
        assert things._indexes["colour"]._buckets == {}

    def test_take_a_value_named_twice_once(self) -> None:
        things: Things = Indexer({"twice": lambda obj: [obj.name, obj.name]})
        things.receive(thing("a", 1))
        assert len(things.by_index("twice", "a")) == 1
        things.receive_deletion(thing("a", 2))
        assert things.by_index("twice", "a") == []

    def test_unknown_name(self) -> None:
        with pytest.raises(KeyError):
            indexer().by_index("shape", "round")

    def test_added_late_covers_what_is_stored(self) -> None:
        things: Things = Indexer()
        things.receive(thing("a", 1, colour="red"))
        things.add_index("colour", colours)
        things.add_index("colour", colours)  # the same again is no clash
        assert [obj.name for obj in things.by_index("colour", "red")] == ["a"]
        with pytest.raises(ValueError, match="colour"):
            things.add_index("colour", lambda _obj: [])

    @pytest.mark.parametrize(
        "bad",
        [
            pytest.param(lambda obj: [1 // obj.size], id="raises"),
            pytest.param(lambda obj: [[]] if obj.size == 0 else [1], id="gives what cannot be a key"),
        ],
    )
    def test_function_that_fails_changes_nothing(self, bad: Callable[[Thing], Iterable[int]]) -> None:
        things: Things = Indexer({"colour": colours, "bad": bad})
        things.receive(thing("a", 1, colour="red", size=1))
        with pytest.raises((ZeroDivisionError, TypeError)):
            things.receive(thing("a", 2, colour="blue", size=0))
        assert shown(things) == ["a@1"]
        assert len(things.by_index("colour", "red")) == 1
        replaced = things.replace([thing("a", 3, size=0), thing("b", 3, size=1)], resource_version=3, keep=())
        assert [short(obj) for obj, _error in replaced.refused] == ["a@3"]
        assert shown(things) == ["a@1", "b@3"]


class TestOwnWrites:
    def test_are_shown_at_once_and_told_later(self) -> None:
        things = indexer()
        things.receive(thing("a", 1))
        assert things.put(thing("a", 3, colour="red"))
        assert shown(things) == ["a@3"]
        assert len(things.by_index("colour", "red")) == 1
        assert viewed(things) == ["a@1"]
        before = things.receive(thing("a", 3, colour="red"))
        assert before is not None
        assert short(before) == "a@1"
        assert viewed(things) == ["a@3"]

    def test_are_not_undone_by_an_older_event(self) -> None:
        things = indexer()
        things.receive(thing("a", 1))
        things.put(thing("a", 3))
        things.receive(thing("a", 2))
        assert shown(things) == ["a@3"]
        assert viewed(things) == ["a@2"]

    def test_create_is_told_as_new(self) -> None:
        things = indexer()
        things.put(thing("a", 3))
        assert viewed(things) == []
        assert things.receive(thing("a", 3)) is None

    def test_recreation_survives_the_deletion_of_its_predecessor(self) -> None:
        things = indexer()
        things.receive(thing("a", 1, uid="old"))
        things.put(thing("a", 3, uid="new"))
        before = things.receive_deletion(thing("a", 2, uid="old"))
        assert before is not None
        assert before.uid == "old"
        assert shown(things) == ["a@3"]
        assert viewed(things) == []

    @pytest.mark.parametrize(
        ("told", "late"),
        [
            pytest.param(["add 5"], 4, id="older than the stored one"),
            pytest.param(["add 5"], 5, id="as old as the stored one"),
            pytest.param(["add 4", "delete 5"], 4, id="the object has been deleted since"),
            pytest.param(["add 4", "delete 5"], 5, id="at the watch's own position"),
            pytest.param(["bookmark 9"], 8, id="passed by a bookmark"),
            pytest.param(["list 9"], 8, id="passed by a list"),
        ],
    )
    def test_whose_answer_comes_late_is_no_news(self, told: list[str], late: int) -> None:
        things = indexer()
        for step in told:
            verb, version = step.split()
            {
                "add": lambda v: things.receive(thing("a", v)),
                "delete": lambda v: things.receive_deletion(thing("a", v)),
                "bookmark": things.advance,
                "list": lambda v: things.replace([], resource_version=v),
            }[verb](int(version))
        before = shown(things)
        assert not things.put(thing("a", late))
        assert shown(things) == before

    def test_without_a_numeric_version_are_taken(self) -> None:
        things = indexer()
        things.receive(thing("a", 5))
        assert things.put(unversioned())
        assert shown(things) == ["a@"]


class TestReplace:
    def test_tells_what_changed(self) -> None:
        things = indexer()
        for obj in (thing("gone", 1), thing("same", 2), thing("changed", 3), thing("again", 4, uid="old")):
            things.receive(obj)
        new = [thing("same", 2), thing("changed", 7), thing("again", 8, uid="new"), thing("new", 9)]
        replaced = things.replace(new, resource_version=9)
        assert changes(replaced) == (["again@4", "gone@1"], ["again@8", "new@9"], ["changed@3 -> changed@7"])
        assert shown(things) == viewed(things) == ["again@8", "changed@7", "new@9", "same@2"]

    def test_leaves_what_did_not_change(self) -> None:
        things = indexer()
        before = thing("a", 1)
        things.receive(before)
        assert changes(things.replace([thing("a", 1)], resource_version=5)) == ([], [], [])
        assert things.get(key("a")) is before

    def test_without_versions_compares_values(self) -> None:
        things = indexer()
        things.receive(unversioned(size=1))
        assert changes(things.replace([unversioned(size=1)], resource_version=5)) == ([], [], [])
        assert changes(things.replace([unversioned(size=2)], resource_version=6)) == ([], [], ["a@ -> a@"])

    def test_of_a_restored_server_compares_values(self) -> None:
        """Its versions have been given once before, to other states."""
        things = indexer()
        things.receive(thing("a", 5, size=1))
        things.receive(thing("b", 6))
        listed = [thing("a", 5, size=2), thing("b", 6)]
        replaced = things.replace(listed, resource_version=8, rewound=True)
        assert changes(replaced) == ([], [], ["a@5 -> a@5"])
        found = things.get(key("a"))
        assert found is not None
        assert found.size == 2

    def test_keeps_own_writes_newer_than_the_list(self) -> None:
        things = indexer()
        things.receive(thing("a", 1))
        things.put(thing("a", 12))
        things.put(thing("created", 11))
        things.put(thing("stale", 9))
        replaced = things.replace([thing("a", 8)], resource_version=10)
        assert shown(things) == ["a@12", "created@11"]
        assert changes(replaced) == ([], [], ["a@1 -> a@8"])
        assert viewed(things) == ["a@8"]

    def test_of_an_older_list_keeps_what_the_watch_told_since(self) -> None:
        things = indexer()
        things.receive(thing("a", 20))
        assert changes(things.replace([], resource_version=10)) == ([], [], [])
        assert shown(things) == ["a@20"]

    def test_leaves_unreadable_objects_as_they_were(self) -> None:
        things = indexer()
        things.receive(thing("a", 1))
        assert changes(things.replace([], resource_version=5, keep={key("a")})) == ([], [], [])
        assert shown(things) == ["a@1"]

    @pytest.mark.parametrize(
        ("version", "rewound"),
        [pytest.param(10, True, id="restored from a backup"), pytest.param(0, False, id="no numbers")],
    )
    def test_believes_the_list_alone_when_versions_mean_nothing(self, version: int, rewound: bool) -> None:
        things = indexer()
        things.receive(thing("a", 100))
        things.receive(thing("b", 101))
        things.receive(thing("c", 102))
        things.put(thing("d", 103))
        replaced = things.replace([thing("a", 9), thing("c", 5)], resource_version=version, rewound=rewound)
        assert shown(things) == viewed(things) == ["a@9", "c@5"]
        assert changes(replaced) == (["b@101"], [], ["a@100 -> a@9", "c@102 -> c@5"])
        things.receive(thing("c", 11))
        assert shown(things) == ["a@9", "c@11"]
        assert things.put(thing("a", 12))
        assert shown(things) == ["a@12", "c@11"]
