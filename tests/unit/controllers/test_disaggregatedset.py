"""The DisaggregatedSet reconciler over an API server in memory (disaggregatedset.md, 23.3)."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.disaggregated import OWNER, STRANGER, a_role, revision
from support.disaggregated_cluster import Cluster

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.kube.errors import Conflict, Forbidden, Invalid
from lws.planning.actions import Document
from lws.planning.ownership import PASSING_GRACE
from lws.planning.progress import TEXT


def two(prefill: int = 2, decode: int = 2, image: str = "a", **config: Any) -> list[Document]:
    sizes = {"prefill": prefill, "decode": decode}
    return [a_role(name, size, image=image, **config) for name, size in sizes.items()]


def true(cluster: Cluster) -> set[str]:
    """But for what kstatus reads."""
    return {x.type for x in cluster.ds().status.conditions if x.status == "True"} - {c.RECONCILING}


def a_stored_child(role: str, rev: str, *, number: int | None, owner: Document = OWNER) -> Document:
    middle = "" if number is None else f"{number}-"
    labels = {d.NAME_LABEL: "llm", d.ROLE_LABEL: role, d.REVISION_LABEL: rev}
    return {
        "metadata": {
            "name": f"llm-{middle}{rev}-{role}",
            "namespace": "ns",
            "labels": labels if number is None else {**labels, d.SLICE_LABEL: str(number)},
            "ownerReferences": [owner],
        },
        "spec": a_role(role, 2)["spec"],
    }


def test_a_fresh_set_is_made_whole_and_then_left_alone() -> None:
    cluster = Cluster(*two(3, 2))
    cluster.reconcile()
    now = revision(cluster.ds())
    assert cluster.sizes() == {f"llm-0-{now}-prefill": 3, f"llm-0-{now}-decode": 2}
    assert true(cluster) == {d.PROGRESSING}
    assert cluster.names("Service") == []
    cluster.settle()
    assert true(cluster) == {d.AVAILABLE}
    assert cluster.names("Service") == [f"llm-0-{now}-decode-prv", f"llm-0-{now}-prefill-prv"]
    cluster.server.writes.clear()
    cluster.reconcile()
    assert cluster.server.writes == []


def test_scaling_is_no_rollout() -> None:
    cluster = Cluster(*two(3, 2))
    cluster.settle()
    cluster.edit(*two(5, 4))
    cluster.settle()
    now = revision(cluster.ds())
    assert cluster.sizes() == {f"llm-0-{now}-prefill": 5, f"llm-0-{now}-decode": 4}
    assert cluster.server.events == []


@pytest.mark.parametrize("slices", [1, 2])
def test_a_rollout_from_beginning_to_end(slices: int) -> None:
    cluster = Cluster(*two(3, 2), slices=slices)
    cluster.settle()
    cluster.edit(*two(3, 2, image="b"), slices=slices)
    cluster.settle()
    now = revision(cluster.ds())
    wanted = {
        f"llm-{x}-{now}-{role}": size for x in range(slices) for role, size in (("prefill", 3), ("decode", 2))
    }
    assert cluster.sizes() == wanted
    assert cluster.names("Service") == sorted(f"{x}-prv" for x in wanted)
    assert cluster.server.events.count(d.REASON_ROLLING_UPDATE_STARTED) == slices
    assert cluster.server.events.count(d.REASON_ROLLING_UPDATE_COMPLETED) == 1
    assert cluster.ds().status.rollout is None
    assert true(cluster) == {d.AVAILABLE}


@pytest.mark.parametrize("refused", [["prefill"], ["decode"], ["prefill", "decode"]])
def test_the_beginning_of_a_rollout_is_told_once_whatever_is_refused(refused: list[str]) -> None:
    """A quota is full; it is raised later."""
    cluster = Cluster(*two())
    cluster.settle()
    quota = list(refused)

    def no_room(verb: str, name: str) -> None:
        if verb == "create" and name.rsplit("-", maxsplit=1)[-1] in quota:
            raise Forbidden(403, message="exceeded quota")

    cluster.server.refuse = no_room
    cluster.edit(*two(image="b"))
    for _ in range(3):
        cluster.reconcile()
    told = cluster.server.events.count(d.REASON_ROLLING_UPDATE_STARTED)
    assert told == (len(refused) < 2)
    quota.clear()
    cluster.clock.advance(300)
    cluster.settle()
    assert true(cluster) == {d.AVAILABLE}
    assert cluster.server.events.count(d.REASON_ROLLING_UPDATE_STARTED) == 1


SAYS = {"type": c.PROGRESSING, "status": "True", "reason": c.REASON_GROUPS_PROGRESSING}


@pytest.mark.parametrize(
    ("status", "woken"),
    [
        ({"readyReplicas": 2}, True),
        ({"conditions": [{"type": c.STALLED, "status": "True", "reason": "R", "message": "why"}]}, True),
        ({"conditions": [SAYS | {"message": "group 1: ImagePull"}]}, True),
        ({"conditions": [SAYS | {"message": TEXT}]}, False),
        ({"groups": {"1": {"phase": "Starting", "reason": "NotReady"}}}, False),
    ],
)
def test_a_pass_follows_what_it_reads_of_a_child(status: Document, woken: bool) -> None:
    """And nothing else: a group that comes up changes its LeaderWorkerSet many times."""
    cluster = Cluster(*two())
    cluster.reconcile()
    [children] = [x for x in cluster.views if x.kind == "LeaderWorkerSet"]
    old = children.list()[0]
    document = cluster.server.objects["LeaderWorkerSet", old.name]
    cluster.server.put("LeaderWorkerSet", document | {"status": status})
    new = children.get(old.key)
    cluster.queued.clear()
    for handler in children.handlers:
        handler.on_update(old, new)
    assert bool(cluster.queued) is woken


@pytest.mark.parametrize("key", [d.REVISION_LABEL, d.NAME_LABEL])
def test_an_edited_label_by_which_templates_are_found_leads_to_a_pass(key: str) -> None:
    """And that one keeps the present templates again."""
    asking: Any = {"annotations": {c.HISTORY_LIMIT_ANNOTATION: "3"}}
    cluster = Cluster(*two())
    cluster.edit(*two(), **asking)
    cluster.settle()
    view = cluster.view("ControllerRevision")
    [old] = view.list()
    stored = cluster.server.objects[view.kind, old.name]
    metadata = {**stored["metadata"], "labels": {**stored["metadata"]["labels"], key: "edited"}}
    cluster.server.put(view.kind, stored | {"metadata": metadata})
    cluster.queued.clear()
    for handler in view.handlers:
        handler.on_update(old, view.get(old.key))
    assert cluster.ds().key in cluster.queued
    cluster.settle()
    present = [x for x in view.list() if x.labels[d.REVISION_LABEL] == revision(cluster.ds())]
    assert any(x.labels[d.NAME_LABEL] == "llm" for x in present)


def test_slices_come_and_go() -> None:
    cluster = Cluster(*two(), slices=2)
    cluster.settle()
    assert len(cluster.sizes()) == 4
    cluster.edit(*two(), slices=1)
    cluster.settle()
    assert [x.split("-")[1] for x in cluster.sizes()] == ["0", "0"]
    assert len(cluster.names("Service")) == 2


def test_an_object_from_before_slices_is_kept_until_slices_are_added() -> None:
    cluster = Cluster(*two())
    now = revision(cluster.ds())
    for role in ("prefill", "decode"):
        cluster.server.put("LeaderWorkerSet", a_stored_child(role, now, number=None))
    cluster.settle()
    assert cluster.names("LeaderWorkerSet") == [f"llm-{now}-decode", f"llm-{now}-prefill"]
    assert cluster.names("Service") == [f"llm-{now}-decode-prv", f"llm-{now}-prefill-prv"]
    cluster.edit(*two(), slices=2)
    cluster.reconcile()
    wanted = sorted(f"llm-{x}-{now}-{role}" for x in (0, 1) for role in ("prefill", "decode"))
    assert cluster.names("LeaderWorkerSet") == wanted
    assert cluster.names("Service") == []


def test_a_foreign_object_is_named_and_never_touched() -> None:
    cluster = Cluster(*two())
    now = revision(cluster.ds())
    another = {**STRANGER, "name": "another"}
    foreign = cluster.server.put("LeaderWorkerSet", a_stored_child("prefill", now, number=0, owner=another))
    result = cluster.reconcile()
    assert cluster.server.objects["LeaderWorkerSet", f"llm-0-{now}-prefill"] == foreign
    assert f"llm-0-{now}-decode" in cluster.names("LeaderWorkerSet")
    [stalled] = [x for x in cluster.ds().status.conditions if x.type == c.STALLED]
    assert f"LeaderWorkerSet llm-0-{now}-prefill" in stalled.message
    assert result.requeue_after


def test_a_foreign_service_that_no_informer_shows_is_named_too() -> None:
    cluster = Cluster(*two())
    name = f"llm-0-{revision(cluster.ds())}-prefill-prv"
    foreign = cluster.server.put("Service", {"metadata": {"name": name, "namespace": "ns"}})
    cluster.views[3].get = lambda key: None  # type: ignore[method-assign]
    for _ in range(3):
        cluster.make_ready()
        cluster.reconcile()
    [stalled] = [x for x in cluster.ds().status.conditions if x.type == c.STALLED]
    assert f"Service {name}" in stalled.message
    assert cluster.server.objects["Service", name] == foreign


def test_scalers_follow_the_mode() -> None:
    def roles(external: bool) -> list[Document]:
        return [a_role("prefill", 5, external=external), a_role("decode", 2)]

    cluster = Cluster(*roles(True))
    cluster.settle()
    assert cluster.sizes()[f"llm-0-{revision(cluster.ds())}-prefill"] == 1
    assert true(cluster) == {d.AVAILABLE}
    scaler = cluster.server.objects[d.SCALER_KIND, "llm-prefill"]
    assert (scaler["spec"]["replicas"], scaler["status"]["replicas"]) == (1, 1)
    cluster.server.put(d.SCALER_KIND, scaler | {"spec": {"replicas": 4}})
    cluster.settle()
    assert cluster.sizes()[f"llm-0-{revision(cluster.ds())}-prefill"] == 4
    cluster.edit(*roles(False))
    cluster.settle()
    assert cluster.names(d.SCALER_KIND) == []
    assert cluster.sizes()[f"llm-0-{revision(cluster.ds())}-prefill"] == 5
    assert cluster.server.events == [d.REASON_SCALER_CREATED, d.REASON_SCALER_DELETED]


def test_a_scalers_name_that_is_taken() -> None:
    cluster = Cluster(a_role("prefill", 5, external=True), a_role("decode", 2))
    metadata = {"name": "llm-prefill", "namespace": "ns"}
    foreign = cluster.server.put(d.SCALER_KIND, {"metadata": metadata, "spec": {"replicas": 9}})
    cluster.make_ready()
    cluster.reconcile()
    assert true(cluster) == {d.PROGRESSING, c.STALLED}
    assert d.REASON_SCALER_CONFLICT in cluster.server.events
    assert cluster.server.objects[d.SCALER_KIND, "llm-prefill"] == foreign


def test_a_set_that_is_being_deleted_is_left_alone() -> None:
    """Q-9."""
    cluster = Cluster(*two())
    cluster.edit(*two(), deletionTimestamp="2026-01-01T00:00:00Z")
    cluster.reconcile()
    assert cluster.server.writes == []


def test_nothing_is_done_before_all_is_known() -> None:
    cluster = Cluster(*two())
    cluster.views[1].has_synced = False
    assert cluster.reconcile().requeue_after
    assert cluster.awakened
    assert cluster.server.writes == []


def test_a_slice_that_fails_holds_no_other_up_and_the_status_says_why() -> None:
    cluster = Cluster(*two(), slices=2)

    def no_first_slice(verb: str, name: str) -> None:
        if verb == "create" and name.startswith("llm-0-"):
            raise Forbidden(403, "Forbidden", "no quota is left")

    cluster.server.refuse = no_first_slice
    assert cluster.reconcile().requeue_after
    assert [x.split("-")[1] for x in cluster.sizes()] == ["1", "1"]
    [stalled] = [x for x in cluster.ds().status.conditions if x.type == c.STALLED]
    assert (stalled.status, stalled.reason) == ("True", d.REASON_CHILD_REFUSED)
    assert "no quota is left" in stalled.message


def test_a_service_that_was_deleted_comes_back() -> None:
    cluster = Cluster(*two())
    cluster.settle()
    name = cluster.names("Service")[0]
    del cluster.server.objects["Service", name]
    cluster.settle()
    assert name in cluster.names("Service")


@pytest.mark.parametrize("slices", [1, 2])
def test_what_was_made_before_slices_rolls_when_the_template_changes_too(slices: int) -> None:
    cluster = Cluster(*two(), slices=slices)
    for role in ("prefill", "decode"):
        cluster.server.put("LeaderWorkerSet", a_stored_child(role, "0ld00000", number=None))
    cluster.make_ready()
    cluster.reconcile()
    now, sizes = revision(cluster.ds()), cluster.sizes()
    assert {x: sizes[f"llm-0ld00000-{x}"] for x in ("prefill", "decode")} == {"prefill": 2, "decode": 2}
    assert sizes[f"llm-0-{now}-prefill"] == 0
    made = cluster.server.objects["LeaderWorkerSet", f"llm-0-{now}-prefill"]
    assert made["metadata"]["labels"][d.SLICE_LABEL] == "0"
    assert sizes.get(f"llm-1-{now}-prefill") == (2 if slices == 2 else None)
    cluster.settle()
    assert all(now in x for x in cluster.sizes())


def test_a_foreign_object_with_a_legacy_name_is_left_alone() -> None:
    cluster = Cluster(*two(), slices=2)
    now = revision(cluster.ds())
    foreign = cluster.server.put(
        "LeaderWorkerSet", a_stored_child("prefill", now, number=None, owner=STRANGER)
    )
    cluster.reconcile()
    assert cluster.server.objects["LeaderWorkerSet", foreign["metadata"]["name"]] == foreign
    assert len(cluster.sizes()) == 5


def test_what_was_decided_by_an_old_view_is_not_done() -> None:
    cluster = Cluster(*two(3, 2))
    cluster.settle()
    before, seen = cluster.sizes(), cluster.views[2].list()
    for name in before:
        edited(cluster, "LeaderWorkerSet", name, annotations={"example.com/touched": "yes"})
    cluster.views[2].list = lambda: seen  # type: ignore[method-assign]
    cluster.edit(*two(5, 4))
    with pytest.raises(Conflict):
        cluster.reconcile()
    assert cluster.sizes() == before


def test_groups_that_may_not_go_keep_the_place_of_others() -> None:
    """In a step of a rollout, whose new groups come after the former ones have gone."""
    cluster = Cluster(*two(4, 4, unavailable=2))
    cluster.settle()
    former = revision(cluster.ds())
    cluster.edit(*two(4, 4, image="b", unavailable=2))
    cluster.reconcile()
    before = cluster.sizes()

    def no_patch(verb: str, name: str) -> None:
        if verb == "patch" and former in name:
            raise Invalid(422, "Invalid", "not at this size")

    cluster.server.refuse = no_patch
    for _ in range(3):
        cluster.make_ready()
        assert cluster.reconcile().requeue_after
    assert cluster.sizes() == before
    [stalled] = [x for x in cluster.ds().status.conditions if x.type == c.STALLED]
    assert "not at this size" in stalled.message


def measured(cluster: Cluster, name: str) -> dict[str, float]:
    """Of all series of that name, by role or outcome."""
    families = text_string_to_metric_families(cluster.metrics.exposition()[1].decode())
    samples = [x for family in families for x in family.samples if x.name == name]
    return {x.labels.get("role") or x.labels.get("outcome") or "": x.value for x in samples}


def test_rollouts_are_measured() -> None:
    cluster = Cluster(*two(3, 2), slices=2)
    cluster.settle()
    assert measured(cluster, "lws_role_groups_desired") == {"prefill": 6, "decode": 4}
    cluster.edit(*two(3, 2, image="b"), slices=2)
    cluster.reconcile()
    assert measured(cluster, "lws_disaggregated_rollout_in_progress") == {"": 1}
    assert measured(cluster, "lws_role_groups_updated") == {"prefill": 0, "decode": 0}
    cluster.edit(*two(3, 2, image="c"), slices=2)
    cluster.settle()
    counts = measured(cluster, "lws_disaggregated_rollout_duration_seconds_count")
    assert counts == {"completed": 1, "superseded": 1, "rolled_back": 0}
    assert measured(cluster, "lws_disaggregated_rollout_deviation_steps_count") == {"": 2}
    assert measured(cluster, "lws_disaggregated_rollout_steps_total")[""] >= 2 * 3
    assert measured(cluster, "lws_disaggregated_rollout_in_progress") == {"": 0}


def test_desired_groups_of_an_external_role_are_its_scaler_s() -> None:
    cluster = Cluster(a_role("prefill", 5, external=True), a_role("decode", 2))
    cluster.settle()
    scaler = cluster.server.objects[d.SCALER_KIND, "llm-prefill"]
    cluster.server.put(d.SCALER_KIND, scaler | {"spec": {"replicas": 4}})
    assert measured(cluster, "lws_role_groups_desired") == {"prefill": 4, "decode": 2}


def test_under_a_crd_that_drops_the_record_it_is_remembered() -> None:
    """Nothing is written again and again, and the end is told once."""
    cluster = Cluster(*two(3, 2))
    put = cluster.server.put

    def dropping(kind: str, document: Document) -> Document:
        status = {name: x for name, x in document.get("status", {}).items() if name != "rollout"}
        return put(kind, document | {"status": status})

    cluster.server.put = dropping  # type: ignore[method-assign]
    cluster.settle()
    cluster.edit(*two(3, 2, image="b"))
    for _ in range(3):
        cluster.reconcile()
    cluster.server.writes.clear()
    cluster.reconcile()
    assert cluster.server.writes == []
    cluster.settle()
    assert cluster.server.events.count(d.REASON_ROLLING_UPDATE_COMPLETED) == 1
    assert measured(cluster, "lws_disaggregated_rollout_duration_seconds_count")["completed"] == 1


def test_templates_are_kept_for_a_set_that_asks_for_it() -> None:
    """Decision 183: one revision for each template that it had, none any more when it asks no longer."""
    asking: Any = {"annotations": {c.HISTORY_LIMIT_ANNOTATION: "1"}}
    cluster = Cluster(*two())
    cluster.settle()
    assert cluster.names("ControllerRevision") == []
    kept = []
    for number, image in enumerate("abc", start=1):
        cluster.edit(*two(image=image), **asking)
        cluster.settle()
        kept.append(f"llm-{revision(cluster.ds())}-{number}")
    assert cluster.names("ControllerRevision") == sorted(kept[1:])
    cluster.server.writes.clear()
    cluster.reconcile()
    assert cluster.server.writes == []
    nobody: Any = {"annotations": {}}
    cluster.edit(*two(image="c"), **nobody)
    cluster.settle()
    assert cluster.names("ControllerRevision") == []


def test_a_paused_set_is_held() -> None:
    """Decision 181."""
    cluster = Cluster(*two())
    cluster.settle()
    before = cluster.sizes()
    paused: Any = {"annotations": {d.PAUSED_ANNOTATION: d.PAUSED}}
    cluster.edit(*two(image="b"), **paused)
    cluster.settle()
    assert cluster.sizes() == before
    assert true(cluster) == {d.PROGRESSING}
    resumed: Any = {"annotations": {}}
    cluster.edit(*two(image="b"), **resumed)
    cluster.settle()
    assert before.keys().isdisjoint(cluster.sizes())
    assert true(cluster) == {d.AVAILABLE}


def edited(cluster: Cluster, kind: str, name: str, **members: Any) -> None:
    """By somebody's hand: members of its metadata. A label of None is taken away."""
    stored = cluster.server.objects[kind, name]
    cluster.server.put(kind, stored | {"metadata": stored["metadata"] | members})


