"""What is admitted with a warning."""

from __future__ import annotations

from typing import Any

import pytest
from support.admission import a_container, an_lws

from lws.webhooks.sets import validate_create, warn

LEADER_EXCLUDED = {"subGroupSize": 1, "subGroupPolicyType": "LeaderExcluded"}


def template(*containers: dict[str, Any], init: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"spec": {"containers": list(containers), "initContainers": list(init)}}


TPU, PLAIN = a_container("tpu", tpu=1), a_container("plain")


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        pytest.param({"replicas": 1, "maxSurge": 2}, "begins with 0 surge groups, and 1 of", id="lws-688"),
        pytest.param({"replicas": 4, "maxSurge": 4}, "begins with 3 surge groups, and 1 of", id="as-many"),
        pytest.param({"replicas": 4, "maxSurge": "100%"}, "begins with 3 surge groups", id="all"),
        pytest.param(
            {"replicas": 2, "maxSurge": 9, "maxUnavailable": 5}, "0 surge groups, and 2 of", id="beyond"
        ),
        pytest.param({"replicas": 1, "maxSurge": 2, "maxUnavailable": 0}, "", id="none-may-be-down"),
        pytest.param({"replicas": 5, "maxSurge": 4}, "", id="more-groups-than-surge"),
        pytest.param({"replicas": 1, "maxSurge": 0}, "", id="no-surge"),
        pytest.param({"replicas": 0, "maxSurge": 1}, "", id="no-groups"),
        pytest.param({"replicas": 4, "maxSurge": "10%", "maxUnavailable": "10%"}, "", id="shares"),
    ],
)
def test_surge_that_a_roll_does_not_begin_with(numbers: dict[str, Any], told: str) -> None:
    lws = an_lws(**numbers)
    assert validate_create(lws) == []
    warnings = warn(lws)
    assert (len(warnings) == 1 and told in warnings[0]) if told else warnings == ()
    assert all("maxUnavailable: 0" in x and len(x) <= 256 for x in warnings)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"leaderTemplate": template(TPU), "workerTemplate": template(TPU)}, "", id="equal"),
        pytest.param({"leaderTemplate": template(PLAIN), "workerTemplate": template(TPU, TPU)}, "", id="w"),
        pytest.param(
            {"leaderTemplate": template(TPU), "workerTemplate": template(PLAIN)},
            "the leader has 1 containers that ask for google.com/tpu and workers have 0",
            id="leader-only",
        ),
        pytest.param(
            {"leaderTemplate": template(TPU), "workerTemplate": template(TPU, init=(TPU,))},
            "the leader has 1 containers that ask for google.com/tpu and workers have 2",
            id="unequal",
        ),
        pytest.param(
            {"leaderTemplate": template(TPU), "workerTemplate": template(PLAIN), "size": 1},
            "",
            id="no-workers",
        ),
        pytest.param({"leaderTemplate": None, "workerTemplate": template(TPU)}, "", id="one-template"),
        pytest.param(
            {"leaderTemplate": None, "workerTemplate": template(TPU), "subgroups": LEADER_EXCLUDED},
            "LeaderExcluded leaves it out",
            id="excluded",
        ),
        pytest.param(
            {
                "leaderTemplate": template(PLAIN),
                "workerTemplate": template(TPU),
                "subgroups": LEADER_EXCLUDED,
            },
            "",
            id="excluded-and-without",
        ),
        pytest.param({"leaderTemplate": {"spec": {"containers": 1}}}, "", id="odd"),
        pytest.param({"leaderTemplate": template(a_container(tpu="many"))}, "", id="odd-quantity"),
    ],
)
def test_tpus(changes: dict[str, Any], told: str) -> None:
    lws = an_lws(**changes)
    assert validate_create(lws) == []
    warnings = warn(lws)
    assert (len(warnings) == 1 and told in warnings[0]) if told else warnings == ()
    assert all(len(x) <= 256 for x in warnings)


def test_an_edit_warns_of_what_it_brings_alone() -> None:
    old = an_lws(replicas=1, maxSurge=2)
    assert warn(an_lws(replicas=1, maxSurge=2, partition=1), old) == ()
    (warning,) = warn(an_lws(replicas=1, maxSurge=2, leaderTemplate=template(TPU)), old)
    assert "google.com/tpu" in warning


def test_a_set_on_its_way_out_is_not_warned_of() -> None:
    going = an_lws(replicas=1, maxSurge=2, metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    assert warn(going, an_lws()) == ()
