"""Updates in place on a real cluster where groups have claims, nodes and topology of their own (1.4)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.cluster import Cluster
from support.devices import Racks, claims_of
from support.image_sets import NEW, SLOW, await_image, create, images
from support.sets import IMAGE, Document, Sets
from support.wholeness import await_whole

from lws.api import constants as c

pytestmark = pytest.mark.integration


def test_claims_and_nodes_of_groups_stay(sets: Sets, racks: Racks) -> None:
    """beyond.md, 3.3: claims are untouched; a group that comes later has one of its own, and not a former
    one's.
    """
    racks.template(sets.namespace)
    lws = create(sets, replicas=2, size=2, **sharing(IMAGE))
    claims, before = claims_of(lws.client, lws.namespace), lws.uids()
    assert [len(x) for x in claims.values()] == [2, 2]
    lws.change(**sharing(NEW))
    await_whole(lws)
    assert (lws.uids(), claims_of(lws.client, lws.namespace)) == (before, claims)
    lws.change(**sharing(SLOW))
    await_image(lws, 1, SLOW)
    lws.scale(1)
    await_whole(lws)
    lws.scale(2)
    await_whole(lws)
    assert {pod.image for pod in lws.pods()} == {SLOW}
    reserved = lws.until("claims", lambda: claims_of(lws.client, lws.namespace), lambda seen: len(seen) == 2)
    kept = {name for name, pods in reserved.items() if pods == lws.uids(0)}
    assert kept <= set(claims)
    assert [name for name, pods in reserved.items() if pods == lws.uids(1) and name not in claims] != []


@pytest.fixture
def racks(cluster: Cluster) -> Iterator[Racks]:
    """Three racks with two devices each."""
    made = Racks(cluster.client, "in-place.lws.test")
    for rack in (0, 1, 2):
        made.publish(rack, devices=2)
    yield made
    made.clear()


def sharing(image: str) -> Document:
    """Templates of that image, whose pods share a claim with their group, and say so by an annotation."""
    members = images(image, image)
    for role in members.values():
        role["metadata"]["annotations"][c.GROUP_CLAIMS_ANNOTATION] = "rack"
        role["spec"]["resourceClaims"] = [{"name": "rack", "resourceClaimTemplateName": "rack"}]
        role["spec"]["containers"][0]["resources"] = {"claims": [{"name": "rack"}]}
    return members
