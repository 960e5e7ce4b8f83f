"""Pod requests: the scheduler's formula (operations.md, 6.3)."""

from __future__ import annotations

from typing import Any

import pytest

from lws.api.resources import pod_requests


def _container(restart: str | None = None, **requests: str | int) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "c", "resources": {"requests": requests}}
    return container if restart is None else {**container, "restartPolicy": restart}


def _spelled(spec: dict[str, Any]) -> dict[str, str]:
    return {name: str(quantity) for name, quantity in pod_requests(spec).items()}


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"containers": [{"name": "c"}, {"name": "d", "resources": {}}]}, {}, id="no-requests"),
        pytest.param(
            {
                "containers": [
                    {"resources": {"limits": {"nvidia.com/gpu": "8", "cpu": "2"}, "requests": {"cpu": "1"}}},
                    {"resources": {"limits": {"nvidia.com/gpu": "1"}}},
                ]
            },
            {"nvidia.com/gpu": "9", "cpu": "1"},
            id="a-limit-counts-where-there-is-no-request",
        ),
        pytest.param(
            {
                "containers": [_container(cpu="1")],
                "resources": {"limits": {"cpu": "4", "memory": "2Gi", "nvidia.com/gpu": "9"}},
            },
            {"memory": "2Gi", "cpu": "1"},
            id="a-pod-level-limit-counts-where-nothing-else-is-asked",
        ),
        pytest.param(
            {"containers": [_container(cpu="100m", memory="1Gi"), _container(cpu="0.95", memory="512Mi")]},
            {"cpu": "1050m", "memory": "1536Mi"},
            id="containers-add-up",
        ),
        pytest.param(
            {
                "containers": [_container(cpu="100m")],
                "initContainers": [_container(cpu="2"), _container(cpu="1")],
            },
            {"cpu": "2"},
            id="init-containers-run-one-by-one",
        ),
        pytest.param(
            {"containers": [_container(cpu="3")], "initContainers": [_container(cpu="2", memory="1Gi")]},
            {"cpu": "3", "memory": "1Gi"},
            id="larger-for-each-resource",
        ),
        pytest.param(
            {"containers": [_container(cpu="1")], "initContainers": [_container("Always", cpu="500m")]},
            {"cpu": "1500m"},
            id="sidecars-run-along",
        ),
        pytest.param(
            {
                "containers": [_container(cpu="1")],
                "initContainers": [_container(cpu="3"), _container("Always", cpu="1"), _container(cpu="3")],
            },
            {"cpu": "4"},
            id="init-container-beside-earlier-sidecars",
        ),
        pytest.param(
            {
                "containers": [_container(cpu="1", **{"nvidia.com/gpu": "1"})],
                "resources": {"requests": {"cpu": "5", "hugepages-2Mi": "4Mi", "nvidia.com/gpu": "9"}},
            },
            {"cpu": "5", "hugepages-2Mi": "4Mi", "nvidia.com/gpu": "1"},
            id="pod-level-replaces-what-it-may",
        ),
        pytest.param(
            {"containers": [_container(cpu="1")], "overhead": {"cpu": "250m", "memory": "120Mi"}},
            {"cpu": "1250m", "memory": "120Mi"},
            id="overhead-on-top",
        ),
        pytest.param(
            {"containers": [_container(cpu=1), _container(cpu=2)]}, {"cpu": "3"}, id="plain-numbers"
        ),
        pytest.param({"containers": None, "initContainers": None, "overhead": None}, {}, id="nulls"),
    ],
)
def test_pod_requests(spec: dict[str, Any], wanted: dict[str, str]) -> None:
    assert _spelled(spec) == wanted


def test_what_is_no_quantity_is_an_error() -> None:
    with pytest.raises(ValueError, match="much"):
        pod_requests({"containers": [_container(cpu="much")]})
