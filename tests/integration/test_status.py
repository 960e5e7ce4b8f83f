"""What a set says of itself: conditions, counters and events, in the words that tools look for."""

from __future__ import annotations

import pytest
from support.sets import Document, LiveSet, Sets, template
from support.waiting import steady
from support.wholeness import await_whole

from lws.api import constants as c
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.resources import CONTROLLER_REVISIONS

pytestmark = pytest.mark.integration

SLOW = template("worker", start_delay="1h")
NODE_POOL = {"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: "cloud.google.com/gke-nodepool"}}


def start(lws: LiveSet, group: int) -> None:
    """Let the slow worker of a group start now."""
    lws.until("the worker", lambda: len(lws.group(group)) == 2)
    lws.annotate_pod(f"{lws.name}-{group}-1", "hollow.lws/start-delay", None)


def conditions(lws: LiveSet) -> dict[str, tuple[str, str, str]]:
    """But for ``Reconciling``, which only says that there is none of Available and Stalled."""
    told = [x for x in lws.status["conditions"] if x["type"] != c.RECONCILING]
    return {x["type"]: (x["status"], x["reason"], x["message"]) for x in told}


def await_note(lws: LiveSet, reason: str, note: str) -> None:
    lws.until(f"the event {note!r}", lambda: lws.notes(reason), lambda notes: note in notes)


def test_conditions_go_round(sets: Sets) -> None:
    """10.1 #16, #23, #24, #26, C8, C9, C10: progressing, available, progressing again."""
    lws = sets.create(replicas=2, size=2, maxSurge=1, workerTemplate=SLOW)
    lws.await_condition(c.PROGRESSING)
    progressing = ("True", "GroupsProgressing", "Replicas are progressing")
    assert conditions(lws) == {c.PROGRESSING: progressing}
    await_note(lws, "GroupsProgressing", "Replicas are progressing, with 0 groups ready of total 2 groups")
    start(lws, 0)
    start(lws, 1)
    await_whole(lws)
    available = ("True", "AllGroupsReady", "All replicas are ready")
    assert conditions(lws) == {c.PROGRESSING: ("False", *progressing[1:]), c.AVAILABLE: available}
    await_note(lws, "AllGroupsReady", "All replicas are ready, with 2 groups ready of total 2 groups")
    lws.change(replicas=3)
    lws.await_condition(c.PROGRESSING)
    assert conditions(lws) == {c.PROGRESSING: progressing, c.AVAILABLE: ("False", *available[1:])}
    await_note(lws, "GroupsProgressing", "Replicas are progressing, with 2 groups ready of total 3 groups")


def test_events_tell_what_was_made_and_what_rolls(sets: Sets) -> None:
    """10.1 #7, #27."""
    lws = sets.create(replicas=2, size=2)
    await_whole(lws)
    lws.change(workerTemplate=template("worker", "another"))
    await_whole(lws)
    starts = (
        ("CreatingRevision", "Creating revision with key ", " for a newly created LeaderWorkerSet"),
        ("CreatingRevision", "Creating revision with key ", " for updated LWS"),
        ("GroupsProgressing", f"Created leader statefulset {lws.name}", ""),
        ("GroupsProgressing", f"Created worker statefulset for leader pod {lws.name}-", ""),
        ("GroupsUpdating", "Rolling Upgrade is in progress, with 2 groups ready of total 2 groups", ""),
        ("GroupsUpdating", "Updating replica 1", ""),
    )
    for reason, first, last in starts:
        lws.until(
            f"the event {first}...{last}",
            lambda reason=reason: lws.notes(reason),  # type: ignore[misc]
            lambda notes, first=first, last=last: any(  # type: ignore[misc]
                x.startswith(first) and x.endswith(last) for x in notes
            ),
        )


def test_a_status_that_somebody_wiped_comes_back(sets: Sets) -> None:
    """10.1 #25, C12."""
    lws = sets.create(replicas=1, size=2)
    await_whole(lws)
    wiped: Document = {"status": {"conditions": [], "readyReplicas": 0}}
    lws.client.merge_patch(
        LEADERWORKERSETS, dict, lws.name, wiped, namespace=lws.namespace, subresource="status"
    )
    await_whole(lws)


def test_a_set_without_its_revision_gets_it_again_and_does_not_roll(sets: Sets) -> None:
    """10.1 #44: the upgrade from a version that kept no revisions, or a revision that somebody deleted."""
    lws = sets.create(replicas=2, size=2)
    await_whole(lws)
    old, keys = lws.uids(), revision_keys(lws)
    (name,) = [x["metadata"]["name"] for x in lws.revisions()]
    lws.client.delete(CONTROLLER_REVISIONS, dict, name, namespace=lws.namespace)
    lws.annotate(**{"example.com/look": "again"})
    lws.until("the revision", lambda: revision_keys(lws), lambda seen: seen == keys)
    await_whole(lws)
    assert steady("the pods", lws.uids) == old


def test_a_group_without_a_place_gets_no_workers(sets: Sets) -> None:
    """10.1 #17: no node has the label, so no leader is scheduled, and no worker knows where to go."""
    lws = sets.create(replicas=2, size=2, metadata=NODE_POOL)
    lws.until("both leaders", lws.pods, lambda pods: len(pods) == 2)
    lws.await_condition(c.PROGRESSING)
    assert steady("the worker StatefulSets", lws.worker_sets) == []


def test_claim_templates_cannot_be_edited_and_the_set_says_so(sets: Sets) -> None:
    """reconcilers.md, 2.2 and 12: the StatefulSet refuses; revisions do not pile up; undoing it mends it."""

    def claims(size: str) -> list[Document]:
        wants = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
        return [{"metadata": {"name": "data"}, "spec": wants}]

    lws = sets.add(with_claims(sets, claims("1Gi")))
    lws.until("the leader", lws.pods)
    assert lws.leader_set()["spec"]["volumeClaimTemplates"][0]["spec"]["resources"] == {
        "requests": {"storage": "1Gi"}
    }
    first = lws.leader_set()["metadata"]["labels"][c.REVISION_LABEL]
    lws.change_template(volumeClaimTemplates=claims("2Gi"))
    lws.until("the event", lambda: lws.notes("FailedUpdate"))
    assert "Failed to update leader statefulset" in lws.notes("FailedUpdate")[0]
    assert steady("the revisions", lambda: len(lws.revisions())) <= 2
    lws.change_template(volumeClaimTemplates=claims("1Gi"))
    lws.change(replicas=2)
    lws.until("two leaders asked for", lambda: lws.leader_set()["spec"]["replicas"], lambda seen: seen == 2)
    assert lws.leader_set()["metadata"]["labels"][c.REVISION_LABEL] == first
    assert first in revision_keys(lws)


def revision_keys(lws: LiveSet) -> list[str]:
    return [x["metadata"]["labels"][c.REVISION_LABEL] for x in lws.revisions()]


def with_claims(sets: Sets, claims: list[Document]) -> Document:
    document = sets.document(replicas=1, size=1)
    document["spec"]["leaderWorkerTemplate"]["volumeClaimTemplates"] = claims
    return document
