"""What of an object leads to a pass."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.groups import a_leader, a_revision, a_set, a_worker, a_worker_set

from lws.api import constants as c
from lws.controllers.news import (
    leader_aspects,
    pod_aspects,
    revision_changed,
    stateful_set_aspects,
    upkeep_aspects,
)


@pytest.mark.parametrize("member", ["labels", "annotations", "owner_references"])
def test_an_edit_of_what_is_put_back_is_news_to_set_and_group(member: str) -> None:
    """No generation changes with it, so nothing else would lead to a pass before the next resync."""
    one = a_worker_set(a_leader(0))
    edited = {"owner_references": ()} if member == "owner_references" else {member: {"a": "b"}}
    other = replace(one, metadata=replace(one.metadata, **edited))
    assert stateful_set_aspects(one) != stateful_set_aspects(other)
    assert upkeep_aspects(one) != upkeep_aspects(other)


@pytest.mark.parametrize(
    "key",
    [c.SIZE_ANNOTATION, c.SUBDOMAIN_POLICY_ANNOTATION, c.GROUP_CLAIMS_ANNOTATION, c.POD_GROUP_ANNOTATION],
)
def test_what_a_leader_says_of_its_group_is_news_to_set_and_group(key: str) -> None:
    """Passes read it, so a hand's edit of it is looked at now and not with the next resync."""
    leader, other = a_leader(0), a_leader(0, annotations={key: "edited"})
    assert leader_aspects(leader) != leader_aspects(other)
    assert pod_aspects(leader) != pod_aspects(other)


def test_what_others_write_into_a_leaders_annotations_is_no_news() -> None:
    leader = a_leader(0)
    annotations = {**leader.annotations, "k8s.v1.cni.cncf.io/network-status": "[]"}
    other = replace(leader, metadata=replace(leader.metadata, annotations=annotations))
    assert leader_aspects(leader) == leader_aspects(other)
    assert pod_aspects(leader) == pod_aspects(other)


def test_from_what_a_worker_was_made_is_news_to_its_group() -> None:
    leader = a_leader(0)
    assert pod_aspects(a_worker(leader, 1)) != pod_aspects(a_worker(leader, 1, key="edited"))


@pytest.mark.parametrize("edit", [{"labels": {c.REVISION_LABEL: "b"}}, {"owner_references": ()}])
def test_an_edited_revision_is_news_to_its_set(edit: dict[str, Any]) -> None:
    one = a_revision(a_set())
    assert revision_changed(one, replace(one, metadata=replace(one.metadata, **edit)))


def test_a_revision_that_is_in_use_again_is_news_to_its_set_and_a_new_one_is_not() -> None:
    one = a_revision(a_set())
    assert revision_changed(one, replace(one, revision=one.revision + 1))
    assert not revision_changed(None, one)
    assert not revision_changed(one, replace(one))
