"""Patches as an API server takes them: JSON merge (RFC 7386), strategic merge, JSON Patch (RFC 6902)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from support.apimodel.store import changed

MERGE_KEYS: dict[str, str] = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "conditions": "type",
    "ownerReferences": "uid",
    "volumeMounts": "mountPath",
}
SETS = frozenset({"finalizers"})


def merge_patch(target: Any, patch: Any) -> Any:
    """JSON merge patch: null removes, lists are replaced."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def strategic_merge(target: Any, patch: Any, name: str = "") -> Any:
    """As for a built-in type: lists merge by their keys, those of finalizers as sets."""
    if isinstance(patch, list):
        return _strategic_list(target if isinstance(target, list) else [], patch, name)
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for member, value in patch.items():
        if member.startswith("$deleteFromPrimitiveList/"):
            of = member.partition("/")[2]
            result[of] = [x for x in result.get(of, ()) if x not in value]
        elif member.startswith("$"):
            continue
        elif value is None:
            result.pop(member, None)
        else:
            result[member] = strategic_merge(result.get(member), value, member)
    return result


def _strategic_list(target: list[Any], patch: list[Any], name: str) -> list[Any]:
    if name in SETS:
        return [*target, *(x for x in patch if x not in target)]
    key = MERGE_KEYS.get(name)
    if key is None:
        return list(patch)
    found, named = {x.get(key): x for x in target}, {x.get(key): x for x in patch}
    ours = [x for x in named if named[x].get("$patch") != "delete"]
    theirs = [x for x in found if x not in named]
    merged = {x: strategic_merge(found.get(x), named[x]) for x in ours} | {x: found[x] for x in theirs}
    return [merged[x] for x in _in_order(theirs, ours, list(found))]


def _in_order(left: list[Any], right: list[Any], before: list[Any]) -> list[Any]:
    """Both in one list: as they were, and what is new as early as the order of the patch allows."""
    result = []
    while left and right:
        first = left[0] in before and right[0] in before and before.index(left[0]) < before.index(right[0])
        result.append(left.pop(0) if first else right.pop(0))
    return [*result, *left, *right]


def json_patch(document: Any, operations: Iterable[Mapping[str, Any]]) -> Any:
    """What webhooks answer with: add, replace, remove and test."""
    result = changed({"": document})[""]
    for each in operations:
        steps = [x.replace("~1", "/").replace("~0", "~") for x in each["path"].split("/")[1:]]
        if not steps:
            result = each["value"]
            continue
        at = result
        for step in steps[:-1]:
            at = at[int(step)] if isinstance(at, list) else at[step]
        _operate(at, steps[-1], each)
    return result


def _operate(at: Any, last: str, each: Mapping[str, Any]) -> None:
    match each["op"], at:
        case "add", list():
            at.insert(len(at) if last == "-" else int(last), each["value"])
        case "remove", list():
            del at[int(last)]
        case "remove", _:
            del at[last]
        case "add" | "replace", _:
            at[int(last) if isinstance(at, list) else last] = each["value"]
        case "test", _:
            assert at[int(last) if isinstance(at, list) else last] == each["value"]
        case other, _:
            raise AssertionError(f"no such operation: {other}")
