"""Counts requests from a cluster's audit log: what reached the API server, whoever says otherwise."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

CREDENTIAL = "authentication.kubernetes.io/credential-id"
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


class Request(NamedTuple):
    """One finished request of the controller."""

    verb: str
    resource: str
    subresource: str
    code: int
    name: str

    @property
    def what(self) -> str:
        return f"{self.verb} {self.resource}{'/' + self.subresource if self.subresource else ''}"


class AuditLog:
    """The requests of one user agent from ``mark()`` on. ``token``: only those by the token of this ID."""

    def __init__(self, path: Path, agent: str = "lws/", *, token: str = "") -> None:
        self._path, self._agent, self._token = path, agent, token
        self._offset = 0
        self._seen = 0

    def mark(self) -> None:
        """Forget everything up to now."""
        self._offset = self._path.stat().st_size

    def requests(self) -> Iterator[Request]:
        """Requests by that agent, reads included, watches left out."""
        for entry in self._entries():
            yield from self._parse(entry)

    def news(self) -> Iterator[Request]:
        """Requests as they come: those that the last call of this has not given."""
        with self._path.open("rb") as log:
            log.seek(max(self._offset, self._seen))
            for line in iter(log.readline, b""):
                if not line.endswith(b"\n"):
                    return
                self._seen = log.tell()
                yield from self._parse(json.loads(line))

    def _entries(self) -> Iterator[dict[str, Any]]:
        with self._path.open("rb") as log:
            log.seek(self._offset)
            for line in log:
                if not line.endswith(b"\n"):
                    return
                yield json.loads(line)

    def _parse(self, entry: dict[str, Any]) -> Iterator[Request]:
        if not entry.get("userAgent", "").startswith(self._agent) or entry["verb"] == "watch":
            return
        if self._token and self._token not in entry["user"].get("extra", {}).get(CREDENTIAL, ()):
            return
        about = entry.get("objectRef", {})
        yield Request(
            entry["verb"],
            about.get("resource", ""),
            about.get("subresource", ""),
            entry.get("responseStatus", {}).get("code", 0),
            about.get("name", ""),
        )

    def writes(self) -> Counter[str]:
        """Writes by what they were, leases left out."""
        return Counter(x.what for x in self.requests() if x.verb in WRITES and x.resource != "leases")

    def reads(self) -> Counter[str]:
        """Reads by what they were, leases left out."""
        return Counter(x.what for x in self.requests() if x.verb not in WRITES and x.resource != "leases")

    def actors(self) -> Counter[str]:
        """Everybody's writes by who made them and what they were, leases left out.

        Controllers of kube-controller-manager are told apart by the ends of their user agents.
        """
        found: Counter[str] = Counter()
        for entry in self._entries():
            about, agent = entry.get("objectRef", {}), entry.get("userAgent", "")
            if entry["verb"] in WRITES and about.get("resource") != "leases":
                who = (
                    agent.rpartition(":")[2] if "system:serviceaccount" in agent else agent.partition("/")[0]
                )
                what = "/".join(filter(None, (about.get("resource", ""), about.get("subresource", ""))))
                found[f"{who} {entry['verb']} {what}"] += 1
        return found

    def first_write(self, since: float) -> float | None:
        """When the first write after ``since`` was answered well, leases and events apart; None for none.

        Both as ``time.time()`` tells.
        """
        for entry in self._entries():
            answered = _answered(entry).timestamp()
            for request in self._parse(entry):
                done = request.verb in WRITES and request.code < 300 and answered >= since
                if done and request.resource not in ("leases", "events"):
                    return answered
        return None

    def deleted_pods(self, names: frozenset[str] | set[str]) -> dict[str, datetime]:
        """When the agent's delete of a pod of each of these names was last answered; none, no entry."""
        return {
            entry["objectRef"]["name"]: _answered(entry)
            for entry in self._entries()
            if entry["verb"] == "delete"
            and entry.get("userAgent", "").startswith(self._agent)
            and entry.get("objectRef", {}).get("resource") == "pods"
            and entry["objectRef"].get("name") in names
            and entry.get("responseStatus", {}).get("code") == 200
        }

    def pod_statuses(self) -> dict[str, datetime]:
        """When a kubelet first wrote the status of each pod."""
        found: dict[str, datetime] = {}
        for entry in self._entries():
            about = entry.get("objectRef", {})
            what = (entry["verb"], about.get("resource"), about.get("subresource"))
            if what == ("patch", "pods", "status") and "kubelet" in entry.get("userAgent", ""):
                found.setdefault(about["name"], _answered(entry))
        return found

    def ended_pods(self, names: frozenset[str] | set[str]) -> Counter[str]:
        """How often a pod of each of these names was ended for good (the kubelet's final delete)."""
        ended: Counter[str] = Counter(dict.fromkeys(names, 0))
        for entry in self._entries():
            about = entry.get("objectRef", {})
            if (entry["verb"], about.get("resource")) != ("delete", "pods") or about.get("subresource"):
                continue
            kubelet = "kubelet" in entry.get("userAgent", "")
            if kubelet and about.get("name") in names and entry.get("responseStatus", {}).get("code") == 200:
                ended[about["name"]] += 1
        return ended


def _answered(entry: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(entry["stageTimestamp"])


def is_event(what: str) -> bool:
    """Whether a kind of write, as ``Request.what`` spells it, is about events."""
    return what.endswith(" events")
