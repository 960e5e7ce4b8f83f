"""Every rule of a DisaggregatedSet's admission has its row in the guide: the path and the words."""

from __future__ import annotations

from typing import Any

import pytest
from support.pages import ROOT

from lws.api import constants as c
from lws.webhooks.disaggregatedsets import validate

GUIDE = (ROOT / "docs" / "guides" / "admission.md").read_text()
ROWS = GUIDE.partition("## DisaggregatedSets")[2].partition("\n## ")[0]
POD = {"spec": {"containers": [{"name": "c", "image": "nginx"}]}}
ROLLING = "spec.rolloutStrategy.rollingUpdateConfiguration"


def role(name: str = "prefill", **members: Any) -> dict[str, Any]:
    return {"name": name, "spec": {"replicas": 2, "leaderWorkerTemplate": {"workerTemplate": POD}}} | members


def rolling(**numbers: Any) -> dict[str, Any]:
    spec = {
        **role()["spec"],
        "rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": numbers},
    }
    return role(spec=spec)


def with_type(kind: str) -> dict[str, Any]:
    return role(spec={**role()["spec"], "rolloutStrategy": {"type": kind}})


def with_template(template: dict[str, Any]) -> dict[str, Any]:
    return role(spec={"replicas": 2, "leaderWorkerTemplate": {"workerTemplate": template}})


PLACED = {"placementPolicy": {"type": "ExclusiveSlice", "topology": "rack"}}
MARKED = {"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: "rack"}}
EXTERNAL = {"scaling": {"mode": "External"}}


@pytest.mark.parametrize(
    ("first", "spec", "name", "path"),
    [
        pytest.param(with_type("Recreate"), {}, "llm", "{role}.spec.rolloutStrategy.type", id="W1"),
        pytest.param(rolling(partition=1), {}, "llm", f"{{role}}.{ROLLING}.partition", id="W2"),
        pytest.param(rolling(maxUnavailable="x"), {}, "llm", f"{{role}}.{ROLLING}.maxUnavailable", id="W3"),
        pytest.param(
            rolling(maxUnavailable=0, maxSurge=0), {}, "llm", f"{{role}}.{ROLLING}.maxUnavailable", id="W4"
        ),
        pytest.param(role(**EXTERNAL), {}, "n" * 250, "{role}.name", id="W5"),
        pytest.param(role("r" * 60), {}, "llm", "{role}.name", id="W7"),
        pytest.param(
            role(),
            {"placementPolicy": {"type": "ExclusiveSlice"}},
            "llm",
            "spec.placementPolicy.topology",
            id="W8",
        ),
        pytest.param(role(metadata=MARKED), PLACED, "llm", "{role}", id="W9"),
        pytest.param(role("r" * 40), {}, "llm", "{role}.name", id="room"),
        pytest.param({"name": "prefill"}, {}, "llm", "{role}.spec", id="no-spec"),
        pytest.param(
            with_template({}), {}, "llm", "{role}.spec.leaderWorkerTemplate.workerTemplate.spec", id="no-pod"
        ),
        pytest.param(role(), {}, "2llm", "metadata.name", id="name"),
    ],
)
def test_every_rule_is_told(first: dict[str, Any], spec: dict[str, Any], name: str, path: str) -> None:
    ds = {"metadata": {"name": name}, "spec": {"roles": [first, role("decode")], **spec}}
    field = path.format(role="spec.roles[0]")
    told = [x for x in validate(ds) if x.field == field]
    assert told
    rows = [x for x in ROWS.splitlines() if x.startswith(f"| `{path.format(role='spec.roles[i]')}`")]
    words = [x.rstrip("` |").rpartition(" | ")[2].lstrip("`") for x in rows]
    assert any(word in str(error) or word in error.detail for word in words for error in told), (told, words)
