"""The alerts and the dashboard ask for nothing that the controller does not export."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from support.pages import anchors
from support.promql import DASHBOARD, JOB, RULES, Question, dashboard_questions, rule_questions

from lws.controllers.workloadmetrics import WorkloadMetrics
from lws.runtime.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = [*rule_questions(), *dashboard_questions()]
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",), "info": ("",)}


def exported() -> dict[str, str]:
    """Family and type of everything that a process declares."""
    metrics = Metrics()
    WorkloadMetrics(metrics)
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", metrics.exposition()[1].decode(), re.MULTILINE))


def series() -> set[str]:
    return {family + suffix for family, kind in exported().items() for suffix in SUFFIXES[kind]}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.asker.replace(" ", "-"))
def test_every_metric_exists(question: Question) -> None:
    assert question.metrics
    assert question.metrics <= series()


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.asker.replace(" ", "-"))
def test_other_operators_are_told_apart_by_the_job(question: Question) -> None:
    """Of each family of the libraries; those about sets are ours alone."""
    shared = re.findall(r"\b(?!lws_)(?:[a-z]+_)+\w+(?=[{\[])|\bup(?={)", question.expression)
    ours = re.findall(rf'\b(\w+)\{{job=~?"{JOB}"', question.expression)
    assert [x for x in shared if x not in ours] == []


def test_the_job_is_the_name_of_the_metrics_service() -> None:
    """Without a jobLabel the Prometheus operator names a job after the Service."""
    service = yaml.safe_load((ROOT / "manifests/manager/metrics-service.yaml").read_text())
    assert service["metadata"]["name"] == JOB
    monitor = yaml.safe_load((ROOT / "manifests/prometheus/servicemonitor.yaml").read_text())
    assert "jobLabel" not in monitor["spec"]
    assert [x["honorLabels"] for x in monitor["spec"]["endpoints"]] == [True]


def test_every_alert_is_tried_and_says_what_to_do() -> None:
    tried = (ROOT / "tests/support/alerts.yaml").read_text()
    rules = [x for group in yaml.safe_load(RULES.read_text())["spec"]["groups"] for x in group["rules"]]
    assert [x["alert"] for x in rules if x["alert"] not in tried] == []
    told = {"summary", "description", "runbook_url"}
    assert [x["alert"] for x in rules if x["annotations"].keys() != told] == []
    assert {x["labels"]["severity"] for x in rules} == {"warning", "critical"}


def test_every_alert_has_its_place_in_the_guide() -> None:
    rules = [x for group in yaml.safe_load(RULES.read_text())["spec"]["groups"] for x in group["rules"]]
    for rule in rules:
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert anchor == rule["alert"].lower()
        assert anchor in anchors(ROOT / page)


def test_every_panel_says_what_it_shows_and_what_is_bad_is_red() -> None:
    panels = [x for x in json.loads(DASHBOARD.read_text())["panels"] if x["type"] != "row"]
    assert [x["title"] for x in panels if not x["description"].endswith(".")] == []
    coloured = [x["title"] for x in panels if "thresholds" in x["fieldConfig"]["defaults"]]
    assert {"Groups ready", "Sets stalled", "Groups recreated, 1 h", "Leader", "Queue depth"} <= set(coloured)


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({x["id"] for x in panels}) == len(panels)
    taken = Counter(
        (column, line)
        for at in (x["gridPos"] for x in panels)
        for column in range(at["x"], at["x"] + at["w"])
        for line in range(at["y"], at["y"] + at["h"])
    )
    assert max(taken.values()) == 1
    assert max(column for column, _ in taken) == 23


def test_the_guide_defines_every_metric() -> None:
    guide = (ROOT / "docs/guides/metrics.md").read_text()
    own = {name for name in exported() if not name.startswith(("process_", "python_"))}
    assert {name for name in own if f"`{name}`" not in guide} == set()
