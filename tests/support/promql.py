"""What the shipped rules and the shipped dashboard ask of Prometheus."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import yaml

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests" / "prometheus"
RULES = MANIFESTS / "rules.yaml"
DASHBOARD = MANIFESTS / "dashboard.json"
JOB = "lws-controller-manager-metrics-service"

_STRING = re.compile(r'"[^"]*"')
_METRIC = re.compile(
    r"\b(?:lws|controller_runtime|workqueue|rest_client|leader_election|certwatcher|process)_\w+"
)


class Question(NamedTuple):
    """A query and who asks it."""

    asker: str
    expression: str

    @property
    def metrics(self) -> set[str]:
        """The metrics it names."""
        return set(_METRIC.findall(_STRING.sub("", self.expression)))


def rule_questions() -> list[Question]:
    groups = yaml.safe_load(RULES.read_text())["spec"]["groups"]
    return [Question(rule["alert"], rule["expr"]) for group in groups for rule in group["rules"]]


def dashboard_questions() -> list[Question]:
    """Of all panels, as Grafana sends them when all sets are selected."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [
        Question(panel["title"], _filled_in(target["expr"]))
        for panel in panels
        for target in panel.get("targets", [])
    ]


def _filled_in(expression: str) -> str:
    for variable, value in {"$__rate_interval": "1m", "$namespace": ".*", "$name": ".*", "$job": JOB}.items():
        expression = expression.replace(variable, value)
    return expression
