"""The variables of the group, and how they meet the user's (api.md, 5.7, 7.5)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from lws.api import constants as c
from lws.webhooks.documents import Document
from lws.webhooks.errors import AdmissionError
from lws.webhooks.pods.environment import group_environment, with_leading, with_trailing


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
        containers=1,
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
            labels=labels,
            annotations={c.SIZE_ANNOTATION: "1"},
            subdomain="x",
            namespace="default",
            containers=1,
        )


@pytest.mark.parametrize(("length", "containers"), [(63, 20_000), (1_000_000, 2)])
def test_what_could_not_be_stored_in_each_container_is_a_denial(length: int, containers: int) -> None:
    labels = {c.NAME_LABEL: "x" * length, c.GROUP_INDEX_LABEL: "0", c.WORKER_INDEX_LABEL: "0"}
    with pytest.raises(AdmissionError, match=rf"must fit into a pod of \d+ bytes: it has {containers} cont"):
        group_environment(
            labels=labels,
            annotations={c.SIZE_ANNOTATION: "1"},
            subdomain="x",
            namespace="default",
            containers=containers,
        )


def names_of(
    change: Callable[[Any, list[Document]], Document], env: list[Document], *added: str
) -> list[tuple[str, str]]:
    """Names and values of the env after ``change`` with entries of these names."""
    container = {"name": "app", "env": env}
    kept = copy.deepcopy(container)
    result = change(container, [{"name": name, "value": "added"} for name in added])
    assert container == kept
    return [(entry["name"], entry["value"]) for entry in result["env"]]


def test_leading_entries_replace_the_users() -> None:
    env = [{"name": "A", "value": "user"}, {"name": "L", "value": "user"}]
    assert names_of(with_leading, env, "L") == [("L", "added"), ("A", "user")]


def test_behind_leading_entries_the_first_of_equal_names_stays() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "A", "value": "3"}]
    assert names_of(with_leading, env) == [("A", "1"), ("B", "2")]


def test_the_users_entry_wins_over_a_trailing_one() -> None:
    env = [{"name": "TPU_NAME", "value": "user"}]
    assert names_of(with_trailing, env, "TPU_NAME", "T") == [("TPU_NAME", "user"), ("T", "added")]


@pytest.mark.parametrize("change", [with_leading, with_trailing])
@pytest.mark.parametrize("container", [None, {}, {"env": None}, {"env": []}])
def test_a_container_without_env_gets_one(container: Any, change: Callable[..., Document]) -> None:
    entries = [{"name": "L", "value": "1"}]
    assert change(container, entries) == {"env": entries}


@pytest.mark.parametrize("change", [with_leading, with_trailing])
def test_entries_are_shared_and_nulls_are_harmless(change: Callable[..., Document]) -> None:
    entry = {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    env = change({"env": [entry, None]}, [])["env"]
    assert env == [entry, None]
    assert env[0] is entry
