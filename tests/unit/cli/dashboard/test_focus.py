"""The picture of one set of either kind."""

from __future__ import annotations

from msgspec.structs import replace
from support.cli import conditions, key_of, seen_of
from support.cliroles import seen_child, seen_roles
from support.disaggregated import a_role, revision
from support.disaggregated import a_set as a_roles_set
from support.groups import a_set, unreadable_set

from lws.api import constants as c
from lws.cli.dashboard.focus import picture_of_roles, picture_of_set
from lws.cli.dashboard.places import HOST, Ground
from lws.cli.disaggregated import tree
from lws.cli.disaggregated.causes import roles_causes

FORMER = a_set(replicas=3, template={"restartPolicy": "None"})
OLD = a_roles_set(a_role("prefill", 2, image="nginx:0.9"), a_role("decode", 2, image="nginx:0.9"))
NEW = a_roles_set(a_role("prefill", 2), a_role("decode", 2))


def test_a_part_that_nobody_can_read_hides_no_other() -> None:
    """It has no groups here; why it stalls is among the causes, and ``tree`` has its line."""
    bad = seen_child(NEW, "prefill", 2)
    spec = replace(bad.lws.spec, leader_worker_template=unreadable_set().spec.leader_worker_template)
    bad = bad._replace(lws=conditions(replace(bad.lws, spec=spec), Stalled="cpu: many"))
    seen = seen_roles(NEW, bad, seen_child(NEW, "decode", 2))
    focus, tiles = picture_of_roles(seen, Ground(), [], now=0.0)
    assert [x.role for x in focus.sections] == ["prefill", "decode"]
    assert [x.role for x in tiles] == ["decode", "decode"]
    causes = roles_causes(seen, {}, now=0.0)
    assert ("prefill", "Stalled", "cpu: many") in [(x.role, x.reason, x.message) for x in causes]
    (only,) = tree.describe(seen, now=0.0).slices
    assert [(x.name, [y.set.state for y in x.sets]) for x in only.roles] == [
        ("prefill", ["Stalled"]),
        ("decode", ["Progressing"]),
    ]


def test_a_set_that_rolls() -> None:
    lws = a_set(replicas=3, max_surge=1)
    focus, tiles = picture_of_set(seen_of(lws, former=FORMER, outdated=(0, 1), down=(2,)), Ground(), now=0.0)
    assert (focus.wanted, focus.ready, focus.updated, focus.rolling, focus.tone) == (3, 2, 1, True, "busy")
    assert focus.rule == "maxUnavailable 1, maxSurge 1"
    assert [x.tone for x in tiles] == ["old", "old", "busy"]
    assert [(x.number, x.key, x.current) for x in focus.formers] == [
        (2, key_of(lws), True),
        (1, key_of(FORMER), False),
    ]
    assert focus.formers[0].change


def test_a_group_that_needs_somebody_colours_its_set() -> None:
    statuses = {"test-sample-1": {"phase": "Failed", "message": "out of memory"}}
    focus, _ = picture_of_set(seen_of(a_set(), down=(1,), statuses=statuses), Ground(), now=0.0)
    assert focus.tone == "bad"


def test_a_paused_set_shows_no_partition() -> None:
    paused = a_set(partition=1_000_000, metadata={"annotations": {c.PAUSED_PARTITION_ANNOTATION: "1"}})
    focus, _ = picture_of_set(seen_of(paused), Ground(), now=0.0)
    assert (focus.paused, focus.partition, focus.tone) == (True, 0, "still")


def test_a_disaggregated_set_that_rolls() -> None:
    seen = seen_roles(
        NEW,
        seen_child(NEW, "decode", 1),
        seen_child(OLD, "prefill", 1),
        seen_child(NEW, "prefill", 1, down=(0,)),
    )
    focus, tiles = picture_of_roles(seen, Ground(), [], now=0.0)
    assert [(x.role, x.current) for x in focus.sections] == [
        ("prefill", True),
        ("prefill", False),
        ("decode", True),
    ]
    assert [(x.role, x.updated, x.tone) for x in tiles] == [
        ("prefill", True, "bad"),
        ("prefill", False, "old"),
        ("decode", True, "ok"),
    ]
    assert (focus.rolling, focus.wanted, focus.revision) == (True, 4, revision(NEW))
    assert [x.key for x in focus.topologies] == [HOST]
