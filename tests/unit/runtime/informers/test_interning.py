"""Sharing: equal parts become one, nothing changes its value, and the pool forgets."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable

import msgspec
import pytest
from msgspec import Struct, field

from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, Pod
from lws.objects import KubeObject
from lws.runtime.clock import FakeClock
from lws.runtime.informers.interning import AGE, Interner, Pool


def pod_json(name: str, *, node: str = "node-1", phase: str = "Running") -> bytes:
    labels = {
        "leaderworkerset.sigs.k8s.io/template-revision-hash": "7c9f8d6b5c",
        "statefulset.kubernetes.io/pod-name": name,
    }
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "set", "uid": "u-1", "controller": True}
    tpus = {"limits": {"google.com/tpu": "4"}}
    return msgspec.json.encode(
        {
            "metadata": {
                "name": name,
                "namespace": "a-namespace",
                "uid": f"uid-{name}",
                "resourceVersion": "17",
                "creationTimestamp": "2026-09-01T10:00:00Z",
                "labels": labels,
                "annotations": {"leaderworkerset.sigs.k8s.io/leader-name": "the-leader"},
                "ownerReferences": [owner],
            },
            "spec": {"nodeName": node, "containers": [{"resources": tpus}]},
            "status": {"phase": phase, "conditions": [{"type": "Ready", "status": "True"}]},
        }
    )


def decode(data: bytes) -> Pod:
    return msgspec.json.decode(data, type=Pod)


def test_values_stay_equal() -> None:
    interner = Interner(Pod)
    for data in (pod_json("a"), pod_json("b", node="node-2"), pod_json("c", phase="Failed"), b"{}"):
        assert interner.share(decode(data)) == decode(data)


def test_equal_parts_become_one() -> None:
    interner = Interner(Pod)
    a, b = interner.share(decode(pod_json("a"))), interner.share(decode(pod_json("b")))
    assert a.status is b.status
    assert a.spec is b.spec
    assert a.metadata.owner_references is b.metadata.owner_references
    assert a.metadata.namespace is b.metadata.namespace
    assert a.metadata.creation_timestamp is b.metadata.creation_timestamp
    for mine, other in zip(a.labels, b.labels, strict=True):
        assert mine is other
    assert a.labels is not b.labels
    leader = "leaderworkerset.sigs.k8s.io/leader-name"
    assert a.annotations[leader] is b.annotations[leader]


def test_parts_of_a_new_whole_are_shared_too() -> None:
    interner = Interner(Pod)
    a = interner.share(decode(pod_json("a")))
    b = interner.share(decode(pod_json("b", node="node-2", phase="Failed")))
    assert a.spec is not b.spec
    assert a.spec.containers is b.spec.containers
    assert a.status.conditions is b.status.conditions


def test_a_name_that_is_a_label_too_is_held_once() -> None:
    a = Interner(Pod).share(decode(pod_json("a-long-name-0")))
    assert a.labels["statefulset.kubernetes.io/pod-name"] is a.metadata.name


def test_a_thousand_alike_pods_are_small() -> None:
    interner = Interner(Pod)
    data = [pod_json(f"pod-{number}") for number in range(1000)]

    def size(pods: Iterable[Pod]) -> int:
        tracemalloc.start()
        kept = list(pods)
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return held // len(kept)

    assert size(interner.share(decode(text)) for text in data) < 900  # bytes
    assert size(decode(text) for text in data) > 1800


@pytest.mark.parametrize(("shared", "low", "high"), [(False, 1_000_000, 1_100_000), (True, 0, 100_000)])
def test_raw_members_let_go_of_the_line_they_came_in(shared: bool, low: int, high: int) -> None:
    interner = Interner(ControllerRevision)
    tracemalloc.start()
    line = b'{"metadata":{"name":"a"},"data":{"k":1},"filler":"%b"}' % (b"x" * 1_000_000)
    revision = msgspec.json.decode(line, type=ControllerRevision)
    if shared:
        interner.share(revision)
    del line
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert bytes(revision.data) == b'{"k":1}'
    assert low <= held < high


def test_nested_raw_members() -> None:
    template = {"metadata": {}, "spec": {"containers": [{"name": "c"}]}}
    spec = {"leaderWorkerTemplate": {"workerTemplate": template, "volumeClaimTemplates": [template, {}]}}
    data = msgspec.json.encode({"metadata": {"name": "a", "labels": {"a": "b"}}, "spec": spec})
    plain = msgspec.json.decode(data, type=LeaderWorkerSet)
    shared = Interner(LeaderWorkerSet).share(msgspec.json.decode(data, type=LeaderWorkerSet))
    assert msgspec.json.encode(shared) == msgspec.json.encode(plain)


class Inner(Struct, frozen=True):
    text: str | int | None = None
    flag: bool = False
    pair: tuple[str, int] = ("", 0)


class Odd(KubeObject, frozen=True):
    """Every kind of annotation that a subset might use."""

    inner: Inner | None = None
    table: dict[str, Inner] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    items: tuple[Inner, ...] = ()
    plain: list[str] = field(default_factory=list)
    either: str | int | None = None
    mixed: tuple[str | int, ...] = ()


ODD = {
    "metadata": {"name": "a"},
    "inner": {"text": "some-text", "pair": ["left", 1]},
    "table": {"some-key": {"text": 1, "flag": True}},
    "numbers": {"some-key": 1},
    "items": [{"text": "some-text"}, {"text": "other"}],
    "plain": ["some-text"],
    "either": "some-text",
    "mixed": ["some-text", 1],
}


@pytest.mark.parametrize("change", [{}, {"either": 3}, {"inner": None}, {"table": {}}, {"mixed": [1, 1]}])
def test_every_kind_of_member(change: dict[str, object]) -> None:
    data = msgspec.json.encode({**ODD, **change})
    interner = Interner(Odd)
    first = interner.share(msgspec.json.decode(data, type=Odd))
    second = interner.share(msgspec.json.decode(data, type=Odd))
    assert first == second == msgspec.json.decode(data, type=Odd)
    assert first.inner is second.inner
    assert first.items is second.items
    assert first.items[0].text is second.items[0].text


def test_numbers_and_truth_values_are_not_mixed_up() -> None:
    """1 == True, but they encode differently."""
    interner = Interner(Odd)
    interner.share(msgspec.json.decode(b'{"mixed": [1, "x"]}', type=Odd))
    shared = interner.share(msgspec.json.decode(b'{"inner": {"text": 1, "flag": true}}', type=Odd))
    assert shared.inner is not None
    assert shared.inner.flag is True
    assert msgspec.json.encode(shared.inner.text) == b"1"


class TestPool:
    def test_gives_the_first_of_equals(self) -> None:
        pool = Pool()
        first, second = "".join(["a", "b"]), "".join(["a", "b"])
        assert first is not second
        assert pool.share(first) is first
        assert pool.share(second) is first

    def test_is_bounded(self) -> None:
        pool = Pool(generation=10)
        for number in range(1000):
            pool.share(f"value-{number}")
            assert len(pool) <= 20

    def test_keeps_what_is_met_again_and_forgets_the_rest(self) -> None:
        pool = Pool(generation=10)
        met, unmet = "".join(["m", "et"]), "".join(["un", "met"])
        pool.share(met)
        pool.share(unmet)
        for number in range(100):
            pool.share(f"value-{number}")
            assert pool.share("".join(["m", "et"])) is met
        assert pool.find("".join(["un", "met"])) is None

    def test_forgets_what_is_not_met_for_a_while_however_little_it_is(self) -> None:
        clock = FakeClock()
        pool = Pool(monotonic=clock.monotonic)
        met, unmet = "".join(["m", "et"]), "".join(["un", "met"])
        pool.share(met)
        pool.share(unmet)
        for number in range(4):
            clock.advance(AGE / 2)
            pool.share(f"value-{number}")
            assert pool.share("".join(["m", "et"])) is met
        assert pool.find("".join(["un", "met"])) is None
        assert len(pool) < 6
