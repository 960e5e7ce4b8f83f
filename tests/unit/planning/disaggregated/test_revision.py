"""Revision hashes of section 5, each confirmed there by upstream's own function."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from lws.api.disaggregatedset import Role
from lws.planning.disaggregated.revision import encoded, revision_of

EMPTY_MEMBERS = [
    {
        "name": "prefill",
        "size": 1,
        "workerTemplate": {
            "metadata": {},
            "spec": {
                "volumes": [
                    {"name": "p", "projected": {}},
                    {
                        "name": "e",
                        "ephemeral": {
                            "volumeClaimTemplate": {
                                "spec": {
                                    "accessModes": ["ReadWriteOnce"],
                                    "dataSource": {"kind": "PersistentVolumeClaim", "name": "x"},
                                }
                            }
                        },
                    },
                ],
                "containers": [
                    {
                        "name": "c",
                        "image": "nginx:1.0",
                        "env": [
                            {"name": "A", "value": "<&>"},
                            {"name": "M", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                        ],
                        "resources": {"limits": {"cpu": "1000m"}},
                    }
                ],
            },
        },
        "volumeClaimTemplates": [{"metadata": {"name": "v"}}],
    },
    {"name": "decode", "workerTemplate": {}},
]


def roles(*templates: dict[str, Any]) -> tuple[Role, ...]:
    """Roles of these templates; ``name`` is taken out of each."""
    documents = [
        {
            "name": x["name"],
            "spec": {"leaderWorkerTemplate": {key: value for key, value in x.items() if key != "name"}},
        }
        for x in templates
    ]
    return msgspec.json.decode(json.dumps(documents), type=tuple[Role, ...])


def role(name: str, image: str = "", size: int = 1) -> dict[str, Any]:
    spec = {"containers": [{"name": "c", "image": image}]} if image else {}
    return {"name": name, "workerTemplate": {"spec": spec}, "size": size}


@pytest.mark.parametrize(
    ("templates", "revision"),
    [
        pytest.param([], "4f53cda1", id="no-roles"),
        pytest.param([role("prefill", "nginx:1.0"), role("decode", "nginx:1.0")], "46039bb8", id="two"),
        pytest.param([role("decode", "nginx:1.0"), role("prefill", "nginx:1.0")], "1641f7bb", id="swapped"),
        pytest.param([role("prefill", "nginx:2.0"), role("decode", "nginx:2.0")], "c8e3beb2", id="both-new"),
        pytest.param([role("prefill", "nginx:2.0"), role("decode", "nginx:1.0")], "c71c9734", id="one-new"),
        pytest.param([role("prefill"), role("decode")], "2fc6cb1d", id="empty-worker-template"),
        pytest.param([role("prefill", size=2), role("decode")], "d1606978", id="other-size"),
        pytest.param([role("other-role"), role("decode")], "e92c84f5", id="renamed"),
        pytest.param(EMPTY_MEMBERS, "e1bae696", id="empty-members"),
    ],
)
def test_revision(templates: list[dict[str, Any]], revision: str) -> None:
    assert revision_of(roles(*templates)) == revision


def test_big_integers_keep_all_digits() -> None:
    text = b'{"size":1,"workerTemplate":{"spec":{"terminationGracePeriodSeconds":9007199254740993}}}'
    assert '"terminationGracePeriodSeconds":9007199254740993,' not in encoded([("a", b"{}")])
    assert '"terminationGracePeriodSeconds":9007199254740993' in encoded([("a", text)])


def test_free_form_json_stays_as_it_came() -> None:
    managed = b'{"f:b":{"f:a":1.50},"f:a":{}}'
    text = b'{"workerTemplate":{"metadata":{"managedFields":[{"fieldsV1":%s}]}}}' % managed
    assert managed.decode() in encoded([("a", text)])


def test_a_value_of_another_type_is_named_with_its_role() -> None:
    broken = roles({"name": "decode", "workerTemplate": {"spec": {"containers": [{"name": 1}]}}})
    wanted = (
        r"spec.roles\[decode\].spec.leaderWorkerTemplate.workerTemplate.spec.containers\[0\].name: a string"
    )
    with pytest.raises(ValueError, match=wanted):
        revision_of(broken)
