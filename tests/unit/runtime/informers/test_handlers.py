"""Which keys an event of an informer puts in the queue, and how urgently."""

from __future__ import annotations

import pytest

from lws.objects import Key, KubeObject, ObjectMeta
from lws.runtime.informers.handlers import EnqueueRequests
from lws.runtime.queue import LOW_PRIORITY


class Recorder:
    """Stands for the queue: what was added, in order."""

    def __init__(self) -> None:
        self.added: list[tuple[str, int]] = []

    def add(self, item: Key, *, priority: int = 0, after: float = 0.0) -> None:
        assert after == 0.0
        self.added.append((item.name, priority))


def pod(owner: str, version: str = "1") -> KubeObject:
    return KubeObject(ObjectMeta(name="p", namespace="ns", resource_version=version, labels={"owner": owner}))


def owners(obj: KubeObject) -> list[Key]:
    """A label of names separated by commas, as the keys an object maps to."""
    return [Key(obj.namespace, name) for name in obj.labels["owner"].split(",") if name]


@pytest.fixture
def queue() -> Recorder:
    return Recorder()


@pytest.fixture
def handler(queue: Recorder) -> EnqueueRequests[KubeObject, Key]:
    return EnqueueRequests(queue, owners)


@pytest.mark.parametrize(("initial", "priority"), [(True, LOW_PRIORITY), (False, 0)], ids=["listed", "new"])
def test_add(
    handler: EnqueueRequests[KubeObject, Key], queue: Recorder, initial: bool, priority: int
) -> None:
    handler.on_add(pod("a,b"), initial=initial)
    assert queue.added == [("a", priority), ("b", priority)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (pod("a", "1"), pod("a", "2"), [("a", 0)]),
        (pod("a", "2"), pod("a", "2"), [("a", LOW_PRIORITY)]),
        (pod("a", "1"), pod("b", "2"), [("a", 0), ("b", 0)]),
        (pod("", "1"), pod("b", "2"), [("b", 0)]),
        (pod("", "1"), pod("", "2"), []),
    ],
    ids=["changed", "resync", "owner changed", "adopted", "nobody's"],
)
def test_update(
    handler: EnqueueRequests[KubeObject, Key],
    queue: Recorder,
    old: KubeObject,
    new: KubeObject,
    expected: list[tuple[str, int]],
) -> None:
    handler.on_update(old, new)
    assert queue.added == expected


def test_delete(handler: EnqueueRequests[KubeObject, Key], queue: Recorder) -> None:
    handler.on_delete(pod("a"))
    assert queue.added == [("a", 0)]


def test_predicate_sees_old_and_new_and_spares_deletes(queue: Recorder) -> None:
    seen: list[tuple[KubeObject | None, KubeObject]] = []

    def nothing_matters(old: KubeObject | None, new: KubeObject) -> bool:
        seen.append((old, new))
        return False

    handler = EnqueueRequests(queue, owners, nothing_matters)
    first, second = pod("a", "1"), pod("a", "2")
    handler.on_add(first, initial=False)
    handler.on_update(first, second)
    assert seen == [(None, first), (first, second)]
    assert queue.added == []
    handler.on_delete(second)
    assert queue.added == [("a", 0)]


def test_predicate_lets_pass_what_matters(queue: Recorder) -> None:
    handler = EnqueueRequests(queue, owners, lambda old, new: old is None)
    handler.on_add(pod("a"), initial=False)
    handler.on_update(pod("a", "1"), pod("a", "2"))
    assert queue.added == [("a", 0)]
