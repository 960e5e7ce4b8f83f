"""Recognising a usable cluster, and finding the words that say why one is not."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane import processes, readiness
from hack.controlplane.layout import ClusterError, log_file


class FakeProbe(readiness.Probe):
    """Answers from a table of documents."""

    def __init__(self, documents: dict[str, dict[str, Any]]) -> None:
        self._documents = documents

    def document(self, path: str) -> dict[str, Any]:
        return self._documents.get(path, {})


def node(ready: str, *taints: str) -> dict[str, Any]:
    spec = {"taints": [{"key": key} for key in taints]} if taints else {}
    return {"spec": spec, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


@pytest.mark.parametrize(
    ("nodes", "wanted", "ready"),
    [
        ([], 1, False),
        ([node("True")], 1, True),
        ([node("True")], 2, False),
        ([node("False")], 1, False),
        ([node("True", "node.kubernetes.io/not-ready")], 1, False),
        ([{}], 1, False),
    ],
    ids=["none", "ready", "too-few", "not-ready", "tainted", "no-status-yet"],
)
def test_nodes_count_once_pods_can_go_there(nodes: list[dict[str, Any]], wanted: int, ready: bool) -> None:
    assert readiness.nodes_ready(FakeProbe({"/api/v1/nodes": {"items": nodes}}), wanted) is ready


def test_the_default_account_is_looked_for() -> None:
    path = "/api/v1/namespaces/default/serviceaccounts/default"
    assert readiness.has_default_account(FakeProbe({path: {"metadata": {"name": "default"}}}))
    assert not readiness.has_default_account(FakeProbe({}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it wrote nothing"),
        ("I1121 starting\n\n", "I1121 starting"),
        ("E1121 01:00:00 cannot bind\nI1121 bye\n", "E1121 01:00:00 cannot bind"),
        ("I1121 x\nError: unknown flag: --y\n", "Error: unknown flag: --y"),
        ('{"level":"warn"}\n{"level":"fatal","msg":"in use"}\nbye\n', '{"level":"fatal","msg":"in use"}'),
        ("Everything is fine\n", "Everything is fine"),
    ],
)
def test_last_words(tmp_path: Path, text: str, words: str) -> None:
    log_file(tmp_path, "etcd").write_text(text)
    assert readiness.last_words(tmp_path, "etcd") == words


def test_a_component_without_a_log_wrote_nothing(tmp_path: Path) -> None:
    assert readiness.last_words(tmp_path, "etcd") == "it wrote nothing"


def test_waiting_ends_when_a_component_does(tmp_path: Path) -> None:
    log = log_file(tmp_path, "etcd")
    command = [sys.executable, "-c", "print('fatal: no room'); raise SystemExit(4)"]
    pid = processes.spawn(command, log=log, environment=dict(os.environ))
    with pytest.raises(ClusterError, match="etcd ended with code 4: fatal: no room"):
        readiness.wait_for(
            "x", lambda: False, pids={"etcd": pid}, directory=tmp_path, deadline=time.monotonic() + 20
        )


def test_waiting_ends_in_time(tmp_path: Path) -> None:
    log_file(tmp_path, "etcd").write_text("still thinking\n")
    with pytest.raises(ClusterError, match=r"no nodes came in time \(etcd: still thinking\)"):
        readiness.wait_for(
            "no nodes came",
            lambda: False,
            pids={"etcd": os.getpid()},
            directory=tmp_path,
            deadline=time.monotonic() - 1,
        )
