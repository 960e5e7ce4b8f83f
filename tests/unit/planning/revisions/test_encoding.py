"""The canonical encoding, rule by rule: reconcilers.md, 4.8 (a) to (d)."""

from __future__ import annotations

import json
from importlib import resources

import pytest

from lws.planning.revisions.encoding import EncodingError, encoder_of
from lws.planning.revisions.tokens import read_json

TABLE = json.loads(resources.files("lws.planning").joinpath("pod_template_encoding.json").read_text())

EMPTY_POD = '{"metadata":{},"spec":{"containers":null}}'
ABSENT = {
    # (a) added when absent
    "PodTemplateSpec": EMPTY_POD,
    "Container": '{"name":"","resources":{}}',
    "EphemeralContainer": '{"name":"","resources":{}}',
    "ResourceFieldSelector": '{"divisor":"0","resource":""}',
    "GRPCAction": '{"port":0,"service":null}',
    "ProjectedVolumeSource": '{"sources":null}',
    "PersistentVolumeClaim": '{"metadata":{},"spec":{"resources":{}},"status":{}}',
    "PersistentVolumeClaimTemplate": '{"metadata":{},"spec":{"resources":{}}}',
    "PersistentVolumeClaimSpec": '{"resources":{}}',
    "TypedLocalObjectReference": '{"apiGroup":null,"kind":"","name":""}',
    "TypedObjectReference": '{"apiGroup":null,"kind":"","name":""}',
    "PersistentVolumeClaimCondition": (
        '{"lastProbeTime":null,"lastTransitionTime":null,"status":"","type":""}'
    ),
    # (b) kept though empty
    "LeaderWorkerTemplate": f'{{"workerTemplate":{EMPTY_POD}}}',
    "NetworkConfig": '{"subdomainPolicy":null}',
    "NodeSelector": '{"nodeSelectorTerms":null}',
    "CephFSVolumeSource": '{"monitors":null}',
    "PreferredSchedulingTerm": '{"preference":{},"weight":0}',
    "WeightedPodAffinityTerm": '{"podAffinityTerm":{"topologyKey":""},"weight":0}',
    "ScaleIOVolumeSource": '{"gateway":"","secretRef":null,"system":""}',
    "HTTPGetAction": '{"port":0}',
    "TCPSocketAction": '{"port":0}',
    "ContainerPort": '{"containerPort":0}',
    "SleepAction": '{"seconds":0}',
    "TopologySpreadConstraint": '{"maxSkew":0,"topologyKey":"","whenUnsatisfiable":""}',
    "HTTPHeader": '{"name":"","value":""}',
    "EnvVar": '{"name":""}',
    "Toleration": "{}",
    "OwnerReference": '{"apiVersion":"","kind":"","name":"","uid":""}',
    # nothing to add
    "ObjectMeta": "{}",
    "SubGroupPolicy": "{}",
}

EXPLICIT = [
    # null is absent, unknown members go, at every level
    ("Container", '{"image":null,"resources":null,"new":{"x":1},"name":"a"}', '{"name":"a","resources":{}}'),
    ("PodSpec", '{"containers":[{"name":"a","later":true}]}', '{"containers":[{"name":"a","resources":{}}]}'),
    # empty values go ...
    ("PodSpec", '{"containers":[],"hostNetwork":false,"nodeName":"","tolerations":[]}', '{"containers":[]}'),
    (
        "Container",
        '{"name":"","tty":false,"args":[],"resources":{"limits":{}}}',
        '{"name":"","resources":{}}',
    ),
    (
        "Probe",
        '{"failureThreshold":0,"terminationGracePeriodSeconds":0}',
        '{"terminationGracePeriodSeconds":0}',
    ),
    # ... but not inside lists and maps
    (
        "Container",
        '{"name":"a","env":[{}],"args":[""]}',
        '{"args":[""],"env":[{"name":""}],"name":"a","resources":{}}',
    ),
    ("PodSpec", '{"containers":[null]}', '{"containers":[{"name":"","resources":{}}]}'),
    (
        "ObjectMeta",
        '{"labels":{"b":"","a":null},"finalizers":[null]}',
        '{"finalizers":[""],"labels":{"a":"","b":""}}',
    ),
    ("ResourceRequirements", '{"limits":{"cpu":null}}', '{"limits":{"cpu":"0"}}'),
    ("PodSecurityContext", '{"supplementalGroups":[null,0]}', '{"supplementalGroups":[0,0]}'),
    # (c) pointers survive when zero
    ("Volume", '{"name":"v","emptyDir":{}}', '{"emptyDir":{},"name":"v"}'),
    ("EmptyDirVolumeSource", '{"medium":"","sizeLimit":0}', '{"sizeLimit":"0"}'),
    (
        "PodSpec",
        '{"containers":[],"affinity":{},"securityContext":{},"nodeSelector":{}}',
        '{"affinity":{},"containers":[],"securityContext":{}}',
    ),
    (
        "PodSpec",
        '{"containers":[],"priority":0,"hostUsers":false,"runtimeClassName":""}',
        '{"containers":[],"hostUsers":false,"priority":0,"runtimeClassName":""}',
    ),
    (
        "SecurityContext",
        '{"privileged":false,"runAsUser":0,"procMount":""}',
        '{"privileged":false,"procMount":"","runAsUser":0}',
    ),
    (
        "LeaderWorkerTemplate",
        '{"size":0,"restartPolicy":"","leaderTemplate":{},"workerTemplate":{}}',
        f'{{"leaderTemplate":{EMPTY_POD},"size":0,"workerTemplate":{EMPTY_POD}}}',
    ),
    (
        "SubGroupPolicy",
        '{"subGroupPolicyType":"","subGroupSize":0}',
        '{"subGroupPolicyType":"","subGroupSize":0}',
    ),
    ("GRPCAction", '{"port":1,"service":""}', '{"port":1,"service":""}'),
    # (d) and other times
    ("ObjectMeta", '{"creationTimestamp":null}', "{}"),
    ("ObjectMeta", '{"creationTimestamp":"0001-01-01T00:00:00Z"}', "{}"),
    (
        "ObjectMeta",
        '{"creationTimestamp":"2026-01-01T02:00:00+02:00"}',
        '{"creationTimestamp":"2026-01-01T00:00:00Z"}',
    ),
    (
        "PersistentVolumeClaimCondition",
        '{"lastProbeTime":"2026-01-01T00:00:00.9Z","status":"a","type":"b"}',
        '{"lastProbeTime":"2026-01-01T00:00:00Z","lastTransitionTime":null,"status":"a","type":"b"}',
    ),
    # number or string
    ("HTTPGetAction", '{"port":80,"path":""}', '{"port":80}'),
    ("HTTPGetAction", '{"port":"80"}', '{"port":"80"}'),
    ("TCPSocketAction", '{"port":""}', '{"port":""}'),
    # quantities, from numbers and from strings
    (
        "ResourceRequirements",
        '{"limits":{"cpu":1.50,"memory":1073741824,"gpu":" 1024Mi "}}',
        '{"limits":{"cpu":"1500m","gpu":"1Gi","memory":"1073741824"}}',
    ),
    (
        "ResourceFieldSelector",
        '{"resource":"limits.cpu","divisor":"0.001"}',
        '{"divisor":"1m","resource":"limits.cpu"}',
    ),
    # any JSON
    ("ManagedFieldsEntry", '{"fieldsV1":{"f:b":{},"f:a":[1]}}', '{"fieldsV1":{"f:a":[1],"f:b":{}}}'),
    # keys ascend by code point
    (
        "ObjectMeta",
        '{"labels":{"\U0001f600":"","\uffee":"","a":"","B":""}}',
        '{"labels":{"B":"","a":"","\uffee":"","\U0001f600":""}}',
    ),
]

