"""Sharing equal parts among cached objects, so that a thousand alike pods cost little more than one.

Objects decoded from JSON own all their strings and sub-objects. In a cache most of these are equal: label
keys, node names, whole specs and statuses of pods of one template. Frozen values can be shared freely; here
equal ones are replaced by one. What is remembered for sharing is bounded and mortal: a value that nobody
meets again for a while drops out of the pool, and lives on only in the objects that hold it.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import force_setattr

from lws.objects import ObjectMeta, ObjectT

GENERATION = 2048  # values in one generation of a pool; what many objects have is met again long before
AGE = 120.0  # seconds after which one ends, however few it has: objects that are made together are alike

T = TypeVar("T")
Share = Callable[[Any], Any]  # gives the shared equal of a value, or the value itself with shared parts

_UNIQUE = {"name", "uid", "resource_version"}  # members of the metadata that no other object has
_ATOMS = (str, int, float, bool, bytes, NoneType)


class Pool:
    """One value for all equal ones, bounded: two generations of at most ``generation`` values.

    What is met is in the young generation; when that is full, or old at the next new value, it becomes the
    old one, and the old one is forgotten. Among objects that come and go all day a pool would else hold what
    nobody has any more, until it is full. Threads may share a pool: what a race can lose is sharing, never a
    value. ``monotonic`` gives seconds.
    """

    def __init__(
        self, generation: int = GENERATION, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._generation = generation
        self._monotonic = monotonic
        self._ends = monotonic() + AGE
        self._young: dict[Any, Any] = {}
        self._old: dict[Any, Any] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def find(self, value: T) -> T | None:
        """The pooled equal of ``value``, or None."""
        found: T | None = self._young.get(value)
        if found is None:
            found = self._old.get(value)
            if found is not None:
                self.add(found)
        return found

    def add(self, value: object) -> None:
        """Pool a value that ``find`` did not find."""
        now = self._monotonic()
        if len(self._young) >= self._generation or now >= self._ends:
            self._old, self._young = self._young, {}
            self._ends = now + AGE
        self._young[value] = value

    def share(self, value: T) -> T:
        """The pooled equal of ``value``, which becomes it when there is none."""
        found: T | None = self._young.get(value)
        if found is None:
            found = self.find(value)
        if found is None:
            self.add(value)
            return value
        return found


class Interner(Generic[ObjectT]):
    """Shares the parts of freshly decoded objects of ``type_``.

    Strings, frozen sub-objects without dicts, and tuples of such are shared; dicts share keys and values;
    ``Raw`` members are cut loose from the buffer they were decoded from, which they would keep alive whole.
    There is one pool for strings and one for each type of shared sub-object.
    """

    def __init__(self, type_: type[ObjectT]) -> None:
        self._share_string = Pool().share
        self._plans: dict[Any, Share | None] = {str: self._share_string, Raw: Raw.copy}
        self._plans[ObjectMeta] = self._share_metadata
        self._metadata_plan = self._members(ObjectMeta, without={*_UNIQUE, "labels"})
        self._plan = self._members(type_)

    def share(self, obj: ObjectT) -> ObjectT:
        """The same object, its parts replaced by shared equals; for whoever made it, before others see it."""
        _share_members(obj, self._plan)
        return obj

    def _share_metadata(self, metadata: ObjectMeta) -> ObjectMeta:
        """Unique members stay out of the pool; a StatefulSet's pods carry their name as a label, too."""
        name, share = metadata.name, self._share_string
        if metadata.labels:
            labels = {share(k): name if v == name else share(v) for k, v in metadata.labels.items()}
            force_setattr(metadata, "labels", labels)
        _share_members(metadata, self._metadata_plan)
        return metadata

    def _members(self, type_: type[Struct], without: set[str] | None = None) -> list[tuple[str, Share]]:
        """Which members of a Struct have anything to share, and how."""
        fields = [field for field in _fields(type_) if field.name not in (without or ())]
        plans = [(field.name, self._plan_of(field.type)) for field in fields]
        return [(name, plan) for name, plan in plans if plan is not None]

    def _plan_of(self, type_: Any) -> Share | None:
        """How to share a value of this type (as annotated); None: it has nothing to share."""
        if get_origin(type_) is Annotated:
            type_ = get_args(type_)[0]
        if type_ not in self._plans:
            self._plans[type_] = self._new_plan(type_)
        return self._plans[type_]

    def _new_plan(self, type_: Any) -> Share | None:
        origin, arguments = get_origin(type_), get_args(type_)
        if origin in (Union, UnionType):
            return self._union_plan(arguments)
        if origin is dict:
            return self._dict_plan(*arguments)
        parts = self._parts_plan(type_)
        return self._whole_plan(parts) if _hashable(type_) and not _is_atom(type_) else parts

    def _parts_plan(self, type_: Any) -> Share | None:
        """Share within: the members of a Struct, the items of a tuple of any length."""
        if get_origin(type_) is tuple and get_args(type_)[-1] is Ellipsis:
            item = self._plan_of(get_args(type_)[0])
            return None if item is None else lambda value: tuple(map(item, value))
        if not _is_struct(type_):
            return None
        members = self._members(type_)
        return (lambda value: _share_members(value, members)) if members else None

    def _whole_plan(self, parts: Share | None) -> Share:
        """Share as one value; only what is met for the first time is looked into."""
        pool = Pool()

        def share(value: Any) -> Any:
            found = pool.find(value)
            if found is None:
                found = value if parts is None else parts(value)
                pool.add(found)
            return found

        return share

    def _dict_plan(self, key: Any, value: Any) -> Share | None:
        keys, values = self._plan_of(key), self._plan_of(value)
        if keys is None:
            return None
        if values is None:
            return lambda found: {keys(k): v for k, v in found.items()}
        return lambda found: {keys(k): values(v) if v else v for k, v in found.items()}

    def _union_plan(self, members: tuple[Any, ...]) -> Share | None:
        """By the value's class, as msgspec tells the members of a union apart."""
        plans = {get_origin(member) or member: self._plan_of(member) for member in members}
        useful = {class_: plan for class_, plan in plans.items() if plan is not None}
        if len(useful) == 1 and set(plans) - set(useful) <= {NoneType}:
            return next(iter(useful.values()))
        return (lambda value: useful.get(type(value), _itself)(value)) if useful else None


def _share_members(obj: Struct, plan: list[tuple[str, Share]]) -> Struct:
    for name, share in plan:
        value = getattr(obj, name)
        if value:  # what is empty or absent is shared already
            shared = share(value)
            if shared is not value:
                force_setattr(obj, name, shared)
    return obj


def _itself(value: Any) -> Any:
    return value


@functools.cache
def _fields(type_: type[Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Evaluating annotations takes long, and the parts of many kinds are of the same types."""
    return msgspec.structs.fields(type_)


def _is_struct(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, Struct)


def _is_atom(type_: Any) -> bool:
    return type_ in _ATOMS


@functools.cache
def _hashable(type_: Any) -> bool:
    """Whether values of the annotated type can be keys: frozen all the way down."""
    if _is_struct(type_):
        frozen = type_.__struct_config__.frozen
        return frozen and all(_hashable(field.type) for field in _fields(type_))
    if get_origin(type_) is Annotated:
        return _hashable(get_args(type_)[0])
    if get_origin(type_) in (tuple, Union, UnionType):
        return all(argument is Ellipsis or _hashable(argument) for argument in get_args(type_))
    return _is_atom(type_)
