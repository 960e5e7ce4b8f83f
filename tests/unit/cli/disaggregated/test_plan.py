"""``plan`` of DisaggregatedSets: the production planner's steps, from a live set and from numbers alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from support.apiserver import ApiServer, json_answer, status_answer
from support.clichat import LLM, NS, document, sent, serve_roles
from support.cliroles import seen_child, seen_roles
from support.disaggregated import a_child, a_role, a_set, revision

from lws.api import disaggregation as d
from lws.cli.disaggregated import numbers
from lws.cli.disaggregated.numbers import RoleNumbers, read_role
from lws.cli.disaggregated.observing import SeenRoles
from lws.cli.disaggregated.plan import RolesPlanView, describe, draw
from lws.cli.disaggregated.rollouts import MOST, SliceRollout
from lws.cli.main import main
from lws.cli.observing import Seen
from lws.cli.session import CommandError
from lws.planning.disaggregated.planner import Pace, Step, simulate

Captured = pytest.CaptureFixture[str]
OLD = a_set(a_role("prefill", 2, image="a", surge=1), a_role("decode", 1, image="a", surge=1))
NEW = a_set(a_role("prefill", 2, image="b", surge=1), a_role("decode", 1, image="b", surge=1))
OLD_REVISION, NEW_REVISION = revision(OLD), revision(NEW)
LIVE = seen_roles(OLD, seen_child(OLD, "prefill", 2), seen_child(OLD, "decode", 1))


def counts(rollout: SliceRollout, roles: list[str]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Old and new groups of each role after each step."""

    def one(sizes: dict[str, Any], *, new: bool) -> tuple[int, ...]:
        return tuple(
            sum(n for of, n in sizes.get(x, {}).items() if (of == rollout.revision) == new) for x in roles
        )

    return [(one(dict(x.roles), new=False), one(dict(x.roles), new=True)) for x in rollout.steps]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        pytest.param(
            ["a=5,surge=2,unavailable=1", "b=2,surge=2,unavailable=1"],
            "5,2/0,0 5,2/2,1 4,2/2,1 3,2/4,2 2,1/4,2 2,1/5,2 0,0/5,2",
            id="Y21",
        ),
        pytest.param(
            ["a=10:6,surge=2", "b=2:8,surge=2"],
            "10,2/0,0 8,2/0,0 6,2/0,0 6,2/2,2 4,1/2,2 4,1/3,4 4,1/4,5 2,1/4,5 2,1/5,7 2,1/6,8 0,0/6,8",
            id="Y17",
        ),
        pytest.param(
            ["a=4", "b=4", "c=0:4"],
            "4,4,0/0,0,0 4,4,0/1,1,1 3,3,0/1,1,1 3,3,0/2,2,2 2,2,0/2,2,2 2,2,0/3,3,3 1,1,0/3,3,3"
            " 1,1,0/4,4,4 0,0,0/4,4,4",
            id="N19-a-role-is-added",
        ),
        pytest.param(
            ["a=2", "b=2", "c=2:0"],
            "2,2,2/0,0,0 2,2,2/1,1,0 1,1,1/1,1,0 1,1,1/2,2,0 0,0,0/2,2,0",
            id="a-role-is-removed",
        ),
    ],
)
def test_the_worked_tables_of_the_specification(words: list[str], wanted: str) -> None:
    """disaggregatedset.md, 11."""
    view = numbers.describe([read_role(x) for x in words])
    (rollout,) = view.rollouts
    found = ("/".join(",".join(map(str, side)) for side in step) for step in counts(rollout, view.roles))
    assert " ".join(found) == wanted


ROLES = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 3)).filter(lambda x: x[0] or x[1]),
    min_size=2,
    max_size=4,
).filter(lambda roles: sum(new > 0 for _, new, _ in roles) > 1)


@settings(max_examples=25, deadline=None)
@given(ROLES)
def test_numbers_go_through_upstreams_steps_where_every_role_has_surge(
    roles: list[tuple[int, int, int]],
) -> None:
    """No second planner: what is shown is what upstream's planning command shows, where it does no harm."""
    given_ = [RoleNumbers(f"r{x}", old, new, surge) for x, (old, new, surge) in enumerate(roles)]
    (rollout,) = numbers.describe(given_).rollouts
    final = counts(rollout, [x.name for x in given_])[-1]
    assert final == ((0,) * len(roles), tuple(x.new for x in given_))
    if all(x.old and x.new for x in given_):
        paces = [Pace(x.surge if isinstance(x.surge, int) else 0, 0) for x in given_]
        wanted = simulate(tuple(x.old for x in given_), tuple(x.new for x in given_), paces)
        if not takes_from_one_that_grows(wanted):
            assert counts(rollout, [x.name for x in given_]) == [(x.old, x.new) for x in wanted]