@pytest.mark.parametrize("label", [d.NAME_LABEL, d.ROLE_LABEL, d.REVISION_LABEL, d.SLICE_LABEL])
@pytest.mark.parametrize("value", [None, "1", "7", "decode", "deadbeef"])
@pytest.mark.parametrize("kind", ["LeaderWorkerSet", "Service", d.SCALER_KIND])
def test_labels_that_somebody_edits_are_put_back(kind: str, label: str, value: str | None) -> None:
    """What an object is, its name says: nothing is made, deleted or scaled because of them."""
    cluster = Cluster(a_role("prefill", 2, external=True), a_role("decode", 2), slices=2)
    cluster.settle()
    for name in [x for x in cluster.names(kind) if "decode" not in x]:
        before = cluster.server.objects[kind, name]
        labels = {**before["metadata"]["labels"], label: value}
        edited(cluster, kind, name, labels={key: x for key, x in labels.items() if x is not None})
        cluster.server.writes.clear()
        cluster.reconcile()
        assert set(cluster.server.writes) <= {f"patch {kind} {name}"}
        after = cluster.server.objects[kind, name]["metadata"]
        assert before["metadata"]["labels"].items() <= after["labels"].items()
        cluster.server.writes.clear()
        cluster.reconcile()
        assert cluster.server.writes == []


