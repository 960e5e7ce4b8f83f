"""Which revision a set uses: reconcilers.md, 1.1, 4.1, 4.4, 4.5, 4.7, 9 and 12."""

from __future__ import annotations

import msgspec
import pytest
from support.groups import NAME, NAMESPACE, a_leader_set, a_set

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.api.workloads import ControllerRevision, PodTemplate, RevisionOfTemplate, StatefulSet, TemplateMeta
from lws.objects import Key, ObjectMeta, ObjectReference, OwnerReference
from lws.planning.actions import Create
from lws.planning.revisions import (
    RevisionPlan,
    Template,
    owned_revisions,
    plan_revision,
    plan_truncation,
    template_of,
)

OWNER = OwnerReference(c.API_VERSION, c.KIND, NAME, "uid-set", controller=True, block_owner_deletion=True)
A, B = a_set(size=2), a_set(size=3)


def revision(
    template: Template | bytes,
    number: int,
    *,
    key: str = "",
    owner: OwnerReference | None = OWNER,
    name: str = "",
    deleting: bool = False,
) -> ControllerRevision:
    data, key = (template, key) if isinstance(template, bytes) else (template.data, key or template.key)
    metadata = ObjectMeta(
        name=name or f"{NAME}-{key}-{number}",
        namespace=NAMESPACE,
        uid=f"uid-{number}",
        labels={c.NAME_LABEL: NAME, c.REVISION_LABEL: key},
        owner_references=(owner,) if owner else (),
        deletion_timestamp="2026-01-01T00:00:00Z" if deleting else None,
    )
    return ControllerRevision(metadata, number, msgspec.Raw(data))


def leader(key: str, *, pods: str = "") -> StatefulSet:
    """``pods``: the key in its pod template."""
    observed = a_leader_set()
    metadata = msgspec.structs.replace(observed.metadata, labels={c.REVISION_LABEL: key} if key else {})
    template = PodTemplate(TemplateMeta(RevisionOfTemplate(pods)))
    spec = msgspec.structs.replace(observed.spec, template=template)
    return msgspec.structs.replace(observed, metadata=metadata, spec=spec)


def plan(
    lws: LeaderWorkerSet, observed: StatefulSet | None, revisions: list[ControllerRevision]
) -> RevisionPlan:
    planned = plan_revision(lws, observed, revisions, template_of(lws))
    assert (planned.current is None) != (planned.create is None)
    assert planned.template == template_of(lws)
    return planned


def made(create: Create | None) -> ControllerRevision:
    """The revision as the API server would show it."""
    assert create is not None
    return msgspec.json.decode(msgspec.json.encode(create.document), type=ControllerRevision)


def note(planned: RevisionPlan) -> str:
    assert planned.create is not None
    (record,) = planned.create.then
    return record.note


KEY_A, KEY_B = template_of(A).key, template_of(B).key
RA1 = revision(template_of(A), 1)
RB2 = revision(template_of(B), 2)


