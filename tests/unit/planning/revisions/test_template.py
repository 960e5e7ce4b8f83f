"""Snapshots of live sets and of stored revisions: reconcilers.md, 4.2, 4.3, 4.6 and 10.3."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.groups import NAME, a_set

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet, SubGroupPolicy
from lws.api.workloads import ControllerRevision
from lws.planning.revisions import restore, template_of
from lws.planning.revisions.key import fnv1_32

IMAGE = "docker.io/nginxinc/nginx-unprivileged:1.27"
PODS = {
    "leaderTemplate": {"spec": {"containers": [{"name": "leader", "image": IMAGE}]}},
    "workerTemplate": {
        "spec": {
            "containers": [
                {"name": "worker", "image": IMAGE, "ports": [{"containerPort": 8080, "protocol": "TCP"}]}
            ]
        }
    },
}


def decoded(text: str) -> LeaderWorkerSet:
    """A set with this leaderWorkerTemplate, spelled exactly so."""
    document = f'{{"metadata":{{"name":"{NAME}"}},"spec":{{"leaderWorkerTemplate":{text}}}}}'
    return msgspec.json.decode(document, type=LeaderWorkerSet)


def with_network(lws: LeaderWorkerSet, network: Any) -> LeaderWorkerSet:
    document = msgspec.json.decode(msgspec.json.encode(lws))
    document["spec"]["networkConfig"] = network
    return msgspec.json.decode(msgspec.json.encode(document), type=LeaderWorkerSet)


def stored(data: bytes) -> ControllerRevision:
    return ControllerRevision(data=msgspec.Raw(data))


def test_the_default_object() -> None:
    """Vector of reconcilers.md, 4.3, checked against upstream."""
    template = template_of(a_set(template=PODS))
    assert len(template.data) == 507
    assert fnv1_32(template.data) == 3687927682
    assert template.key == "7bdcf6cbd6"


def test_canonical_members_carry_no_patch() -> None:
    template = template_of(decoded('{"size":3,"workerTemplate":{"spec":{"containers":[]}}}'))
    assert template.leader_worker_template == {
        "size": 3,
        "workerTemplate": {"metadata": {}, "spec": {"containers": []}},
    }
    assert template.network_config == {"subdomainPolicy": "Shared"}
    assert template.data == (
        b'{"spec":{"leaderWorkerTemplate":{"$patch":"replace","size":3,'
        b'"workerTemplate":{"metadata":{},"spec":{"containers":[]}}},'
        b'"networkConfig":{"$patch":"replace","subdomainPolicy":"Shared"}}}'
    )


@pytest.mark.parametrize(
    ("network", "same"),
    [
        ({"subdomainPolicy": "Shared"}, True),
        ({"subdomainPolicy": "UniquePerReplica"}, False),
        ({"subdomainPolicy": None}, False),
        ({}, False),
    ],
)
def test_an_absent_network_config_is_shared(network: Any, same: bool) -> None:
    absent = template_of(with_network(a_set(), None))
    assert (template_of(with_network(a_set(), network)).key == absent.key) is same


def test_a_network_config_without_policy_is_stored_as_null() -> None:
    template = template_of(with_network(a_set(), {}))
    assert template.data.endswith(b'"networkConfig":{"$patch":"replace","subdomainPolicy":null}}}')
    assert template.subdomain_policy == "Shared"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"workerTemplate":{}}', '{"workerTemplate":{},"leaderTemplate":null}', True),
        ('{"workerTemplate":{}}', '{"workerTemplate":null}', True),
        ('{"workerTemplate":{}}', '{"workerTemplate":{},"volumeClaimTemplates":[]}', True),
        ('{"workerTemplate":{}}', '{"workerTemplate":{},"leaderTemplate":{}}', False),
        ('{"workerTemplate":{}}', '{"workerTemplate":{},"size":1}', False),
        ('{"workerTemplate":{"x":1.50}}', '{"workerTemplate":{"x":1.5}}', True),
        (
            '{"workerTemplate":{"spec":{"overhead":{"cpu":1.500}}}}',
            '{"workerTemplate":{"spec":{"overhead":{"cpu":1.5}}}}',
            False,
        ),
        (
            '{"workerTemplate":{"spec":{"volumes":[{"name":"v","nfs":null}]}}}',
            '{"workerTemplate":{"spec":{"volumes":[{"name":"v"}]}}}',
            True,
        ),
    ],
)
def test_what_counts_as_a_change(one: str, other: str, same: bool) -> None:
    assert (template_of(decoded(one)).data == template_of(decoded(other)).data) is same


@pytest.mark.parametrize(
    "edit",
    [
        {"replicas": 7},
        {"partition": 1},
        {"max_surge": 3},
        {"startup": "LeaderReady"},
        {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}},
    ],
    ids=lambda x: next(iter(x)),
)
def test_what_does_not(edit: dict[str, Any]) -> None:
    assert template_of(a_set(**edit)) is template_of(a_set())


def test_readers() -> None:
    claims = [{"metadata": {"name": "data"}, "spec": {}, "status": {}}]
    template = template_of(
        a_set(
            size=5,
            restart="None",
            subdomain="UniquePerReplica",
            template={
                "subGroupPolicy": {"subGroupPolicyType": "LeaderExcluded", "subGroupSize": 2},
                "volumeClaimTemplates": claims,
                "persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"},
            },
        )
    )
    assert (template.size, template.restart_policy, template.subdomain_policy) == (
        5,
        "None",
        "UniquePerReplica",
    )
    assert template.sub_group_policy == SubGroupPolicy("LeaderExcluded", 2)
    assert template.volume_claim_templates == [
        {"metadata": {"name": "data"}, "spec": {"resources": {}}, "status": {}}
    ]
    assert template.retention_policy == {"whenScaled": "Delete"}
    assert template.leader_template["spec"]["containers"][0]["name"] == "leader"
    assert template.worker_template["spec"]["containers"][0]["name"] == "worker"


def test_readers_of_an_almost_empty_set() -> None:
    template = template_of(decoded('{"workerTemplate":{}}'))
    assert (template.size, template.restart_policy) == (1, c.RESTART_RECREATE_GROUP)
    assert (template.sub_group_policy, template.retention_policy) == (None, None)
    assert template.volume_claim_templates == []
    assert template.leader_template is template.worker_template


def test_a_value_kubernetes_cannot_hold() -> None:
    lws = decoded('{"workerTemplate":{"spec":{"priority":"high"}}}')
    with pytest.raises(ValueError, match=r"^spec\.leaderWorkerTemplate\.workerTemplate\.spec\.priority: "):
        template_of(lws)


class TestRestore:
    live = template_of(a_set(template=PODS, size=2))
    earlier = template_of(a_set(template=PODS, size=4, subdomain="UniquePerReplica"))

    def test_both_members_come_back(self) -> None:
        assert restore(stored(self.earlier.data), self.live) == self.earlier

    def test_a_lacking_member_stays_live(self) -> None:
        text = self.earlier.data.decode()
        start = text.index(',"networkConfig"')
        restored = restore(stored(f"{text[:start]}}}}}".encode()), self.live)
        assert restored.leader_worker_template == self.earlier.leader_worker_template
        assert restored.network_config == self.live.network_config
        assert restore(stored(b'{"spec":{}}'), self.live) == self.live

    def test_a_null_network_config_is_shared(self) -> None:
        restored = restore(stored(b'{"spec":{"networkConfig":null}}'), self.earlier)
        assert restored.network_config == {"subdomainPolicy": "Shared"}

    def test_data_of_older_encoders_mean_the_same(self) -> None:
        older = self.live.data.replace(b'"metadata":{}', b'"metadata":{"creationTimestamp":null}')
        assert older != self.live.data
        assert restore(stored(older), self.live) == self.live

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"null", "Expected `object`"),
            (b"{}", "missing required field `spec`"),
            (b'{"spec":null}', "Expected `object`"),
            (b'{"spec":{"leaderWorkerTemplate":null}}', "^spec.leaderWorkerTemplate: an object"),
            (b'{"spec":{"leaderWorkerTemplate":{"size":"2"}}}', "^spec.leaderWorkerTemplate.size: a number"),
            (b'{"spec":{"leaderWorkerTemplate":{"size":9223372036854776000}}}', "does not fit 32 bits"),
        ],
    )
    def test_data_that_cannot_be_read(self, data: bytes, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            restore(stored(data), self.live)
