"""A change of controllers: live sets are taken over from upstream and given back, and no pod notices.

Upstream is ``support.upstream``: its writes, pass by pass.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import NamedTuple

import pytest
from support.audit import AuditLog
from support.devices import Racks, claims_of
from support.editing import edit
from support.scene import Scene
from support.sets import Document, LiveSet, template
from support.snapshots import keys, made_since, snapshot, version_of
from support.upstream import Upstream, as_of_old
from support.waiting import steady, until
from support.wholeness import await_whole, problems

from lws.api import constants as c
from lws.controllers.resources import LEADERWORKERSETS

pytestmark = pytest.mark.integration

NEW = "docker.io/nginxinc/nginx-unprivileged:1.28"
NOT_READY = "hollow.lws/not-ready"
UNIQUE = {"subdomainPolicy": "UniquePerReplica"}
OLD_HASH = "5f8b6c9dd4"  # of a release that made no revisions
KEY = "7bdcf6cbd6"  # of the default object (reconcilers.md, 4.3)


def whole_by(upstream: Upstream, lws: LiveSet) -> None:
    """Let upstream work until the set is whole."""

    def look() -> list[str]:
        upstream.reconcile()
        return problems(lws)

    until(f"{lws} to be whole", look, lambda seen: not seen)


def await_recorded(lws: LiveSet) -> None:
    """Our manager has looked at every group: this is what its status has and upstream's has not."""
    replicas = lws.get()["spec"]["replicas"]
    lws.until("its records", lambda: lws.status.get("groups", {}), lambda seen: len(seen) == replicas)


def begin_canary(upstream: Upstream, lws: LiveSet) -> None:
    """Let upstream roll everything from the set's partition up, and rest."""
    lws.change(workerTemplate=template("worker", NEW))

    def look() -> int:
        upstream.reconcile()
        return int(lws.status.get("updatedReplicas", 0)) if lws.condition(c.AVAILABLE) == "True" else 0

    until(f"{lws} to rest at its partition", look)


def test_sets_at_rest_are_taken_over_with_a_label_and_a_record(scene: Scene) -> None:
    """Whoever spelled the revision: our record once for each set, and the label of its role for each
    StatefulSet (decision 122), which no pod notices.
    """
    plain, canary = scene.sets.create("test-sample"), scene.sets.create("canary", partition=1)
    old, unique = scene.sets.create("old"), scene.sets.create("unique", networkConfig=UNIQUE)
    alone = scene.sets.create("alone", size=1, leaderTemplate=None)
    hands = [scene.upstream(x) for x in (plain, canary, unique, alone)]
    hands.append(scene.upstream(old, spelling=as_of_old))
    several = [plain, canary, unique, alone, old]
    for upstream, lws in zip(hands, several, strict=True):
        whole_by(upstream, lws)
    begin_canary(hands[1], canary)
    assert keys(plain) == [KEY]
    assert keys(old) != keys(plain), "nothing to forgive"
    before = [snapshot(x) for x in several]
    log = AuditLog(scene.cluster.audit_log)
    log.mark()
    scene.enter()
    for lws in (plain, canary, unique, old):
        await_recorded(lws)
    steady("what is written", log.writes, window=2.0)
    assert [snapshot(x) for x in several] == before
    sets_of_all = sum(1 + len(x.worker_sets()) for x in several)
    assert log.writes() == Counter({"patch leaderworkersets/status": 4, "patch statefulsets": sets_of_all})


def test_a_set_from_before_revisions_keeps_its_hash(scene: Scene) -> None:
    """10.1 #44: the missing revision is made under the key that the StatefulSet has; nothing restarts."""
    lws = scene.sets.create()
    until("the set of an old release", lambda: make_old(scene.upstream(lws, key=OLD_HASH), lws))
    before = snapshot(lws)
    assert not before.revisions
    scene.enter()
    await_whole(lws)
    await_recorded(lws)
    assert snapshot(lws)._replace(revisions={}) == before
    assert keys(lws) == [OLD_HASH]
    lws.change(workerTemplate=template("worker", NEW))
    await_whole(lws)
    assert keys(lws) != [OLD_HASH]


