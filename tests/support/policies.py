"""Admission policies of a live cluster that refuse what a test wants to be refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from lws.kube.client import Client
from lws.kube.resources import Resource

POLICIES = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicies",
    "ValidatingAdmissionPolicy",
    namespaced=False,
)
BINDINGS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
    namespaced=False,
)


@contextlib.contextmanager
def policy(client: Client, namespace: str, *, resource: Resource, refused: str, code: str) -> Iterator[None]:
    """What makes the CEL expression ``refused`` true is refused in this namespace, as policy engines do."""
    name = f"no-bad-{resource.plural}-{namespace}"
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "resourceRules": [
                {
                    "apiGroups": [resource.group],
                    "apiVersions": [resource.version],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": [resource.plural],
                }
            ],
        },
        "validations": [
            {
                "expression": f"!({refused})",
                "message": "image not allowed",
                "reason": code,
            }
        ],
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    binding = {"policyName": name, "validationActions": ["Deny"]}
    client.create(POLICIES, dict, {**kind, "kind": "ValidatingAdmissionPolicy", "spec": spec})
    client.create(BINDINGS, dict, {**kind, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding})
    try:
        yield
    finally:
        client.delete(BINDINGS, dict, name)
        client.delete(POLICIES, dict, name)
