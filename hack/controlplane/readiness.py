"""Waiting until a cluster can make a StatefulSet ready, and saying what keeps it from that."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import urllib3

from hack.controlplane.layout import ClusterError, Settings, log_file
from hack.controlplane.processes import exit_code

PAUSE = 0.05
HINT = "look at the flags given with --arg, the ports and the free memory, then run `up` again"


class Probe:
    """GET requests with the administrator's certificate, short and never retried."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool: urllib3.PoolManager | None = None

    def get(self, url: str) -> bytes | None:
        """The body of a 200 answer, None for anything else."""
        try:
            answer = self._manager().request("GET", url)
        except urllib3.exceptions.HTTPError:
            return None
        return bytes(answer.data) if answer.status == 200 else None

    def document(self, path: str) -> dict[str, Any]:
        """A document of the API server; empty where it cannot be had."""
        body = self.get(self._settings.server + path)
        return dict(msgspec.json.decode(body)) if body else {}

    def close(self) -> None:
        if self._pool is not None:
            self._pool.clear()

    def _manager(self) -> urllib3.PoolManager:
        if self._pool is None:
            timeout = urllib3.Timeout(connect=2.0, read=10.0)
            context = _tls(self._settings.path)
            self._pool = urllib3.PoolManager(ssl_context=context, retries=False, timeout=timeout)
        return self._pool


def _tls(directory: Path) -> ssl.SSLContext:
    pki = directory / "pki"
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    return context


def wait_for(
    what: str, condition: Callable[[], bool], *, pids: Mapping[str, int], directory: Path, deadline: float
) -> None:
    """Return once ``condition`` holds. Raises ClusterError when a component ends first or time is up."""
    while not condition():
        for name, pid in pids.items():
            if (code := exit_code(pid)) is not None:
                raise ClusterError(f"{name} ended with code {code}: {last_words(directory, name)}; {HINT}")
        if time.monotonic() > deadline:
            raise ClusterError(f"{what} in time ({_last_lines(directory, pids)}); {HINT}")
        time.sleep(PAUSE)


def nodes_ready(probe: Probe, wanted: int) -> bool:
    """Whether that many nodes are Ready and free of the taints the control plane gives a new node."""
    items = probe.document("/api/v1/nodes").get("items", [])
    return sum(map(_schedulable, items)) >= wanted


def has_default_account(probe: Probe) -> bool:
    """Whether pods can be created in the namespace `default`: admission demands this ServiceAccount."""
    return bool(probe.document("/api/v1/namespaces/default/serviceaccounts/default"))


def last_words(directory: Path, component: str) -> str:
    """The line of a log that most likely tells why a process ended: its last error, else its last line."""
    try:
        text = log_file(directory, component).read_text(errors="replace")
    except OSError:
        return "it wrote nothing"
    lines = [line.strip() for line in text.splitlines()[-200:] if line.strip()]
    errors = [line for line in lines if _is_error(line)]
    return (errors or lines or ["it wrote nothing"])[-1][:400]


def _schedulable(node: Mapping[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)
    return ready and not node.get("spec", {}).get("taints")


def _is_error(line: str) -> bool:
    klog = line[:1] in "EF" and line[1:5].isdigit()
    return klog or line.lower().startswith(("error", "panic", "fatal")) or '"level":"fatal"' in line


def _last_lines(directory: Path, names: Iterable[str]) -> str:
    return "; ".join(f"{name}: {last_words(directory, name)}" for name in names)
