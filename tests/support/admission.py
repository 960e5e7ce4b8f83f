"""Objects as admission gets them: plain JSON, the base object and the pods of api.md, 7.1 and 7.4."""

from __future__ import annotations

import copy
from typing import Any

from lws.api import constants as c
from lws.api import disaggregation as d

Document = dict[str, Any]

ROLLING = ("rolloutStrategy", "rollingUpdateConfiguration")
TEMPLATE = ("leaderWorkerTemplate",)
_POD_TEMPLATE: Document = {"spec": {"containers": [{"name": "app", "image": "nginx"}]}}


def an_lws(*, metadata: Document | None = None, **changes: Any) -> Document:
    """The base object with members of its spec changed: ``size=3``, ``partition=1``, ``replicas=None`` (taken
    away), ``subgroups={...}``; ``metadata`` is merged.
    """
    spec: Document = {
        "replicas": 2,
        "leaderWorkerTemplate": {
            "size": 2,
            "leaderTemplate": copy.deepcopy(_POD_TEMPLATE),
            "workerTemplate": copy.deepcopy(_POD_TEMPLATE),
            "restartPolicy": c.RESTART_RECREATE_GROUP,
        },
        "rolloutStrategy": {
            "type": "RollingUpdate",
            "rollingUpdateConfiguration": {"partition": 0, "maxUnavailable": 1, "maxSurge": 0},
        },
        "startupPolicy": "LeaderCreated",
        "networkConfig": {"subdomainPolicy": "Shared"},
    }
    for member, value in changes.items():
        _set(spec, _PATHS.get(member, (member,)), value)
    return {
        "apiVersion": c.API_VERSION,
        "kind": c.KIND,
        "metadata": {"name": "test-sample", "namespace": "default", **(metadata or {})},
        "spec": spec,
    }


_PATHS: dict[str, tuple[str, ...]] = {
    "size": (*TEMPLATE, "size"),
    "restartPolicy": (*TEMPLATE, "restartPolicy"),
    "leaderTemplate": (*TEMPLATE, "leaderTemplate"),
    "workerTemplate": (*TEMPLATE, "workerTemplate"),
    "subgroups": (*TEMPLATE, "subGroupPolicy"),
    "partition": (*ROLLING, "partition"),
    "maxUnavailable": (*ROLLING, "maxUnavailable"),
    "maxSurge": (*ROLLING, "maxSurge"),
    "podUpdatePolicy": (*ROLLING, "podUpdatePolicy"),
    "inPlaceUpdate": (*ROLLING, "inPlaceUpdate"),
}


def _set(document: Document, path: tuple[str, ...], value: Any) -> None:
    *parents, last = path
    for member in parents:
        document = document[member]
    if value is None:
        document.pop(last, None)
    else:
        document[last] = value


def spec_patch(**changes: Any) -> Document:
    """The JSON merge patch that changes members of a spec, named as for :func:`an_lws`."""
    spec: Document = {}
    for member, value in changes.items():
        *parents, last = _PATHS.get(member, (member,))
        at = spec
        for parent in parents:
            at = at.setdefault(parent, {})
        at[last] = value
    return {"spec": spec}


def a_leader_pod(name: str = "test-sample-1", *, size: str = "2", **more: Any) -> Document:
    """A leader pod of ``test-sample``; ``more`` as for :func:`a_pod`."""
    return a_pod(name, size=size, labels={c.WORKER_INDEX_LABEL: "0", **more.pop("labels", {})}, **more)


def a_worker_pod(name: str = "test-sample-1-1", *, size: str = "2", **more: Any) -> Document:
    """A worker pod of group 1 of ``test-sample``, as the StatefulSet controller creates it."""
    leader = name.rpartition("-")[0]
    labels = {c.GROUP_INDEX_LABEL: leader.rpartition("-")[2], **more.pop("labels", {})}
    annotations = {c.LEADER_NAME_ANNOTATION: leader, **more.pop("annotations", {})}
    return a_pod(name, size=size, labels=labels, annotations=annotations, **more)


def a_pod(
    name: str,
    *,
    size: str,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    namespace: str = "default",
    **spec: Any,
) -> Document:
    """A pod that carries the labels of ``test-sample``; ``spec`` members are merged."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {c.NAME_LABEL: "test-sample", **(labels or {})},
            "annotations": {c.SIZE_ANNOTATION: size, **(annotations or {})},
        },
        "spec": {"subdomain": "default", "containers": [a_container()], **spec},
    }


def a_container(
    name: str = "app", *, tpu: Any = None, requests: Any = None, env: dict[str, str] | None = None
) -> Document:
    """A container; ``tpu`` and ``requests`` are its limit and its request of TPUs."""
    container: Document = {"name": name, "image": "nginx"}
    bounds = {"limits": tpu, "requests": requests}
    resources = {kind: {c.TPU_RESOURCE: value} for kind, value in bounds.items() if value is not None}
    if resources:
        container["resources"] = resources
    if env is not None:
        container["env"] = [{"name": key, "value": value} for key, value in env.items()]
    return container


def env_of(pod: Document, index: int = 0, *, member: str = "containers") -> dict[str, str]:
    """The environment of one container, by name."""
    return {entry["name"]: entry.get("value", "") for entry in pod["spec"][member][index].get("env", [])}


def a_disaggregated_set(
    name: str = "serving",
    *,
    metadata: Document | None = None,
    roles: list[Document] | None = None,
    **spec: Any,
) -> Document:
    """A DisaggregatedSet, of prefill and decode by default; ``metadata`` and ``spec`` members are merged."""
    return {
        "apiVersion": d.API_VERSION,
        "kind": d.KIND,
        "metadata": {"name": name, "namespace": "default", **(metadata or {})},
        "spec": {"roles": roles or [a_role("prefill"), a_role("decode")], **spec},
    }


def a_role(
    name: str,
    *,
    metadata: Document | None = None,
    external: bool = False,
    pace: Document | None = None,
    **changes: Any,
) -> Document:
    """A role whose spec is changed as that of :func:`an_lws`; ``pace`` is its rollingUpdateConfiguration."""
    spec = an_lws(rolloutStrategy=None, **changes)["spec"]
    if pace is not None:
        spec["rolloutStrategy"] = {"type": c.ROLLING_UPDATE, "rollingUpdateConfiguration": pace}
    role: Document = {"name": name, "spec": spec}
    if metadata is not None:
        role["metadata"] = metadata
    if external:
        role["scaling"] = {"mode": d.SCALING_EXTERNAL}
    return role
