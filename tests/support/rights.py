"""What the manager's ServiceAccount may do, what it did, what it was refused: roles and audit logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

NAMESPACE, ACCOUNT = "lws-system", "lws-controller-manager"
USER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"
ROLES = ("rbac", "volcano")
OWNERS = "can't set finalizers on"  # what admission says of an owner reference that would take a right
AGENT = "lws/"  # what the manager sends; tests may act as its ServiceAccount, too


class Right(NamedTuple):
    """One verb on one resource (``pods/finalizers``) or path; ``name`` and ``namespace`` empty: any."""

    verb: str
    group: str
    resource: str
    name: str = ""
    namespace: str = ""

    def __str__(self) -> str:
        where = f"{self.group}/{self.resource}" if self.group else self.resource
        return " ".join(filter(None, (self.verb, where, self.namespace, self.name)))

    def covers(self, wanted: Right) -> bool:
        """Whether who has this right may do what ``wanted`` says."""
        same = self[:3] == wanted[:3]
        return same and self.name in ("", wanted.name) and self.namespace in ("", wanted.namespace)


class _Ref(msgspec.Struct, frozen=True, rename={"group": "apiGroup"}):
    resource: str = ""
    subresource: str = ""
    group: str = ""
    name: str = ""
    namespace: str = ""


class _User(msgspec.Struct, frozen=True):
    username: str = ""


class _Status(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""


class _Entry(
    msgspec.Struct,
    frozen=True,
    rename={"ref": "objectRef", "agent": "userAgent", "status": "responseStatus", "uri": "requestURI"},
):
    verb: str
    user: _User
    uri: str = ""
    ref: _Ref = _Ref()
    agent: str = ""
    status: _Status = _Status()
    annotations: dict[str, str] = {}

    @property
    def right(self) -> Right:
        resource = "/".join(filter(None, (self.ref.resource, self.ref.subresource)))
        return Right(self.verb, self.ref.group, resource or self.uri, self.ref.name, self.ref.namespace)

    @property
    def refused(self) -> bool:
        return self.status.code == 403 or self.annotations.get("authorization.k8s.io/decision") == "forbid"


class Usage:
    """Of one or more clusters."""

    def __init__(self) -> None:
        self.used: set[Right] = set()
        self.missing: set[str] = set()
        self._granted = granted()

    def read(self, audit_log: Path) -> None:
        """Add what the manager did according to this log, if there is one."""
        decode = msgspec.json.Decoder(_Entry).decode
        user = USER.encode()
        if not audit_log.exists():
            return
        with audit_log.open("rb") as log:
            for line in log:
                if user in line and line.endswith(b"\n"):
                    self._add(decode(line))

    def unused(self) -> set[Right]:
        """What is granted, and nothing that was done needs it."""
        return {right for right in self._granted if not any(map(right.covers, self.used))}

    def _add(self, entry: _Entry) -> None:
        if entry.user.username != USER or not entry.agent.startswith(AGENT):
            return
        self.used.add(entry.right)
        if entry.refused and self._lacks(entry):
            self.missing.add(f"{entry.right} ({entry.status.code}): {entry.status.message}")

    def _lacks(self, entry: _Entry) -> bool:
        """Not so when a namespace is being deleted, or the API server has just started and knows no roles."""
        granted = any(right.covers(entry.right) for right in self._granted)
        return not granted or OWNERS in entry.status.message


def granted() -> set[Right]:
    """Everything that the manifests bind to the ServiceAccount."""
    documents = list(_documents())
    subjects = {
        (x["roleRef"]["kind"], x["roleRef"]["name"])
        for x in documents
        if any(subject["name"] == ACCOUNT for subject in x.get("subjects", []))
    }
    roles = [x for x in documents if (x["kind"], x["metadata"]["name"]) in subjects]
    return {
        right._replace(namespace=role["metadata"].get("namespace", ""))
        for role in roles
        for rule in role["rules"]
        for right in _rights(rule)
    }


def _documents() -> Iterable[dict[str, Any]]:
    for directory in ROLES:
        for path in sorted((MANIFESTS / directory).glob("*.yaml")):
            yield from (x for x in yaml.safe_load_all(path.read_text()) if "rbac" in x.get("apiVersion", ""))


def _rights(rule: dict[str, Any]) -> Iterator[Right]:
    for verb in rule["verbs"]:
        yield from (Right(verb, "", path) for path in rule.get("nonResourceURLs", []))
        for group in rule.get("apiGroups", []):
            for resource in rule["resources"]:
                for name in rule.get("resourceNames", [""]):
                    yield Right(verb, group, resource, name)


COLLECTED = Usage()
"""Of all clusters that this process has taken down."""
