"""What ``tree``, ``status`` and ``why`` say of a DisaggregatedSet."""

from __future__ import annotations

import re
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console, RenderableType
from support.cli import conditions
from support.cliroles import seen_child, seen_roles
from support.disaggregated import a_role, a_scaler, a_set, revision

from lws.api import disaggregation as d
from lws.cli.disaggregated import status, tree, why
from lws.cli.disaggregated.observing import SeenRoles
from lws.cli.session import CommandError
from lws.cli.treedrawing import Drawing
from lws.cli.why import draw as draw_why

NEW = a_set(a_role("prefill", 2, image="b", surge=1), a_role("decode", 1, image="b", surge=1))
OLD = a_set(a_role("prefill", 2, image="a", surge=1), a_role("decode", 1, image="a", surge=1))
NEW_REVISION, OLD_REVISION = revision(NEW), revision(OLD)
WHOLE = seen_roles(
    conditions(NEW, Available="all ready"), seen_child(NEW, "prefill", 2), seen_child(NEW, "decode", 1)
)
ROLLING = seen_roles(
    conditions(NEW, Progressing="rolling"),
    seen_child(NEW, "prefill", 1, minute=1, down=(0,)),
    seen_child(NEW, "decode", 1, minute=1),
    seen_child(OLD, "prefill", 2),
    seen_child(OLD, "decode", 1),
)
"""The first new group of prefill has no node; decode's is ready."""


def drawn(what: RenderableType) -> list[str]:
    console = Console(width=200, markup=False)
    with console.capture() as captured:
        console.print(what)
    return [x.rstrip() for x in captured.get().splitlines()]


def drawn_tree(view: tree.RolesView, *, namespaced: bool = False) -> list[str]:
    drawing = Drawing(0.0, namespaced)
    return drawn(drawing.table([tree.root_of(view, drawing)]))


def test_the_tree_of_a_rollout() -> None:
    head, *lines = drawn_tree(tree.describe(ROLLING, now=0.0), namespaced=True)
    assert head.split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "INFO"]
    assert [" ".join(x.split()) for x in lines[:3]] == [
        f"disaggregatedset/ns/llm 4/3 Progressing 2/3 updated revision {NEW_REVISION}",
        "└── slice 0 4/3 2/3 updated",
        "├── role prefill 2/2 1/2 updated",
    ]
    assert f"leaderworkerset/ns/llm-0-{NEW_REVISION}-prefill" in lines[3]
    assert f"former revision {OLD_REVISION}" in lines[7]
    assert any(re.search(r"group 0 +0/1 +Unschedulable +has no node$", x) for x in lines)
    assert [x.split("pod/")[1].split()[0] for x in lines if "pod/" in x] == [
        f"llm-0-{NEW_REVISION}-prefill-0",
        f"llm-0-{OLD_REVISION}-prefill-0",
        f"llm-0-{OLD_REVISION}-prefill-1",
        f"llm-0-{NEW_REVISION}-decode-0",
        f"llm-0-{OLD_REVISION}-decode-0",
    ]


def test_the_tree_shows_scalers_and_what_is_to_go() -> None:
    """A slice too many, a role that was removed, a role whose scaler is not there."""
    former = a_set(a_role("prefill", 1), a_role("proxy", 1))
    ds = a_set(a_role("prefill", external=True), a_role("decode", external=True))
    seen = seen_roles(
        ds,
        seen_child(ds, "prefill", 1, number=1),
        seen_child(former, "proxy", 1),
        scalers=(a_scaler("prefill", 3),),
    )
    view = tree.describe(seen, now=0.0)
    assert [(x.number, [(y.name, y.wanted, y.ready) for y in x.roles]) for x in view.slices] == [
        (0, [("prefill", 3, 0), ("decode", None, 0), ("proxy", 0, 1)]),
        (1, [("prefill", 0, 1)]),
    ]
    lines = drawn_tree(view)
    assert any(re.search(r"role decode +0/\? +its scaler is not there$", x) for x in lines)
    assert any(re.search(r"role proxy +1/0 +to go$", x) for x in lines)
    assert re.fullmatch(r"└── disaggregatedsetrolescaler/llm-prefill +replicas 3", lines[-1])
    assert view.names[-1] == "disaggregatedsetrolescaler.disaggregatedset.x-k8s.io/llm-prefill"