WRONG = [
    ("LeaderWorkerTemplate", "[]", "an object is wanted"),
    ("LeaderWorkerTemplate", '{"size":"3"}', "size: a number is wanted"),
    ("LeaderWorkerTemplate", '{"size":3.5}', "size: 3.5 is no integer"),
    ("LeaderWorkerTemplate", '{"size":2147483648}', "size: 2147483648 does not fit 32 bits"),
    (
        "LeaderWorkerTemplate",
        '{"workerTemplate":{"spec":{"containers":[{},{"resources":{"limits":{"cpu":"1x"}}}]}}}',
        "workerTemplate.spec.containers[1].resources.limits[\"cpu\"]: '1x' is no quantity",
    ),
    ("PodSpec", '{"containers":{}}', "containers: a list is wanted"),
    ("ObjectMeta", '{"labels":[]}', "labels: a map is wanted"),
    ("ObjectMeta", '{"labels":{"a":1}}', 'labels["a"]: a string is wanted'),
    ("ObjectMeta", '{"name":1}', "name: a string is wanted"),
    ("ObjectMeta", '{"creationTimestamp":"now"}', "creationTimestamp: 'now' is no RFC 3339 time"),
    ("ObjectMeta", '{"creationTimestamp":1}', "creationTimestamp: a string is wanted"),
    ("ResourceRequirements", '{"limits":{"cpu":true}}', 'limits["cpu"]: a quantity is wanted'),
    ("PodSpec", '{"hostNetwork":1}', "hostNetwork: true or false is wanted"),
    ("HTTPGetAction", '{"port":{}}', "port: a number is wanted"),
]


def encode(type_name: str, text: str) -> str:
    return encoder_of(type_name)(read_json(text.encode()))


@pytest.mark.parametrize(("type_name", "text"), ABSENT.items(), ids=ABSENT)
def test_from_nothing(type_name: str, text: str) -> None:
    assert encode(type_name, "{}") == text


@pytest.mark.parametrize(("type_name", "text", "canonical"), EXPLICIT)
def test_explicit(type_name: str, text: str, canonical: str) -> None:
    assert encode(type_name, text) == canonical
    assert encode(type_name, canonical) == canonical


@pytest.mark.parametrize(("type_name", "text", "message"), WRONG)
def test_wrong_values_are_named_with_their_path(type_name: str, text: str, message: str) -> None:
    with pytest.raises(EncodingError) as raised:
        encode(type_name, text)
    assert str(raised.value).startswith(message)


def test_the_table_is_whole() -> None:
    """118 types, 549 members, and every type can be reached from the roots and encoded."""
    types = TABLE["types"]
    assert len(types) == 118
    assert sum(map(len, types.values())) == 549
    reached: set[str] = set()
    waiting = list(TABLE["roots"])
    while waiting:
        name = waiting.pop()
        reached.add(name)
        bases = {code.strip("*[]{}!~") for code in types[name].values()}
        waiting += (bases & types.keys()) - reached
    assert reached == types.keys()
    assert all(encode(name, "{}").startswith("{") for name in types)
