"""A history of requests, played on one side; what it is answered, and what watches tell of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import takewhile
from typing import Any, NamedTuple

from lws.kube.client import APPLY, MERGE_PATCH, STRATEGIC_MERGE_PATCH
from support.apimodel.patching import merge_patch
from support.fidelity.alike import Names
from support.fidelity.requests import Step
from support.fidelity.sides import Asked, Document, Said, Side
from support.fidelity.vocabularies import Vocabulary

PATCHES = {"merge": MERGE_PATCH, "strategic": STRATEGIC_MERGE_PATCH, "apply": APPLY}
END = "z-end"
"""The name of the object that is made last: watches are read up to it."""


class Line(NamedTuple):
    """One step, or one watch, and what was said of it."""

    what: str
    said: Any


class Player:
    """Knows the UIDs and versions that it was told of each object, so that later steps can name them."""

    def __init__(self, side: Side, vocabulary: Vocabulary, namespace: str) -> None:
        self._side, self._vocabulary, self._namespace = side, vocabulary, namespace
        self._seen: dict[str, list[Document]] = {}
        self.names = Names()

    def play(self, step: Step) -> Said:
        body = copy.deepcopy(step.body)
        if step.verb == "put":
            found = self.ask(Step("get", step.name))
            if found.status != 200:
                return found
            body = merge_patch(found.body, self._resolved(step.name, body))
            return self.ask(step._replace(body=body))
        return self.ask(step._replace(body=self._resolved(step.name, body)))

    def ask(self, step: Step) -> Said:
        said = self._side.ask(self._asked(step))
        metadata = said.body.get("metadata") or {}
        if said.status == 200 and "uid" in metadata:
            self._seen.setdefault(step.name, []).append(metadata)
        return said

    def _asked(self, step: Step) -> Asked:
        resource, body = self._vocabulary.resource, step.body
        if step.verb in ("create", "apply") and body is not None:
            metadata = {**body.get("metadata", {}), "name": step.name, "namespace": self._namespace}
            head = {"apiVersion": resource.api_version, "kind": resource.kind}
            body = {**head, **body, "metadata": metadata}
        if step.verb == "delete":
            body = {"apiVersion": "v1", "kind": "DeleteOptions", **(body or {})}
        methods = {"get": "GET", "list": "GET", "create": "POST", "put": "PUT", "delete": "DELETE"}
        return Asked(
            methods.get(step.verb, "PATCH"),
            resource,
            self._namespace,
            "" if step.verb == "create" else step.name,
            step.subresource,
            body,
            PATCHES.get(step.verb, "application/json"),
            step.query,
        )

    def _resolved(self, name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {x: self._resolved(name, y) for x, y in value.items()}
        if isinstance(value, list):
            return [self._resolved(name, x) for x in value]
        if not isinstance(value, str) or not value.startswith("$"):
            return value
        member, _, other = value.removeprefix("$").partition(" of ")
        seen = self._seen.get(other or name)
        if not seen:
            return "1"
        at = seen[0] if member.startswith("first-") else seen[-1]
        return at["resourceVersion" if member.endswith("version") else "uid"]

    def watched(self, query: Document, *, ends: str) -> list[Any]:
        """All events of a watch up to that of the object, or the bookmark, that ends it."""
        asked = Asked("GET", self._vocabulary.resource, self._namespace, query=query)
        with self._side.watch(asked) as events:
            return list(self._told(events, ends))

    def _told(self, events: Iterator[Document], ends: str) -> Iterator[Any]:
        def goes_on(event: Document) -> bool:
            metadata = event["object"].get("metadata") or {}
            return ends not in (metadata.get("name"), event["type"])

        for event in takewhile(goes_on, events):
            if event["type"] in ("ERROR", "REFUSED"):
                yield {x: event["object"].get(x) for x in ("code", "reason")}
                return
            yield {"type": event["type"], **self.names.object(event["object"])}


def play(side: Side, vocabulary: Vocabulary, namespace: str, steps: list[Step]) -> list[Line]:
    """All steps, and then what watches tell that begin before the first, or now."""
    player = Player(side, vocabulary, namespace)
    begin = player.ask(Step("list")).body["metadata"]["resourceVersion"]
    lines = [
        Line(f"{number} {step}", player.names.said(player.play(step))) for number, step in enumerate(steps)
    ]
    player.play(Step("create", END, {"metadata": {"labels": {"app": "a"}}, **vocabulary.content["a"]}))
    since = {"resourceVersion": begin}
    now = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    watches: tuple[tuple[str, Document, str], ...] = (
        ("watch", since, END),
        ("watch of a selection", since | {"labelSelector": "app=a"}, END),
        ("streamed list", now, "BOOKMARK"),
        ("streamed list without its match", {"sendInitialEvents": "true"}, "BOOKMARK"),
    )
    if vocabulary.resource.group.endswith(".x-k8s.io"):  # whose versions begin later than all others'
        watches = (*watches, ("watch from long ago", {"resourceVersion": "1"}, END))
    return [*lines, *(Line(what, player.watched(query, ends=ends)) for what, query, ends in watches)]