def make_old(upstream: Upstream, lws: LiveSet) -> bool:
    upstream.reconcile()
    return lws.condition(c.AVAILABLE) == "True"


@pytest.mark.parametrize("surge", [0, 2])
def test_a_roll_is_taken_over_where_it_stands(scene: Scene, surge: int) -> None:
    """Two groups of four are new: they stay, and the others are torn down once each."""
    rolling = {"replicas": 4, "maxUnavailable": 2 - surge, "maxSurge": surge}
    sets = [scene.sets.create("today", **rolling), scene.sets.create("old", **rolling)]
    hands = [scene.upstream(sets[0]), scene.upstream(sets[1], spelling=as_of_old)]
    for upstream, lws in zip(hands, sets, strict=True):
        whole_by(upstream, lws)
        lws.change(workerTemplate=template("worker", NEW), leaderTemplate=template("leader", NEW))
        roll_to_the_middle(upstream, lws, partition=4 if surge else 2)
    before = [snapshot(x) for x in sets]
    versions = [version_of(x) for x in sets]
    scene.enter()
    await_whole(*sets)
    for lws, then, version in zip(sets, before, versions, strict=True):
        now = snapshot(lws)
        kept = {name for name, uid in now.pods.items() if then.pods.get(name) == uid}
        assert kept == set() if surge else {pod for x in (2, 3) for pod in pods_of(lws, x)}
        replaced = {pod for x in range(4 if surge else 2) for pod in pods_of(lws, x)}
        assert made_since(lws, version) == Counter(replaced)
        assert now.revisions.items() < then.revisions.items(), "upstream's revision is the one that stays"


def pods_of(lws: LiveSet, group: int) -> list[str]:
    return [f"{lws.name}-{group}", f"{lws.name}-{group}-1"]


def roll_to_the_middle(upstream: Upstream, lws: LiveSet, *, partition: int) -> None:
    """Let upstream's partition sink so far, and wait until the groups from there up are new and ready."""

    def applied() -> int:
        upstream.reconcile_set()
        return lws.partition

    until(f"partition {partition}", applied, lambda seen: seen == partition)
    key = keys(lws)[-1]

    def new_and_ready() -> bool:
        upstream.reconcile_groups()
        groups = [pod for pod in lws.pods() if pod.group >= partition]
        count = 2 * (lws.leader_set()["spec"]["replicas"] - partition)
        return len(groups) == count and all(x.ready and not x.deleting and x.revision == key for x in groups)

    until("the new groups", new_and_ready)


def test_a_set_at_rest_is_given_back(scene: Scene) -> None:
    """Upstream's passes over what we made apply nothing new and make nothing."""
    scene.enter()
    sets = [
        scene.sets.create("plain"),
        scene.sets.create("unique", networkConfig=UNIQUE),
        scene.sets.create("alone", size=1, leaderTemplate=None),
    ]
    await_whole(*sets)
    scene.leave()
    assert keys(sets[0]) == [KEY]
    assert names_in(sets[0].leader_set()) == LEADER_NAMES
    assert [names_in(x) for x in sets[0].worker_sets()] == [worker_names(sets[0], x) for x in (0, 1)]
    for lws in sets:
        before, leader_set = snapshot(lws), lws.leader_set()
        upstream = scene.upstream(lws)
        for _ in range(3):
            upstream.reconcile()
        assert upstream.revisions_made == 0
        assert snapshot(lws) == before
        given_up = names_in(leader_set)
        del given_up.labels[c.ROLE_LABEL]
        assert names_in(lws.leader_set()) == given_up
        assert not problems(lws)