def test_a_service_selects_its_pods_again() -> None:
    """What somebody has added is left alone."""
    cluster = Cluster(*two())
    cluster.settle()
    name = cluster.names("Service")[0]
    before = cluster.server.objects["Service", name]
    selector = {**before["spec"]["selector"], d.ROLE_LABEL: "proxy", c.WORKER_INDEX_LABEL: "0"}
    cluster.server.put("Service", before | {"spec": {**before["spec"], "selector": selector}})
    cluster.reconcile()
    after = cluster.server.objects["Service", name]["spec"]["selector"]
    assert after == {**before["spec"]["selector"], c.WORKER_INDEX_LABEL: "0"}


def test_labels_that_may_not_be_put_back_do_no_harm() -> None:
    cluster = Cluster(*two(), slices=2)
    cluster.settle()
    before = cluster.sizes()

    def no_patch(verb: str, name: str) -> None:
        if verb == "patch":
            raise Invalid(422, "Invalid", "labels are ours")

    cluster.server.refuse = no_patch
    for name in before:
        labels = {**cluster.server.objects["LeaderWorkerSet", name]["metadata"]["labels"], d.SLICE_LABEL: "7"}
        edited(cluster, "LeaderWorkerSet", name, labels=labels)
    cluster.reconcile()
    assert cluster.sizes() == before
    [stalled] = [x for x in cluster.ds().status.conditions if x.type == c.STALLED]
    assert "labels are ours" in stalled.message


