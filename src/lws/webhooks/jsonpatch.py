"""The JSON Patch (RFC 6902) that turns one JSON document into another.

Mutators edit a copy of the object and this module says what changed, so no mutator writes pointers by
hand. Pure; nothing about admission or Kubernetes may live here.
"""

from __future__ import annotations

from typing import Any, Final

Operation = dict[str, Any]

_REMOVED: Final = 64
"""Items that are taken out one by one, whatever stays."""
_SCALARS: Final = (str, int, float, bool, type(None))


def escape(token: str) -> str:
    """One reference token of a JSON Pointer (RFC 6901): ``~`` and ``/`` are written ``~0`` and ``~1``."""
    if "~" in token or "/" in token:
        return token.replace("~", "~0").replace("/", "~1")
    return token


def diff(before: Any, after: Any) -> list[Operation]:
    """The operations (``add``, ``remove``, ``replace``) that turn ``before`` into ``after``, in order.

    Small for the edits mutators make (members set or removed, items added anywhere in a list); not the
    smallest possible for reordered lists. A mutator that copies only what it changes pays only for
    that: subtrees that are the same object are skipped. ``1``, ``1.0`` and ``true`` are three values.
    """
    operations: list[Operation] = []
    _diff(before, after, "", operations)
    return operations


def _diff(before: Any, after: Any, path: str, out: list[Operation]) -> None:
    if before is after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        _diff_members(before, after, path, out)
    elif isinstance(before, list) and isinstance(after, list):
        _diff_items(before, after, path, out)
    elif type(before) is not type(after) or before != after:
        out.append({"op": "replace", "path": path, "value": after})


def _diff_members(before: dict[str, Any], after: dict[str, Any], path: str, out: list[Operation]) -> None:
    for name, old in before.items():
        if name not in after:
            out.append({"op": "remove", "path": f"{path}/{escape(name)}"})
            continue
        new = after[name]
        # The common case first: most members are scalars that did not change.
        if new is not old and (type(new) is not type(old) or not isinstance(new, _SCALARS) or new != old):
            _diff(old, new, f"{path}/{escape(name)}", out)
    for name, new in after.items():
        if name not in before:
            out.append({"op": "add", "path": f"{path}/{escape(name)}", "value": new})


def _diff_items(before: list[Any], after: list[Any], path: str, out: list[Operation]) -> None:
    """Equal ends are left alone; what is between is changed pairwise, then the rest removed or added.

    Where more is removed than stays, the list is written anew, or the patch would be longer than both.
    """
    shorter = min(len(before), len(after))
    head = 0
    while head < shorter and same(before[head], after[head]):
        head += 1
    tail = 0
    while tail < shorter - head and same(before[-1 - tail], after[-1 - tail]):
        tail += 1
    shared = shorter - tail
    if len(before) - tail - shared > max(len(after), _REMOVED):
        out.append({"op": "replace", "path": path, "value": after})
        return
    for index in range(head, shared):
        _diff(before[index], after[index], f"{path}/{index}", out)
    out.extend(
        {"op": "remove", "path": f"{path}/{index}"} for index in reversed(range(shared, len(before) - tail))
    )
    out.extend(
        {"op": "add", "path": f"{path}/{index}", "value": after[index]}
        for index in range(shared, len(after) - tail)
    )


def same(left: Any, right: Any) -> bool:
    """Equality of JSON values, where ``True`` is not ``1`` (Python says it is)."""
    if left is right:
        return True
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)
