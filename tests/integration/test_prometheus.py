"""promtool on the shipped alerts, and a real Prometheus that scrapes the running controller."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cluster import ROOT, Cluster
from support.manager import Manager
from support.prometheus import Prometheus, programs, rules_file, running_prometheus
from support.promql import JOB, RULES, Question, dashboard_questions, rule_questions
from support.rolesets import LiveRoles, delete_all, role
from support.sets import Sets
from support.waiting import until
from support.wholeness import await_whole

pytestmark = pytest.mark.integration

SILENT = {"leader_election_master_status", "lws_sets_stalled"}
"""Families without a series here: this controller elects nobody, and no set is stalled."""


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(
        [programs().promtool, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_sound(tmp_path: Path) -> None:
    promtool("check", "rules", "--lint-fatal", rules_file(RULES, tmp_path))


def test_every_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    rules_file(RULES, tmp_path)
    promtool("test", "rules", shutil.copy(ROOT / "tests" / "support" / "alerts.yaml", tmp_path))


@pytest.fixture
def prometheus(manager: Manager, tmp_path: Path) -> Iterator[Prometheus]:
    """Scrapes the controller as the ServiceMonitor says, only more often, and has the rules loaded."""
    target = manager.urls["metrics"].removeprefix("http://").removesuffix("/metrics")
    configuration = {
        "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
        "rule_files": [str(rules_file(RULES, tmp_path))],
        "scrape_configs": [
            {"job_name": JOB, "honor_labels": True, "static_configs": [{"targets": [target]}]}
        ],
    }
    with running_prometheus(tmp_path, configuration) as one:
        yield one


@pytest.fixture
def roles(cluster: Cluster, namespace: str) -> Iterator[LiveRoles]:
    made = LiveRoles(cluster.client, namespace)
    yield made
    delete_all(cluster.client, namespace)
    until("its sets to go", made.children, lambda seen: not seen)


def test_it_answers_every_question_of_the_dashboard_and_of_the_alerts(
    manager: Manager, sets: Sets, roles: LiveRoles, prometheus: Prometheus
) -> None:
    llm = roles.create(role("prefill", 1), role("decode", 1))
    lws = sets.create(replicas=2, size=2)
    await_whole(lws)
    llm.await_available()
    llm.change(role("prefill", 1, image="other:2"), role("decode", 1, image="other:2"))
    where = f'{{namespace="{lws.namespace}", name="{lws.name}"}}'
    until("its scrape", lambda: prometheus.value("lws_groups_ready" + where), lambda seen: seen == 2)
    assert prometheus.value("lws_groups_desired" + where) == 2
    assert prometheus.value("lws_groups_updated" + where) == 2
    assert prometheus.value("lws_rollout_in_progress" + where) == 0
    wanted = {x for x in dashboard_questions() if not x.metrics & SILENT}
    asked = until(
        "every metric that the dashboard asks for",
        lambda: askable({x.name for x in manager.metrics()}),
        lambda found: wanted <= set(found),
    )
    until("an answer to every query", lambda: unanswered(prometheus, asked), lambda left: not left)
    assert [prometheus.query(x.expression) for x in rule_questions() if x.asker == "LWSDown"] == [[]]
    assert [(x["health"], x["lastError"]) for x in prometheus.targets()] == [("up", "")]
    until("the rules' evaluation", lambda: {x["health"] for x in prometheus.rules()}, lambda x: x == {"ok"})


def askable(exported: set[str]) -> list[Question]:
    return [x for x in dashboard_questions() if x.metrics <= exported]


def unanswered(prometheus: Prometheus, questions: list[Question]) -> list[str]:
    return [f"{x.asker}: {x.expression}" for x in questions if not prometheus.query(x.expression)]