class Names(NamedTuple):
    """Labels and annotations of a StatefulSet and of its pod template."""

    labels: dict[str, str]
    annotations: dict[str, str]
    pod_labels: dict[str, str]
    pod_annotations: dict[str, str]


def names_in(stateful_set: Document) -> Names:
    metadata, template = stateful_set["metadata"], stateful_set["spec"]["template"]["metadata"]
    of_both = [x.get(member, {}) for x in (metadata, template) for member in ("labels", "annotations")]
    return Names(*of_both)


# To the letter what upstream puts on the children of the default object (reconcilers.md, 2 and 7.4), and the
# label of a StatefulSet's role (docs/decisions/122).
LEADER_NAMES = Names(
    {c.NAME_LABEL: "plain", c.REVISION_LABEL: KEY, c.ROLE_LABEL: c.ROLE_LEADER},
    {c.REPLICAS_ANNOTATION: "2"},
    {c.NAME_LABEL: "plain", c.REVISION_LABEL: KEY, c.WORKER_INDEX_LABEL: "0"},
    {c.SIZE_ANNOTATION: "2"},
)


def worker_names(lws: LiveSet, group: int) -> Names:
    key = hashlib.sha1(f"{lws.namespace}/plain-{group}".encode()).hexdigest()
    identity = {c.NAME_LABEL: "plain", c.GROUP_INDEX_LABEL: str(group), c.GROUP_KEY_LABEL: key}
    labels = identity | {c.REVISION_LABEL: KEY}
    own = labels | {c.ROLE_LABEL: c.ROLE_WORKER}
    return Names(own, {}, labels, {c.SIZE_ANNOTATION: "2", c.LEADER_NAME_ANNOTATION: f"plain-{group}"})


def test_a_roll_is_given_back_where_it_stands(scene: Scene) -> None:
    """Upstream changes nothing while the new groups start, and finishes the roll once they are ready."""
    scene.enter()
    lws = scene.sets.create(replicas=4, maxUnavailable=2)
    await_whole(lws)
    lws.change(workerTemplate=template("worker", NEW, not_ready="true"))
    lws.until("two new groups", lambda: new_pods(lws), lambda seen: len(seen) == 4)
    scene.leave()
    before, version = snapshot(lws), version_of(lws)
    assert (lws.partition, len(before.revisions)) == (2, 2)
    upstream = scene.upstream(lws)
    for _ in range(3):
        upstream.reconcile()
    assert snapshot(lws) == before

    def finish() -> list[str]:
        make_ready(lws)
        upstream.reconcile()
        return problems(lws)

    until("upstream to finish the roll", finish, lambda seen: not seen)
    assert upstream.revisions_made == 0
    replaced = [pod for x in (0, 1) for pod in pods_of(lws, x)]
    assert made_since(lws, version) == Counter(replaced)
    assert {name: uid for name, uid in before.pods.items() if name not in replaced}.items() <= snapshot(
        lws
    ).pods.items()


def test_former_templates_do_not_disturb_upstream(scene: Scene) -> None:
    """It leaves them as they are while nothing rolls, and clears them away with its next roll."""
    scene.enter()
    lws = scene.sets.create(metadata={"annotations": {c.HISTORY_LIMIT_ANNOTATION: "3"}})
    await_whole(lws)
    for image in (NEW, f"{NEW}.1"):
        lws.change(workerTemplate=template("worker", image))
        lws.await_available()
    scene.leave()
    before = snapshot(lws)
    assert len(before.revisions) == 3
    upstream = scene.upstream(lws)
    upstream.reconcile()
    assert snapshot(lws).pods == before.pods
    lws.change(workerTemplate=template("worker", f"{NEW}.2"))
    whole_by(upstream, lws)
    assert upstream.revisions_made == 1
    lws.until("its own revision alone", lws.revisions, lambda seen: len(seen) == 1)