def takes_from_one_that_grows(steps: list[Step]) -> bool:
    """Upstream keeps no floor of a role that is to have more than it had, which then serves less."""
    had, target = steps[0].old, steps[-1].new
    return any(
        after.old[x] < before.old[x] and after.old[x] + before.new[x] < had[x] < target[x]
        for before, after in pairwise(steps)
        for x in range(len(had))
    )


def test_numbers_need_no_cluster(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    assert main(["plan", "disaggregatedset", "--role", "prefill=2,surge=50%", "--role", "decode=1"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "slice 0: groups of old / new",
        "STEP   PREFILL   DECODE   TOTAL   WHAT HAPPENS",
        "0      2/0       1/0      3       now",
        "1      2/1       1/1      5       new prefill +1, new decode +1",
        "2      1/1       1/1      4       old prefill -1",
        "3      1/2       1/1      5       new prefill +1",
        "4      0/2       0/1      3       old prefill -1, old decode -1",
    ]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--role", "a=1"], "a DisaggregatedSet has 2 to 10 roles, and these leave 1"),
        (["--role", "a=1", "--role", "b=1:0"], "a DisaggregatedSet has 2 to 10 roles, and these leave 1"),
        (["--role", "a=1", "--role", "a=2"], "a role is named twice: a, a"),
    ],
)
def test_numbers_that_are_no_set(words: list[str], problem: str, capsys: Captured) -> None:
    assert main(["plan", *words]) == 2
    assert capsys.readouterr().err == f"error: --role: {problem}; see 'kubectl lws plan --help'\n"


def test_a_rollout_of_very_many_groups_is_cut_off() -> None:
    (rollout,) = numbers.describe([read_role("a=1000000"), read_role("b=1000000")]).rollouts
    assert rollout.more
    assert len(rollout.steps) == MOST + 1


def plan(seen: SeenRoles, edited: Any, changes: list[str] | None = None) -> RolesPlanView:
    return describe(seen, edited, changes or [], None)


def drawn(view: RolesPlanView) -> list[str]:
    console = Console(width=200, markup=False)
    with console.capture() as captured:
        console.print(draw(view))
    return [x.rstrip() for x in captured.get().splitlines()]


def test_an_edit_of_one_role_rolls_all() -> None:
    view = plan(LIVE, NEW, ["spec.roles[0]: a -> b"])
    assert view.restarts_pods
    assert drawn(view) == [
        "spec.roles[0]: a -> b",
        "",
        f"all roles roll out together in 4 steps, revision {OLD_REVISION} -> {NEW_REVISION}",
        f"slice 0: groups of {OLD_REVISION} / {NEW_REVISION}",
        "STEP   PREFILL   DECODE   TOTAL   WHAT HAPPENS",
        "0      2/0       1/0      3       now",
        "1      2/1       1/1      5       new prefill +1, new decode +1",
        "2      1/1       1/1      4       old prefill -1",
        "3      1/2       1/1      5       new prefill +1",
        "4      0/2       0/1      3       old prefill -1, old decode -1",
    ]


def test_min_ready_seconds_lengthen_steps_and_change_none() -> None:
    roles = (a_role("prefill", 2, image="b", surge=1), a_role("decode", 1, image="b", surge=1))
    for role in roles:
        role["spec"]["minReadySeconds"] = 30
    steps = [len(x.steps) for x in plan(LIVE, a_set(*roles)).rollouts]
    assert steps == [len(x.steps) for x in plan(LIVE, NEW).rollouts] == [5]


def test_scaling_restarts_nothing() -> None:
    more = a_set(a_role("prefill", 3, image="a", surge=1), a_role("decode", 1, image="a", surge=1))
    view = plan(LIVE, more)
    assert not view.restarts_pods
    assert drawn(view)[2:] == [
        "no pod restarts: only groups are added or removed",
        f"slice 0: groups of {OLD_REVISION}",
        "STEP   PREFILL   DECODE   TOTAL   WHAT HAPPENS",
        "0      2         1        3       now",
        "1      3         1        4       new prefill +1",
    ]
    assert drawn(plan(LIVE, OLD))[2:] == ["no pod restarts", "slice 0: nothing to do"]


def test_a_second_edit_in_the_middle_shows_each_revision() -> None:
    """The newer of two former revisions goes first."""
    newer = a_set(a_role("prefill", 2, image="c", surge=1), a_role("decode", 1, image="c", surge=1))
    rolling = seen_roles(
        NEW,
        seen_child(OLD, "prefill", 1, initial=2),
        seen_child(OLD, "decode", 1, initial=1),
        seen_child(NEW, "prefill", 1, minute=1),
        seen_child(NEW, "decode", 1, minute=1),
    )
    view = plan(rolling, newer)
    (rollout,) = view.rollouts
    assert rollout.former == [NEW_REVISION, OLD_REVISION]
    assert drawn(view)[5] == "0      1+1/0     1+1/0    4       now"
    assert rollout.steps[-1].roles == {"prefill": {revision(newer): 2}, "decode": {revision(newer): 1}}