@pytest.mark.parametrize(
    ("seen", "message", "ends"),
    [
        pytest.param(WHOLE, "successfully rolled out: 2 roles, 3 groups updated and ready", True, id="done"),
        pytest.param(
            seen_roles(
                conditions(a_set(a_role("prefill", 0), a_role("decode", 1)), Available="all ready"),
                seen_child(NEW, "prefill", 2),
                seen_child(NEW, "decode", 1),
            ),
            "successfully rolled out: 2 roles, 1 group updated and ready, 2 to go",
            True,
            id="scaled-down",
        ),
        pytest.param(
            WHOLE._replace(ds=replace(WHOLE.ds, metadata=replace(WHOLE.ds.metadata, deletion_timestamp="t"))),
            "being deleted: 3 groups left",
            False,
            id="being-deleted",
        ),
        pytest.param(
            ROLLING,
            "waiting: prefill 1 of 2 updated, 2 ready; decode 1 of 1 updated, 2 ready;"
            " 3 groups of former revisions left",
            False,
            id="rolling",
        ),
        pytest.param(
            seen_roles(NEW), "waiting for the controller to see the present spec", False, id="not-seen"
        ),
        pytest.param(
            seen_roles(conditions(a_set(a_role("prefill", external=True), a_role("decode", 1)))),
            "waiting: prefill has no scaler; decode 0 of 1 updated, 0 ready",
            False,
            id="no-scaler",
        ),
        pytest.param(
            seen_roles(conditions(NEW, Stalled="in the way")), "stalled: in the way", True, id="stalled"
        ),
        pytest.param(
            WHOLE._replace(
                ds=conditions(NEW),
                sets=(
                    WHOLE.sets[0]._replace(lws=conditions(WHOLE.sets[0].lws, Failed="group 1 was given up")),
                ),
            ),
            f"leaderworkerset llm-0-{NEW_REVISION}-prefill failed: group 1 was given up",
            True,
            id="a-role-failed",
        ),
    ],
)
def test_status(seen: SeenRoles, message: str, ends: bool) -> None:
    view = status.describe(seen)
    assert view.message == message
    assert (view.done or view.failed) == ends
    assert drawn(status.draw(view)) == [f'disaggregatedset "llm" {message}']


@pytest.mark.parametrize(
    ("replicas", "updated", "shown"),
    [(6, 2, 0), (6, 4, 2), (6, 6, 4), (5, 4, 3), (4, 4, 4), (2, 2, 2), (0, 0, 0)],
    ids=["surge", "half-way", "surge-to-go", "one-left", "done", "made", "nothing"],
)
def test_updated_groups_are_of_those_wanted(replicas: int, updated: int, shown: int) -> None:
    """A role that is restarted by itself has groups above its size, which are updated, too."""
    ds = conditions(a_set(a_role("prefill", 4), a_role("decode", 1)), Progressing="rolling")
    child = seen_child(ds, "prefill", replicas)
    there = replace(child.lws.status, replicas=replicas, ready_replicas=replicas, updated_replicas=updated)
    rolling = child._replace(lws=replace(child.lws, status=there))
    seen = seen_roles(ds, rolling, seen_child(ds, "decode", 1))
    assert f"prefill {shown} of 4 updated, {replicas} ready" in status.describe(seen).message
    assert why.describe(seen, {}, now=0.0).summary.endswith(f", {shown + 1} updated")


def test_a_long_story_of_several_roles_is_told_once() -> None:
    """As when a policy refuses something in the templates of all of them."""
    story = "StatefulSet {} is refused: " + "containers must not run as root, " * 8
    sets = [seen_child(NEW, role, 1) for role in ("prefill", "decode")]
    stuck = [x._replace(lws=conditions(x.lws, Stalled=story.format(x.lws.name))) for x in sets]
    lines = drawn(draw_why(why.describe(seen_roles(conditions(NEW), *stuck), {}, now=0.0)))
    assert sum("run as root" in x for x in lines) > 0
    (again,) = [x for x in lines if "the same as" in x]
    assert again == "  slice 0  role prefill  Stalled  the same as slice 0 role decode"


def causes(seen: SeenRoles) -> list[tuple[str, int | None, str, int | None, str]]:
    found = why.describe(seen, {}, now=0.0).causes
    return [(x.reason, x.slice, x.role, x.group, x.pod) for x in found]


def test_nothing_is_wrong() -> None:
    view = why.describe(WHOLE, {}, now=0.0)
    assert view.ready
    assert drawn(draw_why(view)) == [
        "disaggregatedset/llm  3 of 3 groups ready, 3 updated",
        "  nothing is wrong",
    ]


def test_the_role_group_and_pod_that_hold_a_rollout() -> None:
    pod = f"llm-0-{NEW_REVISION}-prefill-0"
    assert causes(ROLLING) == [
        ("HoldsRollout", 0, "prefill", None, ""),
        ("Unschedulable", 0, "prefill", 0, pod),
    ]
    lines = drawn(draw_why(why.describe(ROLLING, {}, now=0.0)))
    assert lines[1:] == [
        "  slice 0  role prefill  HoldsRollout  holds the rollout of its slice: 0 of 1 new group ready",
        f"  slice 0  role prefill  group 0  pod/{pod}  Unschedulable  has no node",
    ]