def test_a_new_set_gets_its_first_revision() -> None:
    planned = plan(A, None, [])
    assert (planned.key, planned.changed) == (KEY_A, False)
    assert planned.create is not None
    assert planned.create.kind == "ControllerRevision"
    document = dict(planned.create.document)
    assert bytes(document.pop("data")) == template_of(A).data
    assert document == {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{NAME}-{KEY_A}-1",
            "namespace": NAMESPACE,
            "labels": {c.NAME_LABEL: NAME, c.REVISION_LABEL: KEY_A},
            "ownerReferences": [
                {
                    "apiVersion": "leaderworkerset.x-k8s.io/v1",
                    "kind": "LeaderWorkerSet",
                    "name": NAME,
                    "uid": "uid-set",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "revision": 1,
    }
    (event,) = planned.create.then
    assert (event.type, event.reason, event.action) == ("Normal", "CreatingRevision", "Create")
    assert event.note == f"Creating revision with key {KEY_A} for a newly created LeaderWorkerSet"
    assert event.regarding == ObjectReference(c.API_VERSION, c.KIND, NAME, NAMESPACE, "uid-set")
    related = ObjectReference("apps/v1", "ControllerRevision", f"{NAME}-{KEY_A}-1", NAMESPACE)
    assert event.related == planned.reference == related


def test_nothing_changed() -> None:
    planned = plan(A, leader(KEY_A), [RA1])
    assert (planned.current, planned.key, planned.changed) == (RA1, KEY_A, False)
    assert planned.reference.uid == "uid-1"


def test_a_changed_template() -> None:
    planned = plan(B, leader(KEY_A), [RA1])
    assert (planned.key, planned.changed) == (KEY_B, True)
    assert note(planned) == f"Creating revision with key {KEY_B} for updated LWS"
    created = made(planned.create)
    assert (created.name, created.revision) == (f"{NAME}-{KEY_B}-2", 2)


def test_an_older_controllers_set_keeps_its_key() -> None:
    planned = plan(A, leader("old-key"), [])
    assert (planned.key, planned.changed) == ("old-key", False)
    assert note(planned) == "Creating missing revision with key old-key for existing LeaderWorkerSet"
    created = made(planned.create)
    assert created.labels[c.REVISION_LABEL] == "old-key"
    assert created.name == f"{NAME}-{KEY_A}-1"
    again = plan(A, leader("old-key"), [created])
    assert (again.current, again.key, again.changed) == (created, "old-key", False)
    assert plan(B, leader("old-key"), [created]).key == KEY_B


def test_a_label_of_no_revision_is_an_older_controllers_key() -> None:
    """10.1 #44: whoever wrote it, and whatever the pod template says."""
    planned = plan(A, leader("template-hash", pods=KEY_A), [revision(template_of(A), 1)])
    assert (planned.key, planned.changed) == ("template-hash", False)
    assert made(planned.create).labels[c.REVISION_LABEL] == "template-hash"


@pytest.mark.parametrize("label", ["", KEY_B], ids=["removed", "of a former template"])
def test_an_edited_label_is_no_other_template(label: str) -> None:
    """The set was adopted with a key of its own, which is not the one that its template has today."""
    former, adopted = revision(template_of(B), 1), revision(template_of(A), 2, key="adopted")
    planned = plan(A, leader(label, pods="adopted"), [former, adopted])
    assert (planned.current, planned.key, planned.changed) == (adopted, "adopted", False)
    assert plan(B, leader(label, pods="adopted"), [former, adopted]).changed


def test_a_lost_revision_is_made_again_under_the_key_of_the_pods() -> None:
    planned = plan(A, leader("", pods="adopted"), [])
    assert (planned.key, planned.changed) == ("adopted", False)
    assert made(planned.create).labels[c.REVISION_LABEL] == "adopted"


def test_a_statefulset_without_key() -> None:
    planned = plan(A, leader(""), [])
    assert (planned.key, planned.changed) == (KEY_A, False)
    assert note(planned).endswith("for a newly created LeaderWorkerSet")


def test_data_of_an_older_encoder_are_no_change() -> None:
    data = template_of(A).data.replace(b'"metadata":{}', b'"metadata":{"creationTimestamp":null}')
    older = revision(data, 1, key="k")
    assert plan(A, leader("k"), [older]).current == older
    assert plan(B, leader("k"), [older]).changed


def test_data_that_cannot_be_read_count_as_another_template() -> None:
    planned = plan(A, leader("k"), [revision(b'{"spec":7}', 4, key="k")])
    assert (planned.key, planned.changed) == (KEY_A, True)
    assert made(planned.create).revision == 5


def test_the_highest_number_of_a_key_counts() -> None:
    doubled = [revision(template_of(A), 3), revision(template_of(B), 7, key=KEY_A), RA1]
    assert plan(B, leader(KEY_A), doubled).current == doubled[1]
    same_number = [revision(template_of(A), 3, name="first"), revision(template_of(A), 3, name="second")]
    assert plan(A, leader(KEY_A), same_number).current == same_number[0]


class TestOwnership:
    """Reconcilers.md, 4.4: by UID; labels alone prove nothing."""

    statefulset = OwnerReference("apps/v1", "StatefulSet", NAME, "uid-leader-set", controller=True)
    namesake = OwnerReference(c.API_VERSION, c.KIND, NAME, "uid-before", controller=True)

    @pytest.mark.parametrize("owner", [statefulset, namesake], ids=["StatefulSet", "deleted namesake"])
    def test_revisions_of_others_do_not_count(self, owner: OwnerReference) -> None:
        foreign = revision(template_of(A), 5, owner=owner, name="foreign")
        planned = plan(A, leader(KEY_A), [foreign])
        assert made(planned.create).revision == 1
        assert plan_truncation(A, [foreign], "another") == []

    def test_an_orphan_counts(self) -> None:
        orphan = revision(template_of(A), 5, owner=None)
        assert plan(A, leader(KEY_A), [orphan]).current == orphan

    def test_an_orphan_may_be_anybodys_and_is_not_deleted(self) -> None:
        assert plan_truncation(A, [RA1, revision(template_of(B), 5, owner=None)], KEY_A) == []

    def test_another_sets_do_not(self) -> None:
        other = a_set(metadata={"name": "other"})
        assert owned_revisions(other, [RA1]) == []

    def test_a_namesakes_name_is_passed_over(self) -> None:
        """Otherwise the create would fail until the garbage collector came by."""
        held = revision(template_of(A), 1, owner=self.namesake)
        created = made(plan(A, None, [held]).create)
        assert (created.name, created.revision) == (f"{NAME}-{KEY_A}-2", 2)


class TestRetries:
    """Applies that fail for ever, and caches that lag behind, add no further revisions."""

    def test_the_first_apply_keeps_failing(self) -> None:
        created = made(plan(A, None, []).create)
        again = plan(A, None, [created])
        assert (again.current, again.key, again.changed) == (created, KEY_A, False)

    def test_the_apply_of_a_change_keeps_failing(self) -> None:
        again = plan(B, leader(KEY_A), [RA1, RB2])
        assert (again.current, again.key, again.changed) == (RB2, KEY_B, True)

    def test_a_cache_without_the_revision_plans_the_same_create(self) -> None:
        first, second = plan(B, leader(KEY_A), [RA1]), plan(B, leader(KEY_A), [RA1])
        assert made(first.create) == made(second.create)

    def test_a_cache_with_the_statefulset_as_it_was(self) -> None:
        """The change was applied; it goes on being one until the cache shows it."""
        assert plan(B, leader(KEY_A), [RA1, RB2]).changed
        settled = plan(B, leader(KEY_B), [RA1, RB2])
        assert (settled.current, settled.changed) == (RB2, False)

    def test_a_deleted_statefulset_finds_its_revision(self) -> None:
        planned = plan(B, None, [RA1, RB2])
        assert (planned.current, planned.key, planned.changed) == (RB2, KEY_B, False)

    def test_another_key_is_not_taken(self) -> None:
        """The label of an adopted set's revision is not what a new StatefulSet would get."""
        adopted = revision(template_of(A), 1, key="old-key", name=f"{NAME}-{KEY_A}-1")
        planned = plan(A, None, [adopted])
        assert planned.key == KEY_A
        assert made(planned.create).name == f"{NAME}-{KEY_A}-2"

    def test_one_on_its_way_out_is_not_taken(self) -> None:
        going = revision(template_of(B), 2, deleting=True)
        assert made(plan(B, leader(KEY_A), [RA1, going]).create).revision == 3


def test_rollback_makes_a_new_revision_with_the_earlier_key() -> None:
    """T16: groups that never left the earlier template count as updated at once."""
    planned = plan(A, leader(KEY_B), [RA1, RB2])
    assert (planned.key, planned.changed) == (KEY_A, True)
    created = made(planned.create)
    assert (created.name, created.revision) == (f"{NAME}-{KEY_A}-3", 3)
    assert note(planned) == f"Creating revision with key {KEY_A} for updated LWS"
    assert plan(A, leader(KEY_A), [RA1, RB2, created]).current == created


def test_taking_a_change_back_before_it_was_applied() -> None:
    planned = plan(A, leader(KEY_A), [RA1, RB2])
    assert (planned.current, planned.key, planned.changed) == (RA1, KEY_A, False)


def test_truncation_keeps_every_revision_of_the_key() -> None:
    going = revision(template_of(a_set(size=9)), 9, deleting=True)
    revisions = [RA1, RB2, revision(template_of(A), 3), revision(template_of(B), 4), going]
    deletes = plan_truncation(A, revisions, KEY_A)
    assert [(x.kind, x.key, x.uid) for x in deletes] == [
        ("ControllerRevision", Key(NAMESPACE, f"{NAME}-{KEY_B}-2"), "uid-2"),
        ("ControllerRevision", Key(NAMESPACE, f"{NAME}-{KEY_B}-4"), "uid-4"),
    ]


@pytest.mark.parametrize(
    ("limit", "kept"),
    [(None, []), ("0", []), ("1", [7]), ("2", [5, 7]), ("3", [4, 5, 7])]
    + [(text, [4, 5, 7]) for text in ("many", "101", "", "-1")],
)
def test_truncation_keeps_the_history_that_the_set_asks_for(limit: str | None, kept: list[int]) -> None:
    """Templates count, not revisions: of those with one key the newest stays. The current one is apart.

    A limit that cannot be read, which admission would not take, ends no history.
    """
    lws = a_set(metadata={"annotations": {} if limit is None else {c.HISTORY_LIMIT_ANNOTATION: limit}})
    keys = {1: "b", 2: "a", 3: "c", 4: "d", 5: "c", 6: "a", 7: "b"}
    old = [revision(template_of(A), number, key=key) for number, key in keys.items()]
    gone = {x.uid for x in plan_truncation(lws, old, "a")}
    assert [n for n, key in keys.items() if key != "a" and f"uid-{n}" not in gone] == kept
    assert not gone & {"uid-2", "uid-6"}


@pytest.mark.parametrize(("annotations", "kept"), [({}, [3]), ({c.HISTORY_LIMIT_ANNOTATION: "0"}, [])])
def test_what_the_set_says_comes_before_the_configuration(
    annotations: dict[str, str], kept: list[int]
) -> None:
    lws = a_set(metadata={"annotations": annotations})
    old = [revision(template_of(A), number, key=f"k{number}") for number in (1, 2, 3)]
    gone = {x.uid for x in plan_truncation(lws, old, "a", history=1)}
    assert [n for n in (1, 2, 3) if f"uid-{n}" not in gone] == kept


def test_going_back_to_a_revision_that_was_given_the_highest_number_uses_it() -> None:
    """``kubectl lws undo`` raises its number first, as StatefulSets do with theirs."""
    raised = revision(template_of(A), 3, name=f"{NAME}-{KEY_A}-1")
    planned = plan(A, leader(KEY_B), [raised, RB2])
    assert (planned.current, planned.create, planned.key, planned.changed) == (raised, None, KEY_A, True)


def test_a_long_name_is_cut() -> None:
    lws = a_set(metadata={"name": "n" * 230})
    created = made(plan(lws, None, []).create)
    assert created.name == f"{'n' * 220}-{KEY_A}-1"
    assert created.labels[c.NAME_LABEL] == "n" * 230
