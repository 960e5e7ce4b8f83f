"""Requests as they come, and answers as they go: paths, selectors, Status documents. No decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from support.apimodel.store import KINDS, Document, Kind, Where


class Request(NamedTuple):
    """One HTTP request. ``actor``: whose it is; ``where``: name empty for a collection, None: no resource."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Document
    content_type: str
    actor: str
    where: Where | None
    subresource: str = ""

    @property
    def watch(self) -> bool:
        return self.query.get("watch") == "true"

    @property
    def writes(self) -> bool:
        return self.method not in ("GET", "HEAD")

    def __str__(self) -> str:
        tail = f" {self.subresource}" if self.subresource else ""
        return f"{self.method} {self.where}{tail}"


def request(method: str, target: str, body: bytes | None, headers: Mapping[str, str], actor: str) -> Request:
    """Read what a client sent."""
    url = urlsplit(target)
    where, subresource = _place(url.path)
    return Request(
        method,
        url.path,
        dict(parse_qsl(url.query)),
        msgspec.json.decode(body) if body else {},
        headers.get("Content-Type", ""),
        actor,
        where,
        subresource,
    )


def _place(path: str) -> tuple[Where | None, str]:
    parts = [unquote(x) for x in path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) > 2:
        group, rest = "", parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, rest = parts[1], parts[3:]
    else:
        return None, ""
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    kind = KINDS.get((group, rest[0]))
    if kind is None:
        return None, ""
    name, subresource = (*rest[1:3], "", "")[:2]
    return Where(kind, namespace, name), subresource


def options(body: Document) -> dict[str, Any]:
    """Of a deletion."""
    conditions = body.get("preconditions") or {}
    return {
        "uid": conditions.get("uid", ""),
        "version": conditions.get("resourceVersion", ""),
        "propagation": body.get("propagationPolicy") or "",
        "grace": body.get("gracePeriodSeconds"),
    }


class Answer(NamedTuple):
    """A status and a body."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


class Refused(Exception):  # noqa: N818 - as one reads it
    """The API server says no."""

    def __init__(self, status: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status, self.reason, self.message, self.details = status, reason, message, details

    @property
    def answer(self) -> Answer:
        body = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": self.status,
            "reason": self.reason,
            "message": self.message,
            "details": self.details,
        }
        return Answer(self.status, msgspec.json.encode(body))


def not_found(where: Where | None) -> Refused:
    """``where``: None for a resource that is not served at all."""
    if where is None:
        return Refused(404, "NotFound", "the server could not find the requested resource")
    kind = where.kind
    return Refused(404, "NotFound", f"{where} not found", name=where.name, group=kind.group, kind=kind.plural)


def conflict(message: str) -> Refused:
    return Refused(409, "Conflict", message)


def invalid(message: str) -> Refused:
    return Refused(422, "Invalid", message)


def expired() -> Refused:
    return Refused(410, "Expired", "too old resource version")


SUCCESS = Answer(200, msgspec.json.encode({"kind": "Status", "apiVersion": "v1", "status": "Success"}))

Selects = Callable[[Document], bool]


def selection(request: Request) -> Selects:
    """What the selectors and the namespace of a request leave."""
    labels = [x for x in request.query.get("labelSelector", "").split(",") if x]
    fields = [x.split("=", 1) for x in request.query.get("fieldSelector", "").split(",") if x]
    namespace = request.where.namespace if request.where is not None else ""

    def selects(document: Document) -> bool:
        metadata = document["metadata"]
        carried = metadata.get("labels") or {}
        return (
            (not namespace or metadata.get("namespace") == namespace)
            and all(holds(x, carried) for x in labels)
            and all(_field(document, path) == value for path, value in fields)
        )

    return selects


def holds(requirement: str, labels: Mapping[str, str]) -> bool:
    """Whether labels meet one requirement of a selector."""
    if requirement.startswith("!"):
        return requirement[1:] not in labels
    name, equal, value = requirement.partition("=")
    return labels.get(name) == value.lstrip("=") if equal else name in labels


def _field(document: Document, path: str) -> Any:
    at: Any = document
    for step in path.split("."):
        at = at.get(step, "") if isinstance(at, dict) else ""
    return at


def listed(kind: Kind, items: list[bytes], version: int) -> Answer:
    head = f'{{"kind":"{kind.kind}List","apiVersion":"{kind.api_version}",'
    metadata = f'"metadata":{{"resourceVersion":"{version}"}},"items":['
    return Answer(200, (head + metadata).encode() + b",".join(items) + b"]}")
