"""Requests at random, to objects of one kind: two names, two writers, right and wrong conditions.

A body may hold what only an earlier answer tells: ``$uid`` and ``$version`` are the object's, as far as it
was seen, ``$first-uid`` and ``$first-version`` what they were at first, ``$uid of x`` that of another.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

from lws.api import constants as c
from support.fidelity.sides import Document
from support.fidelity.vocabularies import NAMES, Vocabulary

OURS = c.FIELD_MANAGER
WRITERS = (OURS, "user")


class Step(NamedTuple):
    """``verb``: get, list, create, put, merge, strategic, apply, delete. ``put``: what is read, changed by
    ``body`` as by a merge patch, is written back.
    """

    verb: str
    name: str = ""
    body: Document | None = None
    subresource: str = ""
    query: Mapping[str, str] = {}


def history(vocabulary: Vocabulary, seed: int, length: int) -> list[Step]:
    """So many steps; the first makes an object."""
    random = Random(f"{vocabulary.resource.kind} {seed}")
    made = [_create(random, vocabulary, "a")]
    while len(made) < length:
        made.append(_step(random, vocabulary))
    return [*made, *(Step("get", x) for x in NAMES), Step("list")]


def _step(random: Random, vocabulary: Vocabulary) -> Step:
    name = random.choice(NAMES)
    made = random.choices((_create, _delete, _read, _put, _apply, _patch), (2, 2, 1, 2, 3, 7))[0]
    return made(random, vocabulary, name)


def _create(random: Random, vocabulary: Vocabulary, name: str) -> Step:
    labels = random.choice(({}, {"app": "a"}, {"app": "b", "tier": "x"}))
    return Step(
        "create", name, {"metadata": {"labels": labels}, **vocabulary.content[name]}, query=_by(random)
    )


def _by(random: Random) -> Document:
    return {"fieldManager": random.choice(WRITERS)}


def _read(random: Random, _: Vocabulary, name: str) -> Step:
    selector = random.choice(("app=a", "app", "!app", "app=b,tier"))
    queries: tuple[Document, ...] = (
        {},
        {"labelSelector": selector},
        {"fieldSelector": f"metadata.name={name}"},
    )
    return random.choice((Step("get", name), Step("list", query=random.choice(queries))))


CONDITIONS: tuple[Document, ...] = (
    {},
    {},
    {},
    {},
    {"uid": "$uid"},
    {"resourceVersion": "$version"},
    {"uid": "another"},
    {"resourceVersion": "$first-version"},
    {"uid": "$first-uid"},
)
METADATA: tuple[Document, ...] = (
    {"labels": {"app": "a"}},
    {"labels": {"app": "b", "tier": "y"}},
    {"labels": {"app": None}},
    {"labels": None},
    {"annotations": {"note": "1"}},
    {"annotations": {"note": None, "other": "2"}},
    {"finalizers": ["example.com/one"]},
    {"finalizers": ["example.com/one", "example.com/two"]},
    {"finalizers": None},
    {"finalizers": None},
    {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "none"}]},
    {"ownerReferences": None},
)
STRATEGIC_METADATA: tuple[Document, ...] = (
    {"labels": {"app": "c"}},
    {"annotations": {"note": None}},
    {"finalizers": ["example.com/three"]},
    {"$deleteFromPrimitiveList/finalizers": ["example.com/one", "example.com/three"]},
    {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "y", "uid": "none-either"}]},
    {"ownerReferences": [{"$patch": "delete", "uid": "none"}]},
)


def _patch(random: Random, vocabulary: Vocabulary, name: str) -> Step:
    """Of the metadata or the content, or of the status."""
    condition = random.choice(CONDITIONS)
    if vocabulary.statuses and random.random() < 0.3:
        verb, status = random.choice(("merge", "strategic")), random.choice(vocabulary.statuses)
        body = {"metadata": dict(condition), "status": status}
        return Step(verb, name, body, "status", _by(random))
    strategic = random.random() < 0.3
    content = random.choice(vocabulary.strategic if strategic and vocabulary.strategic else vocabulary.merges)
    metadata = random.choice(STRATEGIC_METADATA if strategic else METADATA)
    body = {"metadata": {**condition, **(metadata if random.random() < 0.5 else {})}}
    if random.random() < 0.6:
        body = copy.deepcopy({**content, **body})
    return Step("strategic" if strategic else "merge", name, body, query=_by(random))


def _put(random: Random, vocabulary: Vocabulary, name: str) -> Step:
    versions: tuple[Any, ...] = ("$version", "$version", "$first-version", None)
    body = {"metadata": {"resourceVersion": random.choice(versions), **random.choice(METADATA)}}
    if random.random() < 0.5:
        body |= random.choice(vocabulary.merges)
    if vocabulary.statuses and random.random() < 0.4:
        return Step("put", name, {"status": random.choice(vocabulary.statuses)}, "status", _by(random))
    return Step("put", name, body, query=_by(random))


def _apply(random: Random, vocabulary: Vocabulary, name: str) -> Step:
    """A whole document, as we do, or some of its labels, as users do."""
    if vocabulary.applied and random.random() < 0.7:
        body = dict(random.choice(vocabulary.applied))
        labels = random.choice(({"app": "a"}, {"app": "a", "ours": "1"}, {"ours": "2"}))
        body["metadata"] = {"labels": labels, **random.choice(({}, {"annotations": {"note": "ours"}}))}
        return Step("apply", name, body, query={"fieldManager": OURS, "force": "true"})
    body = {"metadata": {"labels": random.choice(({"app": "a"}, {"app": "z"}, {"tier": "u"}))}}
    force = random.choice(("true", "false"))
    return Step("apply", name, vocabulary.content["a"] | body, query={"fieldManager": "user", "force": force})


DELETIONS: tuple[Document, ...] = (
    {},
    {"propagationPolicy": "Background"},
    {"propagationPolicy": "Foreground"},
    {"propagationPolicy": "Orphan"},
    {"gracePeriodSeconds": 0},
    {"gracePeriodSeconds": 5},
    {"preconditions": {"uid": "$uid"}, "propagationPolicy": "Foreground"},
    {"preconditions": {"uid": "$uid"}},
    {"preconditions": {"uid": "another"}},
    {"preconditions": {"resourceVersion": "$version"}},
    {"preconditions": {"resourceVersion": "$first-version"}},
)


def _delete(random: Random, _: Vocabulary, name: str) -> Step:
    return Step("delete", name, dict(random.choice(DELETIONS)))
