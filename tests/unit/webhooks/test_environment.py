"""The variables of the group, and how they meet the user's (api.md 5.7, 7.5)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from lws.api import constants as c
from lws.webhooks.environment import group_environment, with_environment
from lws.webhooks.errors import AdmissionError


@pytest.mark.parametrize(
    ("group", "size", "worker", "namespace", "address"),
    [
        pytest.param("0", "3", "0", "default", "test-sample-0.test-sample.default", id="E1"),
        pytest.param("0", "3", "1", "default", "test-sample-0.test-sample.default", id="E2"),
        pytest.param("1", "2", "0", "default", "test-sample-1.test-sample.default", id="E3"),
        pytest.param("1", "2", "3", "default", "test-sample-1.test-sample.default", id="E4"),
        pytest.param("1", "2", "3", "lws", "test-sample-1.test-sample.lws", id="E5"),
    ],
)
def test_variables(group: str, size: str, worker: str, namespace: str, address: str) -> None:
    entries = group_environment(
        labels={c.NAME_LABEL: "test-sample", c.GROUP_INDEX_LABEL: group, c.WORKER_INDEX_LABEL: worker},
        annotations={c.SIZE_ANNOTATION: size},
        subdomain="test-sample",
        namespace=namespace,
    )
    assert entries == [
        {"name": "LWS_LEADER_ADDRESS", "value": address},
        {"name": "LWS_GROUP_SIZE", "value": size},
        {"name": "LWS_WORKER_INDEX", "value": worker},
    ]


@pytest.mark.parametrize("missing", [c.NAME_LABEL, c.GROUP_INDEX_LABEL, c.WORKER_INDEX_LABEL])
def test_a_missing_label_is_a_denial_that_names_it(missing: str) -> None:
    labels = dict.fromkeys((c.NAME_LABEL, c.GROUP_INDEX_LABEL, c.WORKER_INDEX_LABEL), "1")
    del labels[missing]
    with pytest.raises(AdmissionError, match=missing):
        group_environment(
            labels=labels, annotations={c.SIZE_ANNOTATION: "1"}, subdomain="x", namespace="default"
        )


def names_of(env: list[dict[str, Any]], leading: list[str], trailing: list[str]) -> list[tuple[str, str]]:
    container = {"name": "app", "env": env}
    kept = copy.deepcopy(container)
    result = with_environment(
        container,
        [{"name": x, "value": "leading"} for x in leading],
        [{"name": x, "value": "trailing"} for x in trailing],
    )
    assert container == kept
    return [(x["name"], x["value"]) for x in result["env"]]


def test_leading_entries_replace_the_users() -> None:
    env = [{"name": "A", "value": "user"}, {"name": "L", "value": "user"}]
    assert names_of(env, ["L"], []) == [("L", "leading"), ("A", "user")]


def test_the_first_of_equal_names_stays() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "A", "value": "3"}]
    assert names_of(env, [], []) == [("A", "1"), ("B", "2")]


def test_the_users_entry_wins_over_a_trailing_one() -> None:
    env = [{"name": "TPU_NAME", "value": "user"}]
    assert names_of(env, [], ["TPU_NAME", "T"]) == [("TPU_NAME", "user"), ("T", "trailing")]


@pytest.mark.parametrize("container", [None, {}, {"env": None}, {"env": []}])
def test_a_container_without_env_gets_one(container: Any) -> None:
    assert with_environment(container, [{"name": "L", "value": "1"}], []) == {
        "env": [{"name": "L", "value": "1"}]
    }


def test_entries_are_shared() -> None:
    entry = {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    assert with_environment({"env": [entry, None]}, [], [])["env"] == [entry, None]
    assert with_environment({"env": [entry]}, [], [])["env"][0] is entry
