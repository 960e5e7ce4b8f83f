"""A made-up resource for tests of the runtime: things, with a size and a colour label."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from lws.kube.resources import Resource
from lws.objects import Key, KubeObject, ObjectMeta

THINGS = Resource("", "v1", "things", "Thing")
PATH = "/api/v1/things"
DEADLINE = 20.0  # seconds until a test that waits gives up


class Thing(KubeObject, frozen=True, gc=False):
    """The typed subset."""

    size: int = 0


def thing(
    name: str = "a", version: int = 1, *, uid: str = "", colour: str = "", namespace: str = "n", size: int = 0
) -> Thing:
    """A thing; ``uid`` is made from the name unless given."""
    labels = {"colour": colour} if colour else {}
    meta = ObjectMeta(
        name=name, namespace=namespace, uid=uid or f"uid-{name}", resource_version=str(version), labels=labels
    )
    return Thing(metadata=meta, size=size)


def document(obj: Thing) -> dict[str, Any]:
    """The thing as the API server writes it, with members nobody reads."""
    meta = obj.metadata
    return {
        "kind": "Thing",
        "apiVersion": "v1",
        "metadata": {
            "name": meta.name,
            "namespace": meta.namespace,
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
            "labels": meta.labels,
            "managedFields": [{"manager": "test", "fieldsV1": {"f:size": {}}}],
        },
        "size": obj.size,
        "status": {"note": 'braces },{"metadata": in a string'},
    }


def list_document(objects: Iterable[Thing], version: int, **metadata: str) -> dict[str, Any]:
    """A ThingList."""
    meta = {"resourceVersion": str(version), **metadata}
    return {
        "kind": "ThingList",
        "apiVersion": "v1",
        "metadata": meta,
        "items": [document(o) for o in objects],
    }


def bookmark(version: int, *, initial_events_end: bool = False) -> dict[str, Any]:
    """The object of a BOOKMARK."""
    annotations = {"annotations": {"k8s.io/initial-events-end": "true"}} if initial_events_end else {}
    return {"kind": "Thing", "apiVersion": "v1", "metadata": {"resourceVersion": str(version), **annotations}}


def key(name: str = "a") -> Key:
    return Key("n", name)


def colours(obj: KubeObject) -> Iterable[str]:
    """An index function: the colour, if it has one."""
    return [obj.labels["colour"]] if "colour" in obj.labels else []


def short(obj: KubeObject) -> str:
    """``name@version``."""
    return f"{obj.name}@{obj.metadata.resource_version}"


class Log:
    """What happened, as short texts; threads add, the test waits. Also an EventHandler."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()

    def add(self, line: str) -> None:
        with self._changed:
            self.lines.append(line)
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[list[str]], bool]) -> list[str]:
        """The lines, once they meet the condition; AssertionError when they do not in time."""
        with self._changed:
            met = self._changed.wait_for(lambda: condition(self.lines), DEADLINE)
            assert met, f"waited {DEADLINE} s, got {self.lines}"
            return list(self.lines)

    def wait_for_count(self, count: int) -> list[str]:
        return self.wait_for(lambda lines: len(lines) >= count)

    def on_add(self, obj: KubeObject, *, initial: bool) -> None:
        self.add(f"{'initial ' if initial else ''}add {short(obj)}")

    def on_update(self, old: KubeObject, new: KubeObject) -> None:
        self.add(f"update {short(old)} -> {short(new)}")

    def on_delete(self, obj: KubeObject) -> None:
        self.add(f"delete {short(obj)}")
