"""What applying a manifest would make of a set: read, merged as ``kubectl apply`` does, tried by a dry run.

``kubectl apply`` of a custom resource is a JSON merge patch: what the manifest holds, less what the last
applied manifest held and this one does not. Nothing is stored.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from lws.cli.kinds import DISAGGREGATEDSETS, LEADERWORKERSETS
from lws.cli.observing import absence
from lws.cli.session import FIELD_MANAGER, CommandError, Session
from lws.cli.values import Target
from lws.documents import Unreadable
from lws.documents import read_documents as read_texts
from lws.kube.client import APPLY, MERGE_PATCH
from lws.kube.errors import ApiError, NotFound
from lws.kube.resources import Resource

Document = dict[str, Any]
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# Strict: a field that no set has is refused, as `kubectl apply` has it, and not left out of the plan.
_DRY_RUN = {"dryRun": "All", "fieldValidation": "Strict"}
_UNKNOWN = "strict decoding error: "


def read_documents(source: str) -> list[Document]:
    """The objects in a file of YAML or JSON documents; ``-`` is standard input. Raises CommandError."""
    try:
        found = [x for x in read_texts(_read(source)) if isinstance(x, dict)]
    except Unreadable as error:
        raise CommandError(f"{source} is not YAML: {error}") from error
    for document in found:
        _check(source, document)
    return found


def _check(source: str, document: Document) -> None:
    """That what is read here of any object is what it should be; of the rest the server judges."""
    metadata = document.get("metadata")
    if not isinstance(metadata, dict | None):
        raise CommandError(f"{source}: metadata must be a mapping")
    for member, kind, words in (
        ("name", str, "a string; put it in quotes"),
        ("namespace", str, "a string; put it in quotes"),
        ("labels", dict, "a mapping"),
        ("annotations", dict, "a mapping"),
    ):
        if not isinstance((metadata or {}).get(member), kind | None):
            raise CommandError(f"{source}: metadata.{member} must be {words}")


def name_of_only_set(source: str, documents: Iterable[Document]) -> Target:
    """Which set is meant where none is named. Raises CommandError where that is not sure."""
    kinds = (LEADERWORKERSETS, DISAGGREGATEDSETS)
    found = [
        Target(kind.kind, name)
        for x in documents
        for kind in kinds
        if (x.get("kind"), x.get("apiVersion")) == (kind.kind, kind.api_version)
        and (name := (x.get("metadata") or {}).get("name"))
    ]
    if len(found) != 1:
        names = ", ".join(x.name for x in found) or "none"
        raise CommandError(f"{source} does not say which set is meant: give its NAME; in it: {names}")
    return found[0]


def find_set(source: str, documents: Iterable[Document], kind: Resource, name: str) -> Document:
    """The set of that kind and name. Raises CommandError."""
    sets = [x for x in documents if x.get("kind") == kind.kind]
    found = next((x for x in sets if (x.get("metadata") or {}).get("name") == name), None)
    if found is None:
        names = ", ".join(str((x.get("metadata") or {}).get("name")) for x in sets) or "none"
        raise CommandError(f"{source} holds no {kind.kind} {name!r}; in it: {names}")
    if found.get("apiVersion") != kind.api_version:
        raise CommandError(f"{source}: apiVersion is {found.get('apiVersion')!r}, not {kind.api_version!r}")
    return found


def _read(source: str) -> str:
    try:
        if source == "-":
            return sys.stdin.read()
        return Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{source} cannot be read: {error.strerror}") from error
    except UnicodeError as error:
        raise CommandError(f"{source} is not UTF-8 text") from error


def check_namespace(manifest: Document, namespace: str, source: str) -> None:
    """As kubectl: a manifest that names another namespace is a mistake."""
    named = (manifest.get("metadata") or {}).get("namespace") or namespace
    if named != namespace:
        raise CommandError(
            f"{source} is for namespace {named!r}, not {namespace!r}; give --namespace {named}"
        )


def as_applied(manifest: Document, namespace: str) -> Document:
    """The manifest as ``kubectl apply`` sends it: with its namespace, and with itself as an annotation."""
    metadata = {"annotations": {}, **manifest["metadata"], "namespace": namespace}
    text = msgspec.json.encode({**manifest, "metadata": metadata}).decode()
    annotations = {**(metadata["annotations"] or {}), LAST_APPLIED: text}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def merge_patch(live: Document, manifest: Document) -> Document:
    """The patch that ``kubectl apply`` sends; ``manifest`` is ``as_applied``."""
    last = (live.get("metadata", {}).get("annotations") or {}).get(LAST_APPLIED)
    try:
        original = msgspec.json.decode(last) if last else {}
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        original = {}
    return dict(merged(removed(original, manifest), manifest))


def removed(original: Any, modified: Any) -> Document:
    """Null for every member that ``original`` has and ``modified`` does not."""
    gone: Document = {}
    if not isinstance(original, Mapping) or not isinstance(modified, Mapping):
        return gone
    for name, value in original.items():
        if name not in modified:
            gone[name] = None
        elif deeper := removed(value, modified[name]):
            gone[name] = deeper
    return gone


def merged(below: Any, above: Any) -> Any:
    """``below`` with the members of ``above`` in it; nothing is removed."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    both = dict(below)
    for name, value in above.items():
        both[name] = merged(both.get(name), value)
    return both


