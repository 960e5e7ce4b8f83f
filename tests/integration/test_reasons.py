"""Why a group is not ready, and a deadline for a set, on the real control plane (beyond.md, 5.5.1-8)."""

from __future__ import annotations

import json

import pytest
from support.audit import AuditLog
from support.cluster import Cluster
from support.manager import Manager
from support.quotas import quota
from support.sets import Document, LiveSet, Sets, condition_of, template
from support.waiting import steady

from lws.api import constants as c

pytestmark = pytest.mark.integration

BAD, GOOD = "app:bad", "app:good"
PULL_ERROR = json.dumps({BAD: {"error": "ErrImagePull"}})


def told(lws: LiveSet, group: int = 0) -> Document:
    """What the status tells of a group."""
    found = lws.status.get("groups", {}).get(str(group), {})
    return {x: found[x] for x in ("phase", "reason", "message") if x in found}


def await_told(lws: LiveSet, phase: str, reason: str, *texts: str, group: int = 0) -> None:
    def tells(seen: Document) -> bool:
        named = all(x in seen.get("message", "") for x in texts)
        return named and (seen.get("phase"), seen.get("reason")) == (phase, reason)

    lws.until(f"{phase} {reason}", lambda: told(lws, group), tells)


def message(lws: LiveSet, type_: str = c.PROGRESSING) -> str:
    found = lws.status.get("conditions", [])
    return next((x["message"] for x in found if x["type"] == type_), "")


FAULTS = {
    "pull": (template("w", image=BAD, images=PULL_ERROR), "ImagePull", BAD),
    "crash": (template("w", crash_loop="true"), "CrashLoop", "ended with code"),
    "not-ready": (template("w", not_ready="true"), "NotReady", "are not ready"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_reasons_come_and_go(manager: Manager, cluster: Cluster, sets: Sets, fault: str) -> None:
    """A leader is well, its worker is not; then the template is mended. Meanwhile nothing more is written."""
    broken, reason, text = FAULTS[fault]
    lws = sets.create(
        replicas=1, size=2, restartPolicy="None", leaderTemplate=template("l"), workerTemplate=broken
    )
    await_told(lws, "Starting", reason, text, f"{lws.name}-0-1")
    assert f"0 of 1 groups ready; group 0: {reason} since " in message(lws)
    log = AuditLog(cluster.audit_log)
    log.mark()
    steady("what is told", lambda: told(lws))
    path = f"/namespaces/{lws.namespace}/leaderworkersets/{lws.name}/status"
    assert not [x for x in log.requests() if x.uri.split("?")[0].endswith(path) and x.verb == "patch"]
    lws.change_template(workerTemplate={**template("w", image=GOOD), "metadata": None})
    lws.await_available()
    assert not told(lws)
    assert message(lws) == "Replicas are progressing"


def test_reasons_of_pods_that_are_not_made(manager: Manager, sets: Sets) -> None:
    """Without a node, in a queue, against a quota, and behind a leader that is not ready."""
    elsewhere = template("w")
    elsewhere["spec"]["nodeSelector"] = {"kubernetes.io/hostname": "nowhere"}
    nowhere = sets.create("nowhere", replicas=1, workerTemplate=elsewhere, leaderTemplate=template("l"))
    queued = template("w")
    queued["spec"]["schedulingGates"] = [{"name": "example.com/queue"}]
    gated = sets.create("gated", replicas=1, workerTemplate=queued, leaderTemplate=template("l"))
    unready = template("l", not_ready="true")
    led = sets.create(
        "led",
        replicas=1,
        size=2,
        leaderTemplate=unready,
        workerTemplate=template("w"),
        startupPolicy="LeaderReady",
    )
    await_told(nowhere, "Waiting", "Unschedulable", "nodes are available")
    await_told(gated, "Waiting", "SchedulingGated", "example.com/queue")
    await_told(led, "Waiting", "WaitingForLeader", "not ready")


def test_pods_that_are_refused(manager: Manager, sets: Sets) -> None:
    quota(sets.client, sets.namespace, {"pods": "1"})
    lws = sets.create(replicas=1, size=3, leaderTemplate=template("l"), workerTemplate=template("w"))
    await_told(lws, "Starting", "FailedCreate", "exceeded quota")


def test_a_failing_group_is_told_what_is_done_about_it(manager: Manager, sets: Sets) -> None:
    crashing = template("w", crash_loop="true")
    lws = sets.create(replicas=1, size=2, leaderTemplate=template("l"), workerTemplate=crashing)
    await_told(lws, "BackingOff", "RestartBackOff", "is recreated at")
    lws.change(maxGroupRestarts=0)
    await_told(lws, "Failed", "MaxGroupRestartsExceeded")


def test_a_deadline_passes_and_is_forgotten(manager: Manager, sets: Sets) -> None:
    """A bad image, 30 s; then a good one. The event comes once."""
    bad = template("w", image=BAD, images=PULL_ERROR)
    lws = sets.create(replicas=2, size=1, leaderTemplate=None, workerTemplate=bad, progressDeadlineSeconds=30)
    lws.until(
        "the deadline",
        lws.get,
        lambda seen: condition_of(seen, c.PROGRESSING) == "False" and condition_of(seen, c.STALLED) == "True",
    )
    assert BAD in message(lws, c.STALLED)
    reason = next(x["reason"] for x in lws.status["conditions"] if x["type"] == c.STALLED)
    assert reason == "ProgressDeadlineExceeded"
    [note] = lws.until(
        "the event", lambda: lws.notes("ProgressDeadlineExceeded"), lambda seen: len(seen) == 1
    )
    assert note.startswith("No progress within 30 s: 0 of 2 groups ready; group 0: ImagePull since ")
    lws.change_template(workerTemplate=template("w", image=GOOD))
    lws.await_available()
    assert lws.condition(c.STALLED) == "False"
    assert len(lws.notes("ProgressDeadlineExceeded")) == 1
