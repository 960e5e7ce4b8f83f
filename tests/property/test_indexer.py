"""The indexer against a server whose watch lags and whose answers come late, in any interleaving.

At every moment: no key goes back in time, what we wrote stays visible, and the indexes equal a
recomputation. Once everything has been told, the store equals the server, the view
equals the store, and the story handlers were told leads to the same state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.things import Thing, colours, key, short, thing

from lws.objects import Key, resource_version
from lws.runtime.informers import Indexer

NAMES = ("a", "b", "c")
COLOURS = ("", "red", "blue")
STEP = st.one_of(
    st.tuples(st.sampled_from(["write", "own write"]), st.sampled_from(NAMES), st.sampled_from(COLOURS)),
    st.tuples(st.just("delete"), st.sampled_from(NAMES), st.just("")),
    st.tuples(st.sampled_from(["answer", "event", "event", "bookmark"]), st.integers(0, 3), st.just("")),
    st.tuples(st.just("list"), st.integers(0, 4), st.just("")),
)


class World:
    """A server with its history, the indexer under test, and what lies between them."""

    def __init__(self) -> None:
        self.version = 0
        self.history: list[tuple[str, Thing]] = []  # position i holds version i + 1
        self.position = 0  # of the watch in the history
        self.answers: deque[Callable[[], None]] = deque()
        self.things: Indexer[Thing] = Indexer({"colour": colours})
        self.told: dict[Key, Thing] = {}  # by the watch
        self.shown: dict[Key, int] = {}  # the newest version seen of each key
        self.written: dict[Key, Thing] = {}  # own writes answered before the watch told

    def state(self, position: int | None = None) -> dict[Key, Thing]:
        """The server's objects after that many changes."""
        objects: dict[Key, Thing] = {}
        for kind, obj in self.history[:position]:
            if kind == "DELETED":
                del objects[obj.key]
            else:
                objects[obj.key] = obj
        return objects

    # Changes at the server

    def change(self, name: str, colour: str) -> Thing:
        self.version += 1
        before = self.state().get(key(name))
        uid = before.uid if before else f"uid-{self.version}"
        obj = thing(name, self.version, uid=uid, colour=colour)
        self.history.append(("MODIFIED" if before else "ADDED", obj))
        return obj

    def remove(self, name: str) -> Thing | None:
        before = self.state().get(key(name))
        if before is not None:
            self.version += 1
            last = thing(name, self.version, uid=before.uid, colour=before.labels.get("colour", ""))
            self.history.append(("DELETED", last))
        return before

    # The two feeds

    def answer_write(self, obj: Thing) -> None:
        if self.things.put(obj):
            self.written[obj.key] = obj

    def event(self) -> None:
        if self.position == len(self.history):
            return
        kind, obj = self.history[self.position]
        self.position += 1
        before = self.things.receive_deletion(obj) if kind == "DELETED" else self.things.receive(obj)
        assert before is self.told.get(obj.key)
        if kind == "DELETED":
            del self.told[obj.key]
        else:
            self.told[obj.key] = obj
        self.caught_up()

    def relist(self, ahead: int) -> None:
        """A list of any moment since the watch's position, from where the watch goes on."""
        self.position = min(self.position + ahead, len(self.history))
        listed = self.state(self.position)
        if self.position == 0:
            return
        changes = self.things.replace(listed.values(), resource_version=self.position)
        for obj in changes.deleted:
            assert self.told.pop(obj.key) is obj
        for obj in changes.added:
            assert obj.key not in self.told
            self.told[obj.key] = obj
        for old, new in changes.updated:
            assert self.told[new.key] is old
            assert old.uid == new.uid
            assert resource_version(old) < resource_version(new)
            self.told[new.key] = new
        self.caught_up()

    def caught_up(self) -> None:
        passed = [k for k, obj in self.written.items() if resource_version(obj) <= self.position]
        for k in passed:
            del self.written[k]

    # What must hold

    def step(self, verb: str, what: Any, colour: str) -> None:
        if verb == "write":
            self.change(what, colour)
        elif verb == "own write":
            obj = self.change(what, colour)
            self.answers.append(lambda: self.answer_write(obj))
        elif verb == "delete":
            self.remove(what)
        elif verb == "answer" and self.answers:
            self.answers.rotate(-what)  # answers of different threads come in any order
            self.answers.popleft()()
        elif verb == "event":
            self.event()
        elif verb == "bookmark":
            self.things.advance(self.position)
        elif verb == "list":
            self.relist(what)

    def check(self) -> None:
        stored = {obj.key: obj for obj in self.things.list()}
        for k, obj in stored.items():
            assert resource_version(obj) >= self.shown.get(k, 0), f"{short(obj)} is older than before"
            self.shown[k] = resource_version(obj)
        for k, obj in self.written.items():
            assert k in stored, f"{short(obj)} is not shown"
            assert resource_version(stored[k]) >= resource_version(obj)
        for colour in COLOURS[1:]:
            found = {obj.key: obj for obj in self.things.by_index("colour", colour)}
            assert found == {k: obj for k, obj in stored.items() if colour in colours(obj)}
        assert {obj.key: obj for obj in self.things.view()} == self.told


@settings(max_examples=800, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_any_interleaving(steps: list[tuple[str, Any, str]]) -> None:
    world = World()
    for step in steps:
        world.step(*step)
        world.check()
    while world.position < len(world.history):
        world.event()
        world.check()
    while world.answers:
        world.answers.pop()()
        world.check()
    final = world.state()
    assert {obj.key: obj for obj in world.things.list()} == final
    assert world.told == final
    assert world.things._views == {}