def dry_run(
    session: Session, kind: Resource, live: Document, manifest: Document, *, server_side: bool
) -> Document:
    """What the set would be. Raises ApiError when admission or the schema refuses it."""
    metadata = live["metadata"]
    path = kind.path(metadata["namespace"], metadata["name"])
    if server_side:
        named = {**manifest, "metadata": {**manifest["metadata"], "namespace": metadata["namespace"]}}
        query = {**_DRY_RUN, "fieldManager": "kubectl", "force": "false"}
        body, content_type = named, APPLY
    else:
        query = {**_DRY_RUN, "fieldManager": FIELD_MANAGER}
        applied = as_applied(manifest, metadata["namespace"])
        body, content_type = merge_patch(live, applied), MERGE_PATCH
    try:
        answer = session.client.connection.request(
            "PATCH",
            path,
            query=query,
            body=msgspec.json.encode(body),
            content_type=content_type,
            timeout=session.client.timeout,
        )
    except ApiError as error:
        raise _without_patch(error) from error
    return dict(msgspec.json.decode(answer))


def _without_patch(error: ApiError) -> ApiError:
    """Of unknown fields the server tells after it has repeated the patch, so that the message is cut before.

    They stand in the causes, whole.
    """
    causes = error.details.get("causes")
    for cause in causes if isinstance(causes, list) else ():
        _, found, fields = str(cause.get("message", "")).partition(_UNKNOWN)
        if found:
            return ApiError(error.status, error.reason, _UNKNOWN + fields, error.details, error.retry_after)
    return error


def live_document(session: Session, kind: Resource, name: str) -> Document:
    """The set as it is, whole. Raises CommandError when there is none."""
    try:
        return session.client.get(kind, dict, name, session.namespace)
    except NotFound as error:
        raise CommandError(absence(session, kind, name, error)) from error


def differences(before: Any, after: Any, path: str) -> Iterator[str]:
    """Each leaf that differs, as ``path: old -> new``."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted(before.keys() | after.keys()):
            yield from differences(before.get(name), after.get(name), f"{path}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif (one := _by_name(before)) is not None and (other := _by_name(after)) is not None:
        for name in dict.fromkeys((*one, *other)):
            yield from differences(one.get(name), other.get(name), f"{path}[{name}]")
    elif before != after:
        yield f"{path}: {_shown(before)} -> {_shown(after)}"


def _by_name(items: Any) -> dict[str, Any] | None:
    """The items of a list by their names; None where some have none, or have the same."""
    if not isinstance(items, list) or not all(isinstance(x, Mapping) and x.get("name") for x in items):
        return None
    named = {str(x["name"]): x for x in items}
    return named if len(named) == len(items) else None


def metadata_differences(live: Document, wanted: Document) -> list[str]:
    """Labels and annotations, but for what ``kubectl apply`` notes for itself."""
    return [
        x
        for member in ("labels", "annotations")
        for x in differences(
            live["metadata"].get(member) or {}, wanted["metadata"].get(member) or {}, f"metadata.{member}"
        )
        if LAST_APPLIED not in x
    ]


class Edit(NamedTuple):
    """``wanted``: the set as it would be. ``changes``: the leaves that differ."""

    wanted: Document
    changes: list[str]


def try_edit(session: Session, options: Any, kind: Resource) -> Edit:
    """What the file would make of the set. Raises CommandError, and ApiError when it is refused."""
    manifest = find_set(options.filename, options.documents, kind, options.name)
    check_namespace(manifest, session.namespace, options.filename)
    live = live_document(session, kind, options.name)
    wanted = dry_run(session, kind, live, manifest, server_side=options.server_side)
    changes = [*differences(live["spec"], wanted["spec"], "spec"), *metadata_differences(live, wanted)]
    return Edit(wanted, changes)


def _shown(value: Any) -> str:
    if value is None:
        return "(none)"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 80 else text[:77] + "..."
