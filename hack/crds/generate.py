"""Write manifests/crd/ from the skeletons beside this file and an API server's own OpenAPI.

A skeleton names a core type by ``$embed``; its published schema is flattened into a structural one as
CustomResourceDefinitions need it: references resolved, int-or-string and quantities marked, list-map keys
kept. It names a part of another skeleton by ``$embed: FILE#MEMBER``, so that one kind holds another's spec
without a copy. Dropped on purpose, so that a manifest made for the upstream controller is accepted unchanged
(api.md, 1.4): enums inside pod templates, defaults that only restate a zero value of a required member,
and object metadata other than annotations, finalizers, labels, name and namespace.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from lws.kube.connection import Connection, connect
from lws.kube.errors import KubeError

HERE = Path(__file__).parent
TARGET = HERE.parent.parent / "manifests" / "crd"

Schema = dict[str, Any]

_DECIMAL = r"(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
QUANTITY: Schema = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "pattern": rf"^(\+|-)?{_DECIMAL}(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?{_DECIMAL}))?$",
    "x-kubernetes-int-or-string": True,
}
INT_OR_STRING: Schema = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
}
OBJECT_META: Schema = {
    "type": "object",
    "properties": {
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
        "finalizers": {"type": "array", "items": {"type": "string"}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "name": {"type": "string"},
        "namespace": {"type": "string"},
    },
}
REPLACED: dict[str, Schema] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": QUANTITY,
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": INT_OR_STRING,
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": OBJECT_META,
}
KEPT = (
    "description",
    "type",
    "format",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
)
# Defaults that the API server applies to pods but upstream's CRD does not carry (api.md, 1.4).
UNDEFAULTED = {
    ("io.k8s.api.core.v1.AzureDiskVolumeSource", "cachingMode"),
    ("io.k8s.api.core.v1.AzureDiskVolumeSource", "kind"),
}
# metav1.Condition carries its bounds as markers that OpenAPI does not publish (api.md, 1.6).
CONDITION = "io.k8s.apimachinery.pkg.apis.meta.v1.Condition"
_DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
QUALIFIED_NAME = rf"^({_DNS_LABEL}(\.{_DNS_LABEL})*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
CONDITION_BOUNDS: dict[str, Schema] = {
    "lastTransitionTime": {"format": "date-time"},
    "message": {"maxLength": 32768},
    "observedGeneration": {"minimum": 0},
    "reason": {"minLength": 1, "maxLength": 1024, "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"},
    "status": {"enum": ["True", "False", "Unknown"]},
    "type": {"maxLength": 316, "pattern": QUALIFIED_NAME},
}


class Flattener:
    """Turns published schemas into structural ones."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self._schemas = schemas

    def named(self, name: str) -> Schema:
        """The structural schema of a published type."""
        if name in REPLACED:
            return dict(REPLACED[name])
        flat = self._flatten(self._schemas[name], name)
        if name == CONDITION:
            for member, bounds in CONDITION_BOUNDS.items():
                flat["properties"][member] |= bounds
        return flat

    def _flatten(self, schema: Schema, owner: str) -> Schema:
        reference = schema.get("$ref") or next((part["$ref"] for part in schema.get("allOf", ())), None)
        flat = self.named(reference.rsplit("/", 1)[-1]) if reference else {}
        flat |= {key: schema[key] for key in KEPT if key in schema}
        if "items" in schema:
            flat["items"] = self._flatten(schema["items"], owner)
        if "additionalProperties" in schema:
            flat["additionalProperties"] = self._flatten(schema["additionalProperties"], owner)
        if "properties" in schema:
            flat |= self._members(schema, owner)
        return flat

    def _members(self, schema: Schema, owner: str) -> Schema:
        required = schema.get("required", [])
        members = {name: self._flatten(member, owner) for name, member in schema["properties"].items()}
        for name, member in schema["properties"].items():
            default = member.get("default", {})
            if default != {} and name not in required and (owner, name) not in UNDEFAULTED:
                members[name]["default"] = default
        return {"properties": members} | ({"required": sorted(required)} if required else {})


def embed(node: Any, flattener: Flattener) -> Any:
    """A copy of a skeleton with every ``$embed`` replaced; members beside it win."""
    if isinstance(node, list):
        return [embed(item, flattener) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: embed(value, flattener) for key, value in node.items() if key != "$embed"}
    return (embedded(node["$embed"], flattener) | plain) if "$embed" in node else plain


def embedded(name: str, flattener: Flattener) -> Schema:
    """The schema of a core type; for ``FILE#MEMBER``, of a member of the kind which that skeleton defines."""
    file, hash_, member = name.partition("#")
    if not hash_:
        return flattener.named(name)
    (version,) = yaml.load((HERE / file).read_text(), yaml.CSafeLoader)["spec"]["versions"]
    schema: Schema = embed(version["schema"]["openAPIV3Schema"]["properties"][member], flattener)
    return schema


def published_schemas(connection: Connection) -> dict[str, Schema]:
    """The schemas of the core group and what it uses of metav1, as this API server publishes them."""
    schemas: dict[str, Schema] = json.loads(connection.request("GET", "/openapi/v3/api/v1"))["components"][
        "schemas"
    ]
    return schemas


def render(skeleton: Path, flattener: Flattener) -> str:
    """The finished CustomResourceDefinition as YAML."""
    document = embed(yaml.safe_load(skeleton.read_text()), flattener)
    header = f"# Generated by hack/update-crds from hack/crds/{skeleton.name}. Do not edit.\n"
    return header + yaml.safe_dump(document, sort_keys=True, width=110)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="hack/update-crds", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kubeconfig", required=True, help="an API server of the pinned release")
    parser.add_argument("--verify", action="store_true", help="write nothing; fail when a file would change")
    options = parser.parse_args(arguments)
    connection = connect(kubeconfig=options.kubeconfig, user_agent="lws/update-crds")
    flattener = Flattener(published_schemas(connection))
    stale = []
    for skeleton in sorted(HERE.glob("*.yaml")):
        target, text = TARGET / skeleton.name, render(skeleton, flattener)
        if not target.exists() or target.read_text() != text:
            stale.append(target.name)
            if not options.verify:
                target.write_text(text)
    if options.verify and stale:
        print(f"stale: {', '.join(stale)}; run hack/update-crds", file=sys.stderr)
        return 1
    print(f"{len(stale)} of the CRDs written" if stale else "the CRDs are up to date")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KubeError as error:
        sys.exit(f"update-crds: {error}")
