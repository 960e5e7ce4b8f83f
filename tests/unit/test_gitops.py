"""What Argo CD and kstatus make of a set, by the conditions that the planner writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lupa
import pytest

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.objects import Condition
from lws.planning.stalled import with_reconciling

SCRIPT = (Path(__file__).parents[2] / "manifests/argocd/health.lua").read_text()
PAUSED = {c.PAUSED_PARTITION_ANNOTATION: "0"}


def true(*types: str) -> tuple[Condition, ...]:
    """As the planner leaves them, from those that are True."""
    stored = tuple(Condition(x, "True", x, f"why {x}", "t0", 1) for x in types)
    return with_reconciling(stored, generation=1, now="t1")


HELD = with_reconciling(
    (Condition(c.PROGRESSING, "True", d.REASON_PAUSED, "paused", "t0", 1),), generation=1, now="t1"
)
"""Of a DisaggregatedSet whose pause holds a rollout."""


def a_set(conditions: tuple[Condition, ...], *, seen: int = 1, **metadata: Any) -> dict[str, Any]:
    told = [
        {"type": x.type, "status": x.status, "message": x.message, "reason": x.reason} for x in conditions
    ]
    return {
        "metadata": {"generation": 1, **metadata},
        "status": {"observedGeneration": seen, "conditions": told},
    }


def health(document: dict[str, Any]) -> tuple[str, str]:
    """As Argo CD runs the script: ``obj`` is a global, the answer a table."""
    lua = lupa.LuaRuntime()
    lua.globals().obj = lua.table_from(document, recursive=True)
    answer = lua.execute(SCRIPT)
    return answer["status"], answer["message"]


def kstatus(document: dict[str, Any]) -> str:
    """The rules of sigs.k8s.io/cli-utils for objects that they do not know by kind."""
    if "deletionTimestamp" in document["metadata"]:
        return "Terminating"
    if document["status"].get("observedGeneration") != document["metadata"]["generation"]:
        return "InProgress"
    for one in document["status"]["conditions"]:
        if (one["type"], one["status"]) == ("Reconciling", "True"):
            return "InProgress"
        if (one["type"], one["status"]) == ("Stalled", "True"):
            return "Failed"
    return "Current"


@pytest.mark.parametrize(
    ("document", "argo", "flux"),
    [
        pytest.param(a_set((), seen=0), "Progressing", "InProgress", id="not-seen"),
        pytest.param(a_set(true(c.AVAILABLE), seen=0), "Progressing", "InProgress", id="edited"),
        pytest.param(a_set(true()), "Progressing", "InProgress", id="nothing-said-yet"),
        pytest.param(a_set(true(c.PROGRESSING)), "Progressing", "InProgress", id="starting"),
        pytest.param(
            a_set(true(c.UPDATE_IN_PROGRESS, c.PROGRESSING)), "Progressing", "InProgress", id="rolling"
        ),
        pytest.param(a_set(true(c.AVAILABLE)), "Healthy", "Current", id="available"),
        pytest.param(a_set(true(c.AVAILABLE), annotations=PAUSED), "Suspended", "Current", id="paused"),
        pytest.param(a_set(HELD), "Suspended", "InProgress", id="roles-paused"),
        pytest.param(a_set(true(c.PROGRESSING, c.STALLED)), "Degraded", "Failed", id="stalled"),
        pytest.param(a_set(true(c.AVAILABLE, c.STALLED)), "Degraded", "Failed", id="label-refused"),
        pytest.param(a_set(true(c.PROGRESSING, c.FAILED)), "Degraded", "InProgress", id="group-given-up"),
        pytest.param(
            a_set(true(c.AVAILABLE), deletionTimestamp="t"), "Healthy", "Terminating", id="deleting"
        ),
    ],
)
def test_health(document: dict[str, Any], argo: str, flux: str) -> None:
    status, message = health(document)
    assert (status, kstatus(document)) == (argo, flux)
    assert message


def test_an_object_without_status_is_progressing() -> None:
    assert health({"metadata": {"generation": 1}})[0] == "Progressing"


def test_the_condition_ends_and_begins_with_a_time_of_its_own() -> None:
    working = true(c.PROGRESSING)
    still = with_reconciling(working, generation=1, now="t2")
    assert still == working
    (available, done) = with_reconciling(
        (Condition(c.AVAILABLE, "True"), working[-1]), generation=2, now="t3"
    )
    assert (available.type, done.status, done.last_transition_time) == (c.AVAILABLE, "False", "t3")


def test_a_set_at_rest_does_not_get_it() -> None:
    assert [x.type for x in true(c.AVAILABLE)] == [c.AVAILABLE]
