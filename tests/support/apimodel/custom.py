"""Custom resources as their definitions have them: unknown members go, defaults come, and what is wrong.

Read from the sources in ``hack/crds``. Of embedded core types only pod templates are looked into, as far as
they have defaults of their own. Rules in CEL are not here: the webhooks say the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

import yaml

from hack.crds.generate import CONDITION, CONDITION_BOUNDS, HERE, OBJECT_META, Schema, embed
from support.apimodel.store import Document, Kind

POD_TEMPLATE = "io.k8s.api.core.v1.PodTemplateSpec"
ANYTHING: Schema = {"x-kubernetes-preserve-unknown-fields": True}
PORTS: Schema = {"type": "array", "items": {**ANYTHING, "properties": {"protocol": {"default": "TCP"}}}}
CONTAINERS: Schema = {"type": "array", "items": {**ANYTHING, "properties": {"ports": PORTS}}}
POD_SPEC: Schema = {
    **ANYTHING,
    "type": "object",
    "properties": {"containers": CONTAINERS, "initContainers": CONTAINERS},
    "required": ["containers"],
}
CONDITIONS: Schema = {
    "type": "object",
    "properties": {"observedGeneration": {"type": "integer"}}
    | {x: {"type": "string"} | y for x, y in CONDITION_BOUNDS.items() if x != "observedGeneration"},
    "required": ["lastTransitionTime", "message", "reason", "status", "type"],
}
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
BOUNDS = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "minLength": lambda value, bound: len(value) >= bound,
    "maxLength": lambda value, bound: len(value) <= bound,
    "minItems": lambda value, bound: len(value) >= bound,
    "maxItems": lambda value, bound: len(value) <= bound,
    "enum": lambda value, bound: value in bound,
    "pattern": lambda value, bound: re.search(bound, value) is not None,
}


class _Core:
    """Stands for the schemas that an API server publishes."""

    def named(self, name: str) -> Schema:
        template = {"type": "object", "properties": {"metadata": OBJECT_META, "spec": POD_SPEC}}
        metadata = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
        return {POD_TEMPLATE: template, CONDITION: CONDITIONS, metadata: OBJECT_META}.get(name, ANYTHING)


@cache
def _schema(kind: Kind) -> Schema | None:
    path = HERE / f"{kind.plural}.{kind.group}.yaml"
    if not path.exists():
        return None
    (version,) = yaml.load(path.read_text(), yaml.CSafeLoader)["spec"]["versions"]
    schema: Schema = embed(version["schema"]["openAPIV3Schema"], _Core())  # type: ignore[arg-type]
    return {**schema, "properties": {**schema["properties"], "metadata": ANYTHING}}


def shaped(kind: Kind, document: Document, prunes: Collection[str] = ()) -> Document:
    """As it is stored: without what is unknown, and with defaults. Other kinds stay as they are.

    ``prunes``: members of a status that are unknown, too, as in another version of the definition.
    """
    schema = _schema(kind)
    if schema is None:
        return document
    made = dict(_shaped(schema, document))
    if prunes and "status" in made:
        made["status"] = {x: y for x, y in made["status"].items() if x not in prunes}
    return made


def _shaped(schema: Schema, value: Any) -> Any:
    if schema is ANYTHING:
        return value
    if isinstance(value, list):
        return [_shaped(schema.get("items", ANYTHING), x) for x in value]
    if not isinstance(value, dict):
        return value
    properties, rest = schema.get("properties", {}), schema.get("additionalProperties")
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        rest = ANYTHING
    defaults = {x: y["default"] for x, y in properties.items() if "default" in y}
    return {
        name: _shaped(properties.get(name, rest), member)
        for name, member in {**defaults, **value}.items()
        if name in properties or rest is not None
    }


def problem(kind: Kind, document: Document, before: Document | None = None) -> str:
    """What the schema does not allow; empty: nothing. What is as it was ``before`` may stay."""
    schema = _schema(kind)
    return "" if schema is None else next(_problems(schema, document, "", before), "")


def _problems(schema: Schema, value: Any, at: str, before: Any) -> Iterator[str]:
    if schema is ANYTHING or value == before:
        return
    type_ = TYPES.get(schema.get("type", ""))
    if type_ is not None and (not isinstance(value, type_) or (type_ is int and isinstance(value, bool))):
        yield f"{at}: Invalid value: must be of type {schema['type']}"
        return
    for rule, holds in BOUNDS.items():
        if rule in schema and not holds(value, schema[rule]):
            yield f"{at}: Invalid value: {rule} is {schema[rule]}"
    if isinstance(value, list):
        for number, each in enumerate(value):
            yield from _problems(schema.get("items", ANYTHING), each, f"{at}[{number}]", None)
    elif isinstance(value, dict):
        yield from (f"{at}.{x}: Required value" for x in schema.get("required", ()) if x not in value)
        properties, rest = schema.get("properties", {}), schema.get("additionalProperties", ANYTHING)
        for name, member in value.items():
            was = before.get(name) if isinstance(before, dict) else None
            yield from _problems(properties.get(name, rest), member, f"{at}.{name}", was)
