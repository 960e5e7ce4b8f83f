"""What the manager still knows of objects that are gone.

Whatever it keeps is looked through; what is listed here is only what may know of them.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from lws.objects import Key, KubeObject
from support.apimodel.store import Store, uid_of

OURS = ("lws.", "prometheus_client.", "support.faults.life")
"""Modules whose objects are looked into; others hold nothing by key."""
SHARED = ("Pool._young", "Pool._old")
"""Equal values, one for all who hold it, of whatever kind; nobody asks here what there is."""
KEPT: Mapping[str, float] = {
    "ByUid._values": 3,  # the answer to a write may come when the object's end was seen already
    "_Index._buckets": math.inf,  # strangers that are there are labelled as the set that is gone
}
"""Memories that may know of what is gone, and of how much."""


class Gone(NamedTuple):
    """UIDs, and namespaced names, that were an object's and are none's any more."""

    uids: frozenset[str]
    names: frozenset[tuple[str, str]]

    def has(self, value: object) -> bool:
        match value:
            case str():
                return value in self.uids
            case Key(namespace=namespace, name=name):
                return (namespace, name) in self.names
            case KubeObject():
                return value.uid in self.uids
            case tuple():
                return any(_is_text(x) and x in self.names for x in itertools.pairwise(value))
        return False


def gone_from(store: Store) -> Gone:
    """Events and leases are not looked at: they outlive what they are about."""
    uids = {uid_of(x.document) for x in store.changes()}
    names = {(x.where.namespace, x.where.name) for x in store.changes()}
    there = {(x.namespace, x.name) for x in store.by_uid.values()}
    return Gone(frozenset(uids - store.by_uid.keys()), frozenset(names - there))


def remembered(root: object, gone: Gone) -> list[str]:
    """A line for each memory, with how much of what is gone it keeps."""
    found: dict[str, list[str]] = {}
    for place, value in held(root):
        if gone.has(value):
            found.setdefault(place, []).append(str(value)[:80])
    return [
        f"{place} remembers {len(what)} that are gone: {what[0]}"
        for place, what in found.items()
        if len(what) > KEPT.get(place, 0)
    ]


def held(root: object) -> Iterator[tuple[str, Any]]:
    """Everything that can be reached, with the nearest member that it is kept in."""
    seen, waiting = {id(root)}, [("", root)]
    while waiting:
        place, value = waiting.pop()
        for at, part in _parts(place, value):
            yield at, part
            if at not in SHARED and id(part) not in seen:
                seen.add(id(part))
                waiting.append((at, part))


def _parts(place: str, value: Any) -> Iterable[tuple[str, Any]]:
    found: Iterable[Any] = ()
    match value:
        case KubeObject():
            pass
        case Mapping():
            found = [x for pair in list(value.items()) for x in pair]
        case list() | tuple() | set() | frozenset() | deque():
            found = list(value)
        case FunctionType():
            found = list(_enclosed(value))
        case MethodType():
            found = [value.__self__]
        case functools.partial():
            found = [value.func, *value.args, *value.keywords.values()]
        case _ if type(value).__module__.startswith(OURS):
            return _members(value)
    return [(place, x) for x in found]


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    names = [*getattr(value, "__dict__", ())]
    names += [x for kind in type(value).__mro__ for x in getattr(kind, "__slots__", ())]
    for name in names:
        if hasattr(value, name):
            yield f"{type(value).__name__}.{name}", getattr(value, name)


def _enclosed(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # it is empty
            yield cell.cell_contents


def _is_text(pair: tuple[object, object]) -> bool:
    return all(isinstance(x, str) for x in pair)
