"""What a benchmark on a cluster waits for, and one phase of it, measured from beginning to end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final

from hack.bench.audit import AuditLog
from hack.bench.process import Usage
from lws.kube.client import Client
from lws.kube.resources import Resource

NAMESPACE: Final = "default"
QUIET: Final = 8.0  # seconds without a write that count as the end
DEADLINE: Final = 900.0
NAMED: Final = 5  # objects that a failure names

Document = dict[str, Any]


def await_all(client: Client, resource: Resource, finished: Callable[[Document], bool]) -> None:
    """Until every object of the kind is. Once nothing has moved for 15 minutes the benchmark ends, with those
    that are not.
    """
    before: list[Document] = []
    deadline = time.monotonic() + DEADLINE
    while waiting := [x for x in client.list(resource, dict, NAMESPACE) if not finished(x)]:
        if waiting != before:
            before, deadline = waiting, time.monotonic() + DEADLINE
        elif time.monotonic() > deadline:
            raise SystemExit(f"nothing moved for {DEADLINE:.0f} s: {unfinished(waiting)}")
        time.sleep(0.5)


def unfinished(waiting: list[Document]) -> str:
    """Names, and what the first of them say of themselves."""
    told = [f"{x['metadata']['name']} ({_words(x)})" for x in waiting[:NAMED]]
    return ", ".join(told) + (f" and {len(waiting) - NAMED} more" if len(waiting) > NAMED else "")


def _words(one: Document) -> str:
    conditions = one.get("status", {}).get("conditions", ())
    true = [f"{x['type']}: {x.get('message', '')}" for x in conditions if x["status"] == "True"]
    return "; ".join(true) or "no condition"


def await_quiet(audit: AuditLog) -> None:
    """Until the controller has written nothing for a while."""
    count, since = -1, time.monotonic()
    while time.monotonic() - since < QUIET:
        now = sum(audit.writes().values())
        if now != count:
            count, since = now, time.monotonic()
        time.sleep(0.5)


def report(title: str, **figures: Any) -> None:
    print(json.dumps({"what": title, **figures}), flush=True)


class Phase:
    """Begins when it is made. ``began``: by the monotonic clock."""

    def __init__(self, audit: AuditLog, usage: Callable[[], Usage]) -> None:
        """``usage``: of the controller, now."""
        audit.mark()
        self._audit, self._usage = audit, usage
        self._cpu = usage().cpu
        self.began = time.monotonic()

    def end(self, title: str, counts: Callable[[], Document], **more: Any) -> None:
        """Report; the controller may still have things to write, which are in the ``counts``."""
        seconds = time.monotonic() - self.began
        await_quiet(self._audit)
        used = self._usage()
        report(
            title,
            seconds=round(seconds, 1),
            cpuSeconds=round(used.cpu - self._cpu, 2),
            rssMB=used.rss_mb,
            **counts(),
            **more,
        )
