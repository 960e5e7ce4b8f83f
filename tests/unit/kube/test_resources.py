from __future__ import annotations

import pytest

from lws.kube import resources
from lws.kube.resources import CRDS, NODES, PODS, STATEFULSETS, Resource


@pytest.mark.parametrize(
    ("resource", "arguments", "path"),
    [
        pytest.param(PODS, (), "/api/v1/pods", id="core, whole cluster"),
        pytest.param(PODS, ("team-a",), "/api/v1/namespaces/team-a/pods", id="core, namespace"),
        pytest.param(PODS, ("team-a", "x"), "/api/v1/namespaces/team-a/pods/x", id="core, object"),
        pytest.param(
            STATEFULSETS,
            ("team-a", "x", "status"),
            "/apis/apps/v1/namespaces/team-a/statefulsets/x/status",
            id="group, subresource",
        ),
        pytest.param(NODES, ("", "n1"), "/api/v1/nodes/n1", id="cluster-scoped"),
        pytest.param(
            CRDS,
            ("ignored", "a.b"),
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/a.b",
            id="cluster-scoped resources have no namespace",
        ),
        pytest.param(PODS, ("a b", "x/y?z#"), "/api/v1/namespaces/a%20b/pods/x%2Fy%3Fz%23", id="encoded"),
        pytest.param(PODS, ("é", "100%"), "/api/v1/namespaces/%C3%A9/pods/100%25", id="encoded as UTF-8"),
    ],
)
def test_path(resource: Resource, arguments: tuple[str, ...], path: str) -> None:
    assert resource.path(*arguments) == path


@pytest.mark.parametrize("arguments", [("..", "x"), ("a", ".."), ("a", "."), ("", "x")])
def test_a_path_that_would_name_something_else_is_refused(arguments: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"path|namespace"):
        PODS.path(*arguments)


@pytest.mark.parametrize(
    ("resource", "api_version"),
    [(PODS, "v1"), (STATEFULSETS, "apps/v1"), (resources.EVENTS, "events.k8s.io/v1")],
)
def test_api_version(resource: Resource, api_version: str) -> None:
    assert resource.api_version == api_version


def test_cluster_scoped_resources_are_marked() -> None:
    table = [value for value in vars(resources).values() if isinstance(value, Resource)]
    assert {resource.kind for resource in table if not resource.namespaced} == {
        "Namespace",
        "Node",
        "CustomResourceDefinition",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    }