@pytest.mark.parametrize("kind", ["LeaderWorkerSet", "Service", d.SCALER_KIND])
def test_what_is_being_deleted_is_awaited(kind: str) -> None:
    """Something may hold it for long: it is named then, and nothing is asked for in its place before."""
    cluster = Cluster(a_role("prefill", 2, external=True), a_role("decode", 2))
    cluster.settle()
    name = next(x for x in cluster.names(kind) if "prefill" in x)
    deleted = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/x"]}
    edited(cluster, kind, name, **deleted)
    cluster.reconcile()
    cluster.server.writes.clear()
    asked: list[str] = []
    cluster.server.refuse = lambda verb, name: asked.append(f"{verb} {name}")
    cluster.reconcile()
    assert asked == []
    assert c.STALLED not in true(cluster)
    cluster.clock.advance(PASSING_GRACE)
    cluster.reconcile()
    [stalled] = [x for x in cluster.ds().status.conditions if x.type == c.STALLED]
    assert stalled.message == f"{kind} {name} is being deleted, held by its finalizers: example.com/x"
    del cluster.server.objects[kind, name]
    cluster.settle()
    assert name in cluster.names(kind)
    assert d.REASON_SCALER_CONFLICT not in cluster.server.events


def test_what_a_former_set_of_its_name_left_is_awaited() -> None:
    """The garbage collector takes it: nobody is told before that has had its time."""
    cluster = Cluster(a_role("prefill", 5, external=True), a_role("decode", 2))
    former = {"metadata": {"name": "llm-prefill", "namespace": "ns", "ownerReferences": [STRANGER]}}
    cluster.server.put(d.SCALER_KIND, former | {"spec": {"replicas": 9}})
    cluster.make_ready()
    cluster.reconcile()
    assert true(cluster) == {d.PROGRESSING}
    del cluster.server.objects[d.SCALER_KIND, "llm-prefill"]
    cluster.settle()
    assert true(cluster) == {d.AVAILABLE}
    assert d.REASON_SCALER_CONFLICT not in cluster.server.events


