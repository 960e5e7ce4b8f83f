"""Which set and which group an object leads to: by labels, name and owner (reconcilers.md, 7.1 and 8)."""

from __future__ import annotations

import pytest

from lws.api import constants as c
from lws.api.workloads import ControllerRevision, Pod, StatefulSet
from lws.controllers.indexes import group_of_owned, group_of_pod, leader_set_of, revision_of, set_of
from lws.objects import Key, ObjectMeta, OwnerReference


def metadata(name: str, labels: dict[str, str], *owners: OwnerReference) -> ObjectMeta:
    return ObjectMeta(name=name, namespace="ns", labels=labels, owner_references=owners)


def a_pod(name: str, /, **labels: str) -> Pod:
    return Pod(metadata=metadata(name, {c.PREFIX + x.replace("_", "-"): y for x, y in labels.items()}))


@pytest.mark.parametrize(
    ("labels", "keys"),
    [
        pytest.param({}, [], id="no-label"),
        pytest.param({c.NAME_LABEL: ""}, [], id="empty-label"),
        pytest.param({c.NAME_LABEL: "a"}, [Key("ns", "a")], id="label"),
    ],
)
def test_a_stateful_set_leads_to_the_set_it_is_labelled_with(labels: dict[str, str], keys: list[Key]) -> None:
    assert list(set_of(StatefulSet(metadata=metadata("other", labels)))) == keys


@pytest.mark.parametrize(
    ("pod", "sets"),
    [
        pytest.param(a_pod("a-0", name="a", worker_index="0"), [Key("ns", "a")], id="leader"),
        pytest.param(a_pod("a-0-1", name="a", worker_index="1"), [], id="worker"),
        pytest.param(a_pod("a-0", name="a"), [], id="no-index"),
        pytest.param(a_pod("a-0", worker_index="0"), [], id="no-name"),
    ],
)
def test_leaders_lead_to_their_set(pod: Pod, sets: list[Key]) -> None:
    assert list(leader_set_of(pod)) == sets


@pytest.mark.parametrize(
    ("pod", "groups"),
    [
        pytest.param(a_pod("a-0", worker_index="0"), [Key("ns", "a-0")], id="leader"),
        pytest.param(a_pod("a-0-12", worker_index="12"), [Key("ns", "a-0")], id="worker"),
        pytest.param(a_pod("a-0-1"), [Key("ns", "a-0")], id="no-index"),
        pytest.param(a_pod("a-0-x", worker_index="1"), [], id="no-ordinal"),
        pytest.param(a_pod("a", worker_index="1"), [], id="no-parent"),
    ],
)
def test_pods_lead_to_their_group(pod: Pod, groups: list[Key]) -> None:
    assert list(group_of_pod(pod)) == groups


@pytest.mark.parametrize(
    ("owners", "groups"),
    [
        pytest.param([OwnerReference("v1", "Pod", "a-0", "u", True)], [Key("ns", "a-0")], id="leader"),
        pytest.param([OwnerReference("v1", "Pod", "a-0", "u", False)], [], id="owner-but-not-controller"),
        pytest.param([OwnerReference(c.API_VERSION, c.KIND, "a", "u", True)], [], id="set"),
        pytest.param([], [], id="nobody"),
    ],
)
def test_what_a_leader_owns_leads_to_its_group(owners: list[OwnerReference], groups: list[Key]) -> None:
    assert list(group_of_owned(StatefulSet(metadata=metadata("a-0", {}, *owners)))) == groups


@pytest.mark.parametrize(
    ("labels", "keys"),
    [
        pytest.param({c.NAME_LABEL: "a"}, [], id="no-key"),
        pytest.param({c.REVISION_LABEL: "k"}, [], id="no-set"),
        pytest.param({c.NAME_LABEL: "a", c.REVISION_LABEL: "k"}, [(Key("ns", "a"), "k")], id="both"),
    ],
)
def test_a_revision_is_found_by_set_and_key(labels: dict[str, str], keys: list[tuple[Key, str]]) -> None:
    assert list(revision_of(ControllerRevision(metadata=metadata("x", labels)))) == keys