def test_a_roll_of_an_earlier_version_of_ours_goes_on(scene: Scene) -> None:
    """One without ``status.rollout``: it rests while the new groups start, and ends as it would have."""
    scene.enter()
    at_rest, lws = scene.sets.create("rest"), scene.sets.create("roll", replicas=4, maxUnavailable=2)
    await_whole(at_rest, lws)
    lws.change(workerTemplate=template("worker", NEW, not_ready="true"))
    lws.until("two new groups", lambda: new_pods(lws), lambda seen: len(seen) == 4)
    scene.leave()
    edit(
        lws.client,
        LEADERWORKERSETS,
        lws.name,
        lambda document: document["status"].pop("rollout"),
        namespace=lws.namespace,
        subresource="status",
    )
    before, version = [snapshot(x) for x in (at_rest, lws)], version_of(lws)
    scene.enter()
    lws.until("its record", lambda: lws.status.get("rollout"))
    assert steady("both", lambda: [snapshot(x) for x in (at_rest, lws)], window=2.0) == before
    lws.until("the end", lambda: make_ready(lws) or problems(lws), lambda seen: not seen)
    assert made_since(lws, version) == Counter(pod for x in (0, 1) for pod in pods_of(lws, x))
    assert snapshot(at_rest) == before[0]


def make_ready(lws: LiveSet) -> None:
    """Let the pods start that were told not to."""
    for pod in lws.pods():
        if pod.document["metadata"]["annotations"].get(NOT_READY) == "true":
            lws.annotate_pod(pod.name, NOT_READY, "false")


def new_pods(lws: LiveSet) -> list[str]:
    """The pods of the newest revision whose group is complete."""
    key = keys(lws)[-1]
    return [x.name for x in lws.pods() if x.revision == key and not x.deleting]


def assert_given_back_and_taken_over(scene: Scene, lws: LiveSet) -> None:
    """To upstream's passes everything is as it should be, and to ours afterwards."""
    scene.leave()
    before, upstream = snapshot(lws), scene.upstream(lws)
    for _ in range(3):
        upstream.reconcile()
    assert upstream.revisions_made == 0
    scene.enter()
    await_recorded(lws)
    assert steady("the set", lambda: snapshot(lws), window=2.0) == before


def test_groups_with_nodes_of_their_own_are_given_back_and_taken_over(scene: Scene) -> None:
    """beyond.md, 2.3, 10: to upstream the annotations are those of anybody, in revisions as in pods."""
    scene.enter()
    worker = template("worker")
    worker["metadata"]["annotations"][c.REPLICA_TOLERATION_ANNOTATION] = "lws.test/group:NoSchedule"
    lws = scene.sets.create(workerTemplate=worker)
    await_whole(lws)
    [tolerating, _] = [
        [x.get("value") for x in pod.document["spec"]["tolerations"] if x["key"] == "lws.test/group"]
        for pod in lws.pods()
        if pod.worker
    ]
    assert tolerating == ["test-sample-0"]
    assert_given_back_and_taken_over(scene, lws)


def test_groups_that_share_claims_are_given_back_and_taken_over(scene: Scene, namespace: str) -> None:
    """beyond.md, 3.4, 8: pods and claims stay, and to upstream's passes everything is as it should be."""
    client = scene.cluster.client
    racks = Racks(client, "swap.lws.test")
    racks.publish(0, devices=4)
    racks.template(namespace)
    worker = template("worker")
    worker["metadata"]["annotations"][c.GROUP_CLAIMS_ANNOTATION] = "rack"
    worker["spec"]["resourceClaims"] = [{"name": "rack", "resourceClaimTemplateName": "rack"}]
    scene.enter()
    lws = scene.sets.create(workerTemplate=worker)
    await_whole(lws)
    claims = claims_of(client, namespace)
    assert_given_back_and_taken_over(scene, lws)
    assert (len(claims), claims_of(client, namespace)) == (2, claims)
    racks.clear()
