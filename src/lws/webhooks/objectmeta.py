"""The rules every Kubernetes object's metadata obeys (api.md, 4.3, rules 1 to 3).

They are those of the API server's own library: the same paths, the same order, one violation for each part
of a rule that fails. Lengths are bytes of UTF-8. Rules of any one kind may not live here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from lws.webhooks.documents import ManagedFields, Metadata, OwnerReference, strings
from lws.webhooks.errors import FieldError, cut, invalid, required, too_long

MOST_LABEL: Final = 63
"""Bytes of a DNS label, and of a label value."""

_SUBDOMAIN_BYTES: Final = 253
_ANNOTATIONS_BYTES: Final = 256 * 1024
_MANAGER_BYTES: Final = 128
_SUBRESOURCE_BYTES: Final = 256

_DNS1035_LABEL: Final = re.compile(rb"[a-z]([-a-z0-9]*[a-z0-9])?")
_DNS1123_LABEL: Final = re.compile(rb"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS1123_SUBDOMAIN: Final = re.compile(rb"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME_PART: Final = re.compile(rb"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")

_DNS1035_RULE: Final = (
    "must be a DNS-1035 label: lower case letters, digits and '-', starting with a letter and ending with"
    " a letter or digit, such as 'my-name'"
)
_DNS1123_RULE: Final = (
    "must be a DNS-1123 label: lower case letters, digits and '-', starting and ending with a letter or digit"
)
_SUBDOMAIN_RULE: Final = (
    "must be a DNS-1123 subdomain: lower case letters, digits, '-' and '.', each part between dots starting"
    " and ending with a letter or digit, such as 'example.com'"
)
_NAME_PART_RULE: Final = (
    "must consist of letters, digits, '-', '_' and '.', and start and end with a letter or digit"
)


def validate_metadata(metadata: Metadata) -> Iterator[FieldError]:
    """Violations in the metadata of a namespaced object whose name is a DNS-1035 label."""
    yield from _generate_name(metadata.generate_name or "")
    yield from _name(metadata.name or "")
    yield from _namespace(metadata.namespace or "")
    yield from _generation(metadata.generation or 0)
    yield from _labels(strings(metadata.labels))
    yield from _annotations(strings(metadata.annotations))
    yield from _owner_references([x or OwnerReference() for x in metadata.owner_references or ()])
    yield from _finalizers([x or "" for x in metadata.finalizers or ()])
    yield from _managed_fields([x or ManagedFields() for x in metadata.managed_fields or ()])


def _generate_name(prefix: str) -> Iterator[FieldError]:
    """The rule for names; a final dash is made good, as characters are going to follow it."""
    masked = prefix.encode()
    if len(masked) > 1 and masked.endswith(b"-"):
        masked = masked[:-2] + b"a"
    if prefix:
        for detail in dns1035_label(masked):
            yield invalid("metadata.generateName", prefix, detail)


def _name(name: str) -> Iterator[FieldError]:
    if not name:
        yield required("metadata.name", "name or generateName is required")
        return
    for detail in dns1035_label(name.encode()):
        yield invalid("metadata.name", name, detail)


def _namespace(namespace: str) -> Iterator[FieldError]:
    if not namespace:
        yield required("metadata.namespace", "")
        return
    for detail in dns1123_label(namespace.encode()):
        yield invalid("metadata.namespace", namespace, detail)


def _generation(generation: int) -> Iterator[FieldError]:
    if generation < 0:
        yield invalid("metadata.generation", generation, "must be greater than or equal to 0")


def _labels(labels: Mapping[str, str]) -> Iterator[FieldError]:
    for key, value in sorted(labels.items()):
        for detail in qualified_name(key):
            yield invalid("metadata.labels", key, detail)
        if value:
            for detail in _matches(
                value.encode(), _NAME_PART, MOST_LABEL, f"must be empty, or {_NAME_PART_RULE}"
            ):
                yield invalid("metadata.labels", value, detail)


def _annotations(annotations: Mapping[str, str]) -> Iterator[FieldError]:
    for key in sorted(annotations):
        for detail in qualified_name(key.lower()):
            yield invalid("metadata.annotations", key, detail)
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _ANNOTATIONS_BYTES:
        yield too_long("metadata.annotations", _ANNOTATIONS_BYTES, found=size)


def _owner_references(references: Iterable[OwnerReference]) -> Iterator[FieldError]:
    controller = ""
    for reference in references:
        yield from _owner_reference(reference)
        if reference.controller:
            name = f"{cut(reference.kind or '')}/{cut(reference.name or '')}"
            if controller:
                detail = f"must have controller true in one reference only, not in {controller} and {name}"
                yield invalid("metadata.ownerReferences", name, detail)
            controller = controller or name


def _owner_reference(reference: OwnerReference) -> Iterator[FieldError]:
    group, version = _group_version(reference.api_version or "")
    path = "metadata.ownerReferences"
    if not version:
        yield invalid(f"{path}.apiVersion", reference.api_version or "", "version must not be empty")
    for member in ("kind", "name", "uid"):
        if not getattr(reference, member):
            yield invalid(f"{path}.{member}", "", "must not be empty")
    if (group, version, reference.kind) == ("", "v1", "Event"):
        yield invalid(path, "v1/Event", "an Event must not be an owner")


def _finalizers(finalizers: list[str]) -> Iterator[FieldError]:
    for finalizer in finalizers:
        for detail in qualified_name(finalizer):
            yield invalid("metadata.finalizers", finalizer, detail)
    if {"orphan", "foregroundDeletion"} <= set(finalizers):
        detail = "must not contain both orphan and foregroundDeletion"
        yield invalid("metadata.finalizers", finalizers, detail)


def _managed_fields(entries: Iterable[ManagedFields]) -> Iterator[FieldError]:
    for index, entry in enumerate(entries):
        path = f"metadata.managedFields[{index}]"
        if entry.operation not in {"Apply", "Update"}:
            yield invalid(f"{path}.operation", entry.operation or "", "must be `Apply` or `Update`")
        if entry.fields_type and entry.fields_type != "FieldsV1":
            yield invalid(f"{path}.fieldsType", entry.fields_type, "must be `FieldsV1`")
        yield from _manager(f"{path}.manager", entry.manager or "")
        subresource = len((entry.subresource or "").encode())
        if subresource > _SUBRESOURCE_BYTES:
            yield too_long(f"{path}.subresource", _SUBRESOURCE_BYTES, found=subresource)


def _manager(path: str, manager: str) -> Iterator[FieldError]:
    """Characters beyond the limit are not looked at: the length is reported anyway."""
    size = len(manager.encode())
    if size > _MANAGER_BYTES:
        yield too_long(path, _MANAGER_BYTES, found=size)
    for position, character in enumerate(manager[:_MANAGER_BYTES]):
        if not character.isprintable():
            detail = f"must not contain U+{ord(character):04X} (at position {position}): not printable"
            yield invalid(path, manager, detail)


def dns1123_label(value: bytes) -> list[str]:
    """What is wrong with it; empty when it is one."""
    return _matches(value, _DNS1123_LABEL, MOST_LABEL, _DNS1123_RULE)


def dns1035_label(value: bytes) -> list[str]:
    """What is wrong with it; empty when it is one."""
    return _matches(value, _DNS1035_LABEL, MOST_LABEL, _DNS1035_RULE)


def qualified_name(name: str) -> list[str]:
    """What is wrong with ``[<DNS subdomain>/]<name part>``, the form of label keys and finalizers."""
    prefix, slash, part = name.rpartition("/")
    if "/" in prefix:
        return [f"must be a name, or a DNS subdomain, '/' and a name; the name {_NAME_PART_RULE}"]
    details = []
    if slash and not prefix:
        details.append("prefix part must not be empty")
    elif slash:
        wrong = _matches(prefix.encode(), _DNS1123_SUBDOMAIN, _SUBDOMAIN_BYTES, _SUBDOMAIN_RULE)
        details.extend(f"prefix part {detail}" for detail in wrong)
    if not part:
        details.append("name part must not be empty")
    wrong = _matches(part.encode(), _NAME_PART, MOST_LABEL, _NAME_PART_RULE)
    return details + [f"name part {detail}" for detail in wrong]


def _matches(value: bytes, pattern: re.Pattern[bytes], limit: int, rule: str) -> list[str]:
    """The length and the form, each reported for itself."""
    details = [f"must be no more than {limit} bytes"] if len(value) > limit else []
    return details if pattern.fullmatch(value) else [*details, rule]


def _group_version(api_version: str) -> tuple[str, str]:
    """Group and version of ``[<group>/]<version>``; both empty when it has more parts."""
    group, _, version = api_version.rpartition("/")
    return ("", "") if "/" in group else (group, version)
