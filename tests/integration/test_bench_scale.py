"""The scale benchmark at its smallest, on a cluster of its own: it ends, and says what the page shows."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from support.cluster import ROOT

from hack.bench.tables import HEAD, ratio, rows

pytestmark = pytest.mark.integration

LEFT_OUT = ("roll", "rollWithSurge", "workersDie", "delete")
MADE = {"create leaderworkersets", "create pods"}
"""By users and by the StatefulSet controller, not by the one that is measured."""


def test_the_smallest_shape_is_created_beside_its_floor_and_survives_a_restart_without_a_write() -> None:
    command = [sys.executable, "-m", "hack.bench.scale", "--shapes", "2x2x2", "--without", *LEFT_OUT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["shape"], result["controller"], result["foreignPods"]) == ("2x2x2", "ours", 0)
    phases = result["phases"]
    assert set(phases) == {"floor", "create", "restart"}
    assert [len(x) for x in rows(result)] == [len(HEAD)] * 2
    assert ratio(result, "create")
    create, restart = phases["create"], phases["restart"]
    assert create["writes"]["create statefulsets"] == 4, create["writes"]  # of workers, one a group
    assert not MADE & set(create["writes"])
    assert create["componentsCpuSeconds"].keys() >= {"kube-apiserver", "etcd"}
    assert restart["writesPerGroup"] == 0, restart["writes"]