EXTERNAL: Any = conditions(a_set(a_role("prefill", external=True), a_role("decode", 1)))


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        pytest.param(
            seen_roles(conditions(NEW, Stalled="LeaderWorkerSet x exists and is not this set's")),
            [
                ("Stalled", None, "", None, ""),
                ("NoLeaderWorkerSet", 0, "prefill", None, ""),
                ("NoLeaderWorkerSet", 0, "decode", None, ""),
            ],
            id="a-stranger-in-the-way",
        ),
        pytest.param(
            seen_roles(conditions(NEW), seen_child(OLD, "prefill", 2), seen_child(OLD, "decode", 1)),
            [("RolloutPending", 0, "", None, "")],
            id="not-begun",
        ),
        pytest.param(
            seen_roles(
                conditions(NEW),
                seen_child(NEW, "prefill", 2),
                seen_child(NEW, "decode", 1),
                seen_child(OLD, "prefill", 1),
                seen_child(OLD, "decode", 1),
            ),
            [("RollingOut", 0, "", None, "")],
            id="next-step-due",
        ),
        pytest.param(
            seen_roles(conditions(NEW), seen_child(NEW, "prefill", 1), seen_child(NEW, "decode", 1)),
            [("Scaling", 0, "prefill", None, "")],
            id="to-be-scaled",
        ),
        pytest.param(
            seen_roles(EXTERNAL, seen_child(EXTERNAL, "prefill", 1), seen_child(EXTERNAL, "decode", 1)),
            [("NoScaler", None, "prefill", None, "")],
            id="no-scaler",
        ),
        pytest.param(
            seen_roles(
                EXTERNAL, seen_child(EXTERNAL, "prefill", 1), seen_child(EXTERNAL, "decode", 1), scalers=None
            ),
            [("ScalersUnknown", None, "prefill", None, "")],
            id="no-crd-of-scalers",
        ),
    ],
)
def test_causes(seen: SeenRoles, wanted: list[Any]) -> None:
    assert causes(seen) == wanted


PAUSED: Any = conditions(
    replace(NEW, metadata=replace(NEW.metadata, annotations={d.PAUSED_ANNOTATION: d.PAUSED}))
)
RESUME = "run 'kubectl lws resume ds/llm', and the rollout makes its groups"
WAIT = "the rollout makes its groups, or 'kubectl lws undo ds/llm' the former ones"


@pytest.mark.parametrize(
    ("ds", "target", "mends", "then"),
    [
        pytest.param(PAUSED, 0, RESUME, "Paused", id="paused"),
        pytest.param(conditions(NEW), 0, WAIT, "RollingOut", id="rolling"),
        pytest.param(PAUSED, 1, "", "Paused", id="a-new-group-is-ready"),
    ],
)
def test_a_role_that_somebody_has_left_without_a_group(ds: Any, target: int, mends: str, then: str) -> None:
    """Its LeaderWorkerSet of the former revision was deleted by hand, in the middle of a rollout (181)."""
    seen = seen_roles(
        ds,
        seen_child(NEW, "prefill", target, minute=1),
        seen_child(NEW, "decode", 1, minute=1),
        seen_child(OLD, "decode", 1),
    )
    found = why.describe(seen, {}, now=0.0).causes
    bare = [("NoReadyGroup", "prefill", mends)] if mends else []
    assert [(x.reason, x.role, x.advice) for x in found[: len(bare)]] == bare
    assert found[len(bare)].reason == then
    told = str(status.draw_whole(status.describe(seen))).splitlines()[1:]
    assert told == [f"  slice 0, role prefill: no group is ready; {x}" for _, _, x in bare]


def test_a_role_whose_former_groups_serve_is_not_bare() -> None:
    assert status.describe(ROLLING).bare == []
    assert status.describe(WHOLE).bare == []


def test_only_what_is_not_whole_is_asked_about() -> None:
    assert [x.lws.name for x in why.troubled(ROLLING)] == [f"llm-0-{NEW_REVISION}-prefill"]
    stalled = WHOLE.sets[0]._replace(lws=conditions(WHOLE.sets[0].lws, Stalled="refused"))
    assert why.troubled(seen_roles(NEW, stalled, WHOLE.sets[1])) == [stalled]


def test_roles_that_cannot_be_read() -> None:
    role = {"name": "prefill", "spec": {"leaderWorkerTemplate": {"size": "two"}}}
    with pytest.raises(CommandError, match=r"llm cannot be read: spec\.roles\[prefill\]"):
        tree.describe(seen_roles(a_set(role, a_role("decode", 1))), now=0.0)


def test_what_stalls_a_role_is_told_of_the_role_alone() -> None:
    ds = conditions(NEW, Stalled="LeaderWorkerSet x is stalled (ProgressDeadlineExceeded): No progress")
    told = tuple(replace(x, reason=d.REASON_CHILD_STALLED) for x in ds.status.conditions)
    ds = replace(ds, status=replace(ds.status, conditions=told))
    late = WHOLE.sets[0]._replace(lws=conditions(WHOLE.sets[0].lws, Stalled="No progress within 30 s"))
    causes = why.describe(seen_roles(ds, late, WHOLE.sets[1]), {}, now=0.0).causes
    assert [(x.reason, x.role) for x in causes if x.reason == "Stalled"] == [("Stalled", "prefill")]
    alone = why.describe(seen_roles(ds, *WHOLE.sets), {}, now=0.0).causes
    assert [x.message for x in alone] == ["LeaderWorkerSet x is stalled (ProgressDeadlineExceeded)"]
