"""What is said of each kind in requests at random: its content, and changes of it, right and wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lws.controllers.resources import LEADERWORKERSETS, ROLE_SCALERS
from lws.kube.resources import CONTROLLER_REVISIONS, PODS, SERVICES, STATEFULSETS, Resource
from support.fidelity.sides import Document

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
NAMES = ("a", "b")
NODE = "hollow-0"


class Vocabulary(NamedTuple):
    """What is said of one kind. ``content``: by name; ``strategic``, ``merges``, ``statuses``: patches."""

    resource: Resource
    content: Mapping[str, Document]
    merges: Sequence[Document]
    strategic: Sequence[Document] = ()
    statuses: Sequence[Document] = ()
    applied: Sequence[Document] = ()


def _containers(*images: str, **more: Any) -> Document:
    return {"containers": [{"name": f"c{i}", "image": x} for i, x in enumerate(images)], **more}


def _both(content: Document) -> dict[str, Document]:
    return dict.fromkeys(NAMES, content)


def _template(image: str, **metadata: Any) -> Document:
    return {"metadata": {"labels": {"app": "a"}, **metadata}, "spec": _containers(image)}


def _stateful_set(image: str = "i:1", replicas: int = 1, **spec: Any) -> Document:
    spec = {"replicas": replicas, "serviceName": "s", "template": _template(image), **spec}
    return {"spec": {"selector": {"matchLabels": {"app": "a"}}, **spec}}


def _rolling(**members: Any) -> Document:
    return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": members}}


def _set(image: str = "i:1", **spec: Any) -> Document:
    worker = {"spec": _containers(image)}
    template = {"workerTemplate": worker, **spec.pop("template", {})}
    return {"spec": {"leaderWorkerTemplate": template, **spec}}


def _of_template(**members: Any) -> Document:
    return {"spec": {"leaderWorkerTemplate": members}}


WHEN = "2026-01-01T00:00:00Z"


def _condition(type_: str, status: str, **more: Any) -> Document:
    return {
        "type": type_,
        "status": status,
        "lastTransitionTime": WHEN,
        "reason": "Said",
        "message": "",
        **more,
    }


VOCABULARIES: dict[str, Vocabulary] = {
    x.resource.kind: x
    for x in (
        Vocabulary(
            CONFIG_MAPS,
            _both({"data": {"a": "1", "b": "1"}}),
            ({"data": {"a": "2"}}, {"data": {"b": None}}, {"data": {"a": "1"}}, {"data": None}),
            applied=({"data": {"a": "1"}}, {"data": {"a": "3", "c": "1"}}, {}),
        ),
        Vocabulary(
            CONTROLLER_REVISIONS,
            _both({"data": {"spec": {"x": "1"}}, "revision": 1}),
            ({"revision": 2}, {"revision": 1}, {"data": {"spec": {"x": "2"}}}),
            strategic=({"revision": 3}, {"revision": 1}),
            applied=({"data": {"spec": {"x": "1"}}, "revision": 1},),
        ),
        Vocabulary(
            SERVICES,
            _both({"spec": {"clusterIP": "None", "selector": {"app": "a"}}}),
            (
                {"spec": {"selector": {"app": "b"}}},
                {"spec": {"publishNotReadyAddresses": True}},
                {"spec": {"clusterIP": "10.96.0.77", "clusterIPs": ["10.96.0.77"]}},
            ),
            applied=(
                {"spec": {"clusterIP": "None", "selector": {"x": "1"}, "publishNotReadyAddresses": True}},
                {"spec": {"clusterIP": "None", "selector": {"x": "2", "y": "1"}}},
            ),
        ),
        Vocabulary(
            STATEFULSETS,
            _both(_stateful_set()),
            (
                {"spec": {"replicas": 2}},
                {"spec": {"serviceName": "other"}},
                {"spec": {"selector": {"matchLabels": {"app": "a", "x": "y"}}}},
                {"spec": {"podManagementPolicy": "Parallel"}},
                {"spec": _rolling(partition=1)},
                {"spec": _rolling(partition=0, maxUnavailable=2)},
                {"spec": {"template": {"metadata": {"annotations": {"n": "1"}}}}},
                {"spec": {"minReadySeconds": 5}},
            ),
            strategic=(
                {"spec": {"template": {"spec": {"containers": [{"name": "c0", "image": "j:2"}]}}}},
                {"spec": {"replicas": None}},
            ),
            statuses=(
                {"replicas": 1, "readyReplicas": 1},
                {"replicas": 2, "observedGeneration": 1, "currentRevision": "x"},
                {"conditions": [{"type": "Some", "status": "True"}], "replicas": 1},
            ),
            applied=(
                _stateful_set("i:1"),
                _stateful_set("i:2", 3, **_rolling(partition=2, maxUnavailable="50%")),
                _stateful_set(replicas=0, **_rolling(partition=0)),
            ),
        ),
        Vocabulary(
            PODS,
            {"a": {"spec": _containers("i:1", "j:1")}, "b": {"spec": _containers("i", "j:1", nodeName=NODE)}},
            (
                {"spec": {"hostname": "h"}},
                {"spec": {"activeDeadlineSeconds": 60}},
            ),
            strategic=(
                {"spec": {"containers": [{"name": "c0", "image": "i:2"}]}},
                {"spec": {"containers": [{"name": "c1", "image": "j:1"}]}},
                {"spec": {"containers": [{"name": "c0", "image": "i:3"}, {"name": "c1", "image": "j:3"}]}},
                {"spec": {"containers": [{"name": "c9", "image": "i:3"}]}},
            ),
            statuses=(
                {"phase": "Running"},
                {"conditions": [{"type": "example.com/gate", "status": "True"}]},
                {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": WHEN}]},
                {"phase": "Failed"},
            ),
        ),
        Vocabulary(
            LEADERWORKERSETS,
            {"a": _set(), "b": _set(replicas=2, networkConfig={"subdomainPolicy": "Shared"}, unknown=1)},
            (
                {"spec": {"replicas": 3}},
                {"spec": {"replicas": None}},
                {"spec": {"replicas": -1}},
                {"spec": {"replicas": "x"}},
                {"spec": {"unknown": {"a": 1}}},
                {"spec": {"rolloutStrategy": {"rollingUpdateConfiguration": {"maxSurge": 1}}}},
                {"spec": {"networkConfig": {}}},
                {"spec": {"startupPolicy": "Never"}},
                _of_template(size=3),
                _of_template(restartPolicy="Sometimes"),
                _of_template(workerTemplate=None),
                _of_template(workerTemplate={"metadata": {"labels": {"a": "b"}, "generateName": "x"}}),
            ),
            statuses=(
                {"replicas": 1, "groups": {"0": {"leader": "u", "restarts": 1}}},
                {"groups": {"0": {"restarts": None}, "1": {"leader": "v"}}},
                {"groups": None},
                {"conditions": [_condition("Available", "True", observedGeneration=1)]},
                {"conditions": [{"type": "Available", "status": "True"}]},
                {"conditions": [_condition("Available", "Perhaps")]},
                {"unknown": 1, "readyReplicas": 1},
            ),
            applied=(_set(), _set("i:2", replicas=2), _set(template={"size": 2})),
        ),
        Vocabulary(
            ROLE_SCALERS,
            {"a": {"spec": {"replicas": 1}}, "b": {"spec": {}}},
            (
                {"spec": {"replicas": 2}},
                {"spec": {"replicas": None}},
                {"spec": None},
                {"spec": {"replicas": -1}},
            ),
            statuses=(
                {"replicas": 1, "selector": "a=b"},
                {"conditions": [_condition("Ready", "True")]},
                {"selector": None},
            ),
            applied=({"spec": {"replicas": 1}}, {"spec": {"replicas": 3}}),
        ),
    )
}
