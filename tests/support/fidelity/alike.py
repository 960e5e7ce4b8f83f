"""What has to differ between two API servers that did the same, and is taken out before they are compared.

- UIDs, resourceVersions: each server's own. They become numbers in the order in which they are first told,
  so that whether an answer shows a new version, or another object, is still compared.
- Times: another clock. That there is one is compared.
- Times of ``managedFields``, and in which order its entries are.
- What the API server's own plug-ins add to any pod (service account, its token, two tolerations, priority):
  nobody of ours reads it, and the token's volume has a random name.
- Labels with the zone and the region of a pod's node, which such a plug-in copies: the model has no zones.
- Messages: words. Whether one speaks of ``metadata.uid`` is compared, because our code looks for that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from support.fidelity.sides import Document, Said

TIMES = ("creationTimestamp", "deletionTimestamp")
TOKEN = re.compile(r"kube-api-access-\w{5}")
TOPOLOGY = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")
PLUGINS = (
    "serviceAccount",
    "serviceAccountName",
    "tolerations",
    "priority",
    "preemptionPolicy",
)


class Names:
    """What one side tells, in words that both know. One for each side and history."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def _name(self, what: str, text: str) -> str:
        count = sum(1 for kind, _ in self._known if kind == what)
        return self._known.setdefault((what, text), f"{what} {count + 1}")

    def said(self, said: Said) -> Document:
        """An answer."""
        if said.status != 200:
            details = said.body.get("details") or {}
            about = {x: details.get(x) for x in ("name", "kind")} if said.status == 404 else {}
            uid = "metadata.uid" in (said.body.get("message") or "")
            return {
                "status": said.status,
                "reason": said.reason,
                **about,
                **({"of a uid": True} if uid else {}),
            }
        if "items" in said.body:
            return {"items": [self.object(x) for x in said.body["items"]]}
        if said.body.get("kind") == "Status":
            return {"status": 200}
        return self.object(said.body)

    def object(self, document: Document) -> Document:
        """An object."""
        told = {x: y for x, y in document.items() if x not in ("kind", "apiVersion", "metadata")}
        if document.get("kind", "Pod") == "Pod" and "containers" in told.get("spec", {}):
            told["spec"] = without_plugins(told["spec"])
        return {"metadata": self._metadata(document["metadata"]), **told}

    def _metadata(self, metadata: Document) -> Document:
        told = {x: "a time" if x in TIMES else y for x, y in without_topology(metadata).items()}
        for name in ("uid", "resourceVersion"):
            if name in told:
                told[name] = self._name(name, told[name])
        if "managedFields" in told:
            told["managedFields"] = owned(told["managedFields"])
        return told


def without_topology(metadata: Document) -> Document:
    """Without the labels of a pod's node."""
    labels = {x: y for x, y in metadata.get("labels", {}).items() if x not in TOPOLOGY}
    rest = {x: y for x, y in metadata.items() if x != "labels"}
    return {**rest, **({"labels": labels} if labels else {})}


def without_plugins(spec: Document) -> Document:
    """A pod's spec as it was written."""
    told = {x: y for x, y in spec.items() if x not in PLUGINS}
    told["volumes"] = [x for x in spec.get("volumes", ()) if not TOKEN.fullmatch(x["name"])]
    for name in ("containers", "initContainers"):
        if name in told:
            told[name] = [_without_token(x) for x in told[name]]
    return told if told["volumes"] else {x: y for x, y in told.items() if x != "volumes"}


def _without_token(container: Document) -> Document:
    mounts = [x for x in container.get("volumeMounts", ()) if not TOKEN.fullmatch(x["name"])]
    told = {x: y for x, y in container.items() if x != "volumeMounts"}
    return {**told, **({"volumeMounts": mounts} if mounts else {})}


def owned(entries: list[Document]) -> dict[str, list[str]]:
    """``managedFields`` by manager, operation and subresource."""
    found = {}
    for entry in entries:
        who = " ".join((entry["manager"], entry["operation"], entry.get("subresource", "")))
        found[who.strip()] = sorted(_leaves(entry["fieldsV1"], ""))
    return found


def _leaves(tree: Document, path: str) -> Iterator[str]:
    for step, inner in tree.items():
        at = f"{path} {step}"
        if step != ".":
            if not inner or "." in inner:
                yield at.strip()
            yield from _leaves(inner, at)


def differences(left: Any, right: Any, at: str = "") -> list[str]:
    """Where two values differ, one line each: the place, the left, the right."""
    if isinstance(left, dict) and isinstance(right, dict):
        names = [x for x in (*left, *right) if left.get(x, _absent) != right.get(x, _absent)]
        return [
            line
            for x in dict.fromkeys(names)
            for line in differences(left.get(x, _absent), right.get(x, _absent), f"{at}.{x}")
        ]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = enumerate(zip(left, right, strict=True))
        return [line for i, (x, y) in pairs for line in differences(x, y, f"{at}[{i}]")]
    if isinstance(left, list) and isinstance(right, list):
        missing = [x for x in left if x not in right], [x for x in right if x not in left]
        return [f"{at}: only model {missing[0]!s:.300}, only real {missing[1]!s:.300}"]
    return [] if left == right else [f"{at}: model {left!s:.300}, real {right!s:.300}"]


_absent = "nothing"