def test_an_autoscalers_word_that_comes_with_our_own_write_is_heard() -> None:
    """A list anew shows the scaler as our status patch left it, which the autoscaler had written before."""
    cluster = Cluster(a_role("prefill", 2, external=True), a_role("decode", 2))
    cluster.settle()
    (name,) = cluster.names(d.SCALER_KIND)
    view = next(x for x in cluster.views if x.kind == d.SCALER_KIND)
    before = view.list()[0]
    stored = cluster.server.objects[d.SCALER_KIND, name]
    metadata = {**stored["metadata"], "generation": stored["metadata"]["generation"] + 1}
    scaled = stored | {"spec": {"replicas": 5}, "metadata": metadata}
    cluster.server.put(d.SCALER_KIND, scaled | {"status": {**stored["status"], "replicas": 0}})
    cluster.reconcile()
    after = view.list()[0]
    assert after.status.replicas == before.status.replicas, "our own write is the last"
    for old, words in ((before, "heard of it once"), (None, "heard of it for the first time")):
        cluster.queued.clear()
        for handler in view.handlers:
            if old is None:
                handler.on_add(after, initial=True)
            else:
                handler.on_update(old, after)
        assert cluster.queued == [cluster.ds().key], words
    cluster.queued.clear()
    for handler in view.handlers:
        handler.on_update(after, after)
    assert cluster.queued == [], "our own write alone is no news"
