"""Who owns which fields: sets of paths, their form in ``managedFields``, and server-side apply.

A path goes through members (``f:name``) and, in lists whose items have keys, through items (``k:{...}``).
Other lists are owned as a whole, and some members are, as the types of the API server have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from support.apimodel.store import Document, Kind, changed

Path = tuple[str, ...]

KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "resourceClaims": ("name",),
    "volumeMounts": ("mountPath",),
    "ownerReferences": ("uid",),
    "conditions": ("type",),
    "roles": ("name",),
    "roleStatuses": ("name",),
}
SETS = frozenset({"finalizers"})
ATOMIC = frozenset({"selector", "nodeSelector", "topologySpreadConstraints"})
"""Members that are owned as a whole, as are owner references."""
ATOMIC_IN = {"ControllerRevision": frozenset({"data"}), "LeaderWorkerSet": frozenset({"groups"})}
"""The same, of one kind."""
IDENTITY: frozenset[Path] = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",)}
    | {
        ("f:metadata", f"f:{x}")
        for x in (
            "name",
            "namespace",
            "uid",
            "resourceVersion",
            "generation",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "managedFields",
        )
    }
)
ALWAYS: dict[str, frozenset[Path]] = {
    "StatefulSet": frozenset(
        {
            ("f:spec",),
            ("f:spec", "f:template"),
            ("f:spec", "f:template", "f:metadata"),
            ("f:spec", "f:template", "f:spec"),
            ("f:spec", "f:template", "f:spec", "f:containers"),
            ("f:spec", "f:updateStrategy"),
            ("f:status",),
        }
    ),
    "Pod": frozenset({("f:spec",), ("f:spec", "f:containers"), ("f:status",)}),
    "Service": frozenset({("f:spec",), ("f:status",)}),
}
"""Parents that any object of a kind has, so that nobody brings them."""


class _Parent:
    """Stands for the value of a member that has members of its own."""


PARENT = _Parent()


def paths(document: Document) -> dict[Path, Any]:
    """Each field with its value; what has fields of its own, and items of keyed lists, have a path, too."""
    kind = document.get("kind", "")
    whole, left_out = ATOMIC | ATOMIC_IN.get(kind, frozenset()), IDENTITY | ALWAYS.get(kind, frozenset())
    found = _walk(document, (), "", whole)
    return {path: value for path, value in found if path and path not in left_out}


def _walk(value: Any, path: Path, name: str, whole: frozenset[str]) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value and name not in whole:
        yield path, PARENT
        for member, inner in value.items():
            if (*path, f"f:{member}") not in IDENTITY or member == "metadata":
                yield from _walk(inner, (*path, f"f:{member}"), member, whole)
    elif isinstance(value, list) and value and name in SETS:
        yield path, PARENT
        yield from (((*path, "v:" + msgspec.json.encode(x).decode()), None) for x in value)
    elif isinstance(value, list) and value and name in KEYS and all(isinstance(x, dict) for x in value):
        yield path, PARENT
        for item in value:
            at = (*path, _key(name, item))
            if name == "ownerReferences":
                yield at, item
            else:
                yield from _walk(item, at, "", whole)
    else:
        yield path, value


def _key(name: str, item: Document) -> str:
    return "k:" + msgspec.json.encode({x: item.get(x) for x in KEYS[name]}).decode()


def fields_v1(owned: set[Path]) -> Document:
    """As ``managedFields`` shows them."""
    tree: Document = {}
    for path in sorted(owned):
        at = tree
        for step in path:
            at = at.setdefault(step, {})
    for path in owned:
        at = tree
        for step in path:
            at = at[step]
        if at:
            at["."] = {}
    return tree


def owned_by(entry: Document) -> set[Path]:
    """The other way round."""
    found: set[Path] = set()

    def visit(tree: Document, path: Path) -> None:
        if path and (not tree or "." in tree):
            found.add(path)
        for step, inner in tree.items():
            if step != ".":
                visit(inner, (*path, step))

    visit(entry["fieldsV1"], ())
    return found


Owners = dict[tuple[str, str, str], set[Path]]
"""By manager, operation and subresource."""


def owners_in(document: Document) -> Owners:
    return {
        (x["manager"], x["operation"], x.get("subresource", "")): owned_by(x)
        for x in document["metadata"].get("managedFields", ())
    }


def with_owners(document: Document, owners: Owners, kind: Kind) -> Document:
    """The document with these in its metadata."""
    entries = []
    for (manager, operation, subresource), owned in sorted(owners.items()):
        if owned:
            entry = {"manager": manager, "operation": operation, "apiVersion": kind.api_version}
            entry |= {"fieldsType": "FieldsV1", "fieldsV1": fields_v1(owned)}
            entries.append(entry | ({"subresource": subresource} if subresource else {}))
    rest = {x: y for x, y in document["metadata"].items() if x != "managedFields"}
    return {**document, "metadata": {**rest, **({"managedFields": entries} if entries else {})}}


def updated(
    before: Document | None, after: Document, manager: str, *, subresource: str, kind: Kind
) -> Document:
    """``after`` with its owners: what changed belongs to the manager, what is gone to nobody."""
    owners = owners_in(before) if before is not None else {}
    old, new = (paths(_where_differing(x, before or {}, after)) for x in (before or {}, after))
    moved = {x for x, value in new.items() if x not in old or _differ(old[x], value)}
    if not subresource:
        moved = {x for x in moved if x[0] != "f:status"}
    gone = old.keys() - new.keys()
    mine = (manager, "Update", subresource)
    if before is not None and not gone and _is_only_mine(moved, owners, mine):
        managed = before["metadata"].get("managedFields", [])
        return {**after, "metadata": {**after["metadata"], "managedFields": managed}}
    owners = {who: owned - moved - gone for who, owned in owners.items()}
    owners[mine] = owners.get(mine, set()) | moved
    return with_owners(after, owners, kind)


def _is_only_mine(moved: set[Path], owners: Owners, mine: tuple[str, str, str]) -> bool:
    others = (owned for who, owned in owners.items() if who != mine)
    return moved <= owners.get(mine, set()) and all(moved.isdisjoint(x) for x in others)


def _where_differing(document: Document, before: Document, after: Document) -> Document:
    """Its members that are not the same in both."""
    return {x: y for x, y in document.items() if x == "kind" or before.get(x) != after.get(x)}


def _differ(old: Any, new: Any) -> bool:
    """Of what has fields of its own only these can."""
    return old is not PARENT and new is not PARENT and bool(old != new)


class FieldConflict(Exception):  # noqa: N818 - the API server's word
    """Somebody else owns, with another value, what is applied without force."""


def applied(live: Document, wanted: Document, manager: str, kind: Kind, *, force: bool) -> Document:
    """Server-side apply. Raises FieldConflict."""
    owners, mine = owners_in(live), (manager, "Apply", "")
    merged = merge(live, wanted)
    new, now = _said(wanted), paths(live)
    differing = {x for x, value in paths(merged).items() if x not in now or _differ(now[x], value)}
    others = {who: owned for who, owned in owners.items() if who != mine}
    taken = {x for owned in others.values() for x in owned if x in differing}
    if taken and not force:
        raise FieldConflict(", ".join(sorted(".".join(x) for x in taken)))
    kept = {who: owned - taken for who, owned in others.items()}
    theirs = set().union(*kept.values()) if kept else set()
    still = {path[:length] for path in new | theirs for length in range(1, len(path) + 1)}
    for path in sorted(owners.get(mine, set()) - still, key=len, reverse=True):
        _drop(merged, path)
    return with_owners(merged, {**kept, mine: new}, kind)


def taken(live: Document, wanted: Document, manager: str, kind: Kind) -> Document:
    """What was made by applying ``wanted``: nobody else owns anything of it."""
    return with_owners(live, {(manager, "Apply", ""): _said(wanted)}, kind)


def _said(wanted: Document) -> set[Path]:
    """What one owns who applies this: not what only has fields of its own, unless it is an item."""
    return {x for x, y in paths(wanted).items() if y is not PARENT or x[-1].startswith("k:")}


def merge(live: Document, wanted: Document) -> Document:
    """``wanted`` over ``live``; keyed lists merge by their keys, other lists are replaced."""
    merged = changed(live)
    _merge_into(merged, wanted)
    return merged


def _merge_into(target: Document, wanted: Document) -> None:
    for name, value in wanted.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict) and name not in ATOMIC:
            _merge_into(target[name], value)
        elif isinstance(value, list) and name in KEYS and isinstance(target.get(name), list):
            target[name] = _merged_items(name, target[name], value)
        else:
            target[name] = changed({"": value})[""]


def _merged_items(name: str, live: list[Document], wanted: list[Document]) -> list[Document]:
    found = {_key(name, x): x for x in live}
    for item in wanted:
        key = _key(name, item)
        if key in found:
            _merge_into(found[key], item)
        else:
            found[key] = changed(item)
    return list(found.values())


def _drop(document: Document, path: Path) -> None:
    """Remove a field or an item, and members that are empty by it."""
    at: Any = document
    trail: list[tuple[Any, str]] = []
    for step in path:
        trail.append((at, step))
        at = _step(at, step)
        if at is None:
            return
    for holder, step in reversed(trail):
        if _step(holder, step) not in ({}, []) and (holder, step) != trail[-1]:
            return
        if step.startswith("f:"):
            del holder[step[2:]]
        else:
            holder.remove(_step(holder, step))


def _step(at: Any, step: str) -> Any:
    if step.startswith("f:"):
        return at.get(step[2:]) if isinstance(at, dict) else None
    if step.startswith("v:"):
        value = msgspec.json.decode(step[2:])
        return value if value in (at or ()) else None
    wanted = msgspec.json.decode(step[2:])
    items = at if isinstance(at, list) else ()
    return next((x for x in items if all(x.get(k) == v for k, v in wanted.items())), None)