def test_slices_that_stand_alike_are_shown_once() -> None:
    def sliced(ds: Any, slices: int) -> Any:
        roles = json.loads(json.dumps([document(ds)["spec"]["roles"]]))[0]
        return a_set(*roles, slices=slices)

    seen = seen_roles(
        sliced(OLD, 3),
        *(seen_child(OLD, x, n, number=k) for k in range(3) for x, n in (("prefill", 2), ("decode", 1))),
        seen_child(OLD, "prefill", 2, number=5),
    )
    view = plan(seen, sliced(NEW, 4))
    assert [x.slices for x in view.rollouts] == [[0, 1, 2], [3]]
    assert [x.replaces for x in view.rollouts] == [True, False]
    assert "slice 5 goes at once, with 2 groups" in view.notes[0].replace("slices 5 go", "slice 5 goes")
    assert "slices 0-2: groups of" in "\n".join(drawn(view))


def test_what_is_assumed_is_told() -> None:
    """New groups that are not ready, a role without scaler, a set from before there were slices."""
    external = a_set(a_role("prefill", external=True), a_role("decode", 1))
    down = seen_roles(
        external, seen_child(external, "prefill", 2, down=(1,)), seen_child(external, "decode", 1)
    )
    assert plan(down, external).notes == [
        "not ready now, taken to become so before the next step: prefill",
        "without scaler, taken to keep their size: prefill",
    ]
    legacy = seen_roles(
        OLD, *(Seen(a_child(x, 1, revision=OLD_REVISION, number=None)) for x in ("prefill", "decode"))
    )
    two = a_set(*document(OLD)["spec"]["roles"], slices=2)
    view = plan(legacy, two)
    assert view.restarts_pods
    assert view.notes == [
        "slice 0 was made before there were slices: it is made anew at once, beside the others"
    ]


@pytest.fixture
def edit(server: ApiServer, tmp_path: Any) -> list[str]:
    """Words of a plan whose edit the server takes."""
    serve_roles(server, LIVE)
    live = document(LIVE.ds)
    spec = document(NEW)["spec"]
    manifest = {"apiVersion": d.API_VERSION, "kind": d.KIND, "metadata": {"name": "llm"}, "spec": spec}
    path = tmp_path / "set.json"
    path.write_text(json.dumps(manifest))
    server.on("PATCH", LLM, json_answer({**live, "spec": spec}))
    return ["plan", "llm", "-f", str(path)]


def test_a_plan_only_asks(
    server: ApiServer, run_in_ns: Callable[..., int], edit: list[str], capsys: Captured
) -> None:
    """About the set, and about each role's LeaderWorkerSet of the new revision."""
    server.on("POST", NS.sets, json_answer({}))
    assert run_in_ns(*edit, "-o", "json") == 0
    view = json.loads(capsys.readouterr().out)
    assert (view["fromRevision"], view["toRevision"], view["restartsPods"]) == (
        OLD_REVISION,
        NEW_REVISION,
        True,
    )
    asked = [x for x in server.requests if x.method != "GET"]
    assert [(x.method, x.path) for x in asked] == [("PATCH", LLM), ("POST", NS.sets), ("POST", NS.sets)]
    assert {x.query["dryRun"] for x in asked} == {"All"}
    assert [x["metadata"]["name"] for x in sent(server, "POST", NS.sets)] == [
        f"llm-0-{NEW_REVISION}-{role}" for role in ("prefill", "decode")
    ]
    assert view["changes"] == [
        f'spec.roles[{x}].spec.leaderWorkerTemplate.workerTemplate.spec.containers[0].image: "a" -> "b"'
        for x in (0, 1)
    ]


def test_a_plan_says_what_a_role_is_refused_for(
    server: ApiServer, run_in_ns: Callable[..., int], edit: list[str], capsys: Captured
) -> None:
    server.on("POST", NS.sets, status_answer(403, "Forbidden", "exceeded quota: sets"), json_answer({}))
    assert run_in_ns(*edit) == 1
    out = capsys.readouterr().out
    assert "refuses the LeaderWorkerSet of role prefill: exceeded quota: sets" in out
    assert "STEP" not in out


def test_a_plan_says_what_it_could_not_try(
    server: ApiServer, run_in_ns: Callable[..., int], edit: list[str], capsys: Captured
) -> None:
    message = 'User "jane" cannot create resource "leaderworkersets" in API group "leaderworkerset.x-k8s.io"'
    server.on("POST", NS.sets, status_answer(403, "Forbidden", message))
    assert run_in_ns(*edit) == 0
    assert f"note: not tried: LeaderWorkerSet of role prefill: {message}" in capsys.readouterr().out


def test_a_set_whose_roles_cannot_be_read() -> None:
    broken = a_set(
        {"name": "prefill", "spec": {"leaderWorkerTemplate": {"size": "two"}}}, a_role("decode", 1)
    )
    with pytest.raises(CommandError, match="llm cannot be read: "):
        plan(LIVE, broken)
