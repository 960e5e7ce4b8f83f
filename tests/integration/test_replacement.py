"""A roll at full speed on a cluster whose StatefulSet controller replaces one pod after another."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import yaml
from support.audit import AuditLog
from support.cluster import ROOT, Cluster
from support.sets import Document, LiveSet, Sets, template
from support.wholeness import await_whole

from lws.api import constants as c

pytestmark = pytest.mark.integration

NEW = "docker.io/nginxinc/nginx-unprivileged:1.28"
SAMPLE = ROOT / "manifests" / "samples" / "rolling-update.yaml"


class Extremes(NamedTuple):
    """What was seen during a roll, in groups."""

    fewest_ready: int
    most: int


def groups_of(lws: LiveSet) -> tuple[int, int]:
    """How many groups have all their pods ready, and how many have a leader that stays."""
    size = lws.get()["spec"]["leaderWorkerTemplate"]["size"]
    pods = [pod for pod in lws.pods() if not pod.deleting]
    leaders = [pod.group for pod in pods if pod.worker == 0]
    ready = [sum(pod.ready for pod in pods if pod.group == group) for group in leaders]
    return ready.count(size), len(leaders)


def roll(lws: LiveSet, worker: Document) -> Extremes:
    """Give the workers this template, and watch until every group has it."""
    seen = [groups_of(lws)]
    lws.change(workerTemplate=worker)

    def rolled() -> bool:
        seen.append(groups_of(lws))
        return lws.condition(c.AVAILABLE) == "True"

    lws.until("Available", rolled)
    await_whole(lws)
    return Extremes(min(ready for ready, _ in seen), max(count for _, count in seen))


def test_as_many_groups_as_allowed_are_replaced_together(cluster: Cluster, sets: Sets) -> None:
    """Both groups of the budget are down at one moment, never more, and each group is torn down once."""
    lws = sets.create("full-speed", replicas=4, size=2, maxUnavailable=2)
    await_whole(lws)
    audit = AuditLog(cluster.audit_log)
    audit.mark()
    assert roll(lws, template("worker", NEW, start_delay="2s")) == Extremes(fewest_ready=2, most=4)
    names = {pod.name for pod in lws.pods() if pod.worker == 0}
    assert audit.ended_pods(names) == dict.fromkeys(names, 1)


def test_the_sample_keeps_its_promise(sets: Sets) -> None:
    """rolling-update.yaml: four groups of six serve all the time, and there are never more than seven."""
    lws = sets.add(yaml.safe_load(SAMPLE.read_text()))
    await_whole(lws)
    assert roll(lws, template("worker", NEW, start_delay="1s")) == Extremes(fewest_ready=4, most=7)
