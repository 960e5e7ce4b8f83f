"""One pass over one slice: sections 8, 9 and 12, scenarios of 23.2, and the ledger's rows that it cures."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
import pytest
from msgspec.structs import replace
from support.disaggregated import a_child, a_role, a_scaler, a_set, revision
from support.disaggregated_world import World, is_broken

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, DisaggregatedSetRoleScaler
from lws.api.leaderworkerset import LeaderWorkerSet, RollingUpdateConfiguration, RolloutStrategy
from lws.objects import Condition
from lws.planning.actions import Action, Create, Delete, Patch, Record
from lws.planning.disaggregated.demand import Taken, wanted_of
from lws.planning.disaggregated.names import role_of
from lws.planning.disaggregated.pace import pace_of
from lws.planning.disaggregated.planner import Pace
from lws.planning.disaggregated.rollout import initial_replicas, plan_news, plan_slice, read_roll
from lws.planning.disaggregated.slices import make_slices

OLD, OLDER = "0ld00000", "01de0000"


def plan(
    ds: DisaggregatedSet,
    *children: LeaderWorkerSet,
    number: int = 0,
    scalers: dict[str, DisaggregatedSetRoleScaler] | None = None,
    taken: tuple[Taken, ...] = (),
) -> list[Action]:
    wanted = wanted_of(ds, revision(ds), scalers or {}, taken)
    return plan_slice(wanted, make_slices(ds, revision(ds), children)[number])


def shown(ds: DisaggregatedSet, actions: list[Action]) -> list[str]:
    """``make prefill=2``, ``new prefill=2``, ``old decode=1``, ``note prefill=4``, ``delete decode``."""
    return [_shown(ds, x) for x in actions]


def _shown(ds: DisaggregatedSet, action: Action) -> str:
    match action:
        case Create(_, document):
            return f"make {document['metadata']['labels'][d.ROLE_LABEL]}={document['spec']['replicas']}"
        case Delete():
            return f"delete {action.key.name.split('-')[-1]}"
        case Patch(document={"spec": {"replicas": replicas}}):
            age = "new" if revision(ds) in patched(action) else "old"
            return f"{age} {patched(action).split('-')[-1]}={replicas}"
        case Patch():
            initial = action.document["metadata"]["annotations"][d.INITIAL_REPLICAS_ANNOTATION]
            return f"note {patched(action).split('-')[-1]}={initial}"
    raise AssertionError(action)


def patched(action: Patch) -> str:
    name: str = action.document["metadata"]["name"]
    return name


def reasons(actions: list[Action]) -> list[str]:
    return [x.reason for action in actions for x in getattr(action, "then", ()) if isinstance(x, Record)]


def two(prefill: int = 2, decode: int = 2, **config: Any) -> DisaggregatedSet:
    return a_set(a_role("prefill", prefill, **config), a_role("decode", decode, **config))


def pair(rev: str, prefill: int, decode: int, **members: Any) -> tuple[LeaderWorkerSet, LeaderWorkerSet]:
    return a_child("prefill", prefill, revision=rev, **members), a_child(
        "decode", decode, revision=rev, **members
    )


def as_of(child: LeaderWorkerSet, now: str) -> LeaderWorkerSet:
    """Of the present revision where it is said to be new."""
    new = "new" in child.name
    return a_child(role_of(child), child.replicas, revision=now) if new else child


class TestSteady:
    def test_a_fresh_set_starts_at_full_size(self) -> None:
        ds = two(3, 2)
        actions = plan(ds)
        assert shown(ds, actions) == ["make prefill=3", "make decode=2"]
        assert reasons(actions) == []

    def test_it_scales_in_one_go_and_says_nothing(self) -> None:
        ds = two(5, 1)
        actions = plan(ds, *pair(revision(ds), 3, 2))
        assert shown(ds, actions) == ["new prefill=5", "new decode=1"]
        assert reasons(actions) == []

    def test_at_rest_nothing_is_written(self) -> None:
        ds = two()
        assert plan(ds, *pair(revision(ds), 2, 2)) == []

    def test_an_external_role_without_scaler_stays_as_it_is(self) -> None:
        ds = a_set(a_role("prefill", 9, external=True), a_role("decode", 2))
        assert plan(ds, *pair(revision(ds), 4, 2)) == []
        assert shown(ds, plan(ds)) == ["make prefill=0", "make decode=2"]

    def test_slices_share_what_a_scaler_says(self) -> None:
        ds = a_set(a_role("prefill", external=True), a_role("decode", 2), slices=3)
        scalers = {"prefill": a_scaler("prefill", 5)}
        made = [shown(ds, plan(ds, number=x, scalers=scalers))[0] for x in range(3)]
        assert made == ["make prefill=2", "make prefill=2", "make prefill=1"]

    def test_drained_revisions_go(self) -> None:
        ds = two()
        actions = plan(ds, *pair(OLD, 0, 0, initial=2), *pair(revision(ds), 2, 2))
        assert shown(ds, actions) == ["delete decode", "delete prefill"]

    def test_a_foreign_object_under_a_childs_name_is_left_alone(self) -> None:
        ds = two()
        name = f"llm-0-{revision(ds)}-prefill"
        assert shown(ds, plan(ds, taken=(Taken("LeaderWorkerSet", name),))) == ["make decode=2"]

    def test_a_legacy_child_of_this_revision_counts_as_slice_0(self) -> None:
        ds = two()
        assert plan(ds, *pair(revision(ds), 2, 2, number=None)) == []

    def test_what_is_being_deleted_is_not_there(self) -> None:
        ds = two(1, 1)
        prefill, decode = pair(revision(ds), 1, 1)
        going = replace(
            prefill, metadata=replace(prefill.metadata, deletion_timestamp="2026-01-01T11:00:00Z")
        )
        assert shown(ds, plan(ds, going, decode)) == ["make prefill=1"]


class TestBegin:
    def test_annotations_first_then_new_ones_at_0(self) -> None:
        ds = two(2, 3)
        actions = plan(ds, *pair(OLD, 2, 3))
        assert shown(ds, actions) == ["note decode=3", "note prefill=2", "make prefill=0", "make decode=0"]

    @pytest.mark.parametrize("made", [(), ("prefill",), ("decode",), ("prefill", "decode")])
    def test_its_beginning_is_told_with_whichever_could_be_made(self, made: tuple[str, ...]) -> None:
        """Once: what is made later is no beginning."""
        ds = two()
        old, new = pair(OLD, 2, 2), pair(revision(ds), 0, 0)
        before, now, later = (
            make_slices(ds, revision(ds), (*old, *more))[0]
            for more in ((), [x for x in new if role_of(x) in made], new)
        )
        wanted = wanted_of(ds, revision(ds), {})
        told = [x.reason for x in plan_news(wanted, before, now)]
        assert told == ([d.REASON_ROLLING_UPDATE_STARTED] if made else [])
        assert len(told) + len(plan_news(wanted, now, later)) == 1

    @pytest.mark.parametrize("size", [1, 5])
    @pytest.mark.parametrize("made", ["prefill", "decode"])
    def test_before_the_first_step_what_runs_takes_the_sizes(self, made: str, size: int) -> None:
        """A new LeaderWorkerSet cannot be made for long: an autoscaler must not lose its hold."""
        ds = two(size, 2)
        there = [x for x in pair(revision(ds), 0, 0) if role_of(x) == made]
        actions = plan(ds, *pair(OLD, 2, 2, initial=2), *there)
        missing = "decode" if made == "prefill" else "prefill"
        assert shown(ds, actions) == [f"make {missing}=0", f"old prefill={size}"]
        noted = actions[1].document["metadata"]["annotations"]  # type: ignore[union-attr]
        assert noted == {d.INITIAL_REPLICAS_ANNOTATION: str(size)}, "the rollout takes from there"

    @pytest.mark.parametrize(
        "others",
        [
            [a_child("decode", 1, revision="new")],
            [*pair(OLDER, 2, 2, initial=2), a_child("decode", 0, revision="new")],
            [a_child("decode", 0, revision="new"), a_child("proxy", 1, revision=OLD, initial=2)],
        ],
        ids=["a new group", "two former revisions", "a former group has gone"],
    )
    def test_after_it_they_are_the_rollouts(self, others: list[LeaderWorkerSet]) -> None:
        ds = two(5, 2)
        new = [as_of(x, revision(ds)) for x in others]
        assert "old prefill=5" not in shown(ds, plan(ds, *pair(OLD, 2, 2, initial=2), *new))

    def test_a_fresh_set_begins_no_rollout(self) -> None:
        ds = two()
        now = make_slices(ds, revision(ds), (*pair(OLD, 0, 0), *pair(revision(ds), 2, 2)))[0]
        for before in ((), pair(OLD, 0, 0)):
            [slice_] = make_slices(ds, revision(ds), before)
            assert plan_news(wanted_of(ds, revision(ds), {}), slice_, now) == []

    def test_a_baseline_that_is_right_is_not_written_again(self) -> None:
        ds = two()
        assert shown(ds, plan(ds, *pair(OLD, 2, 2, initial=2))) == ["make prefill=0", "make decode=0"]

    def test_one_of_an_earlier_rollout_is_overwritten(self) -> None:
        ds = two()
        actions = plan(ds, *pair(OLD, 2, 2, initial=7))
        assert shown(ds, actions)[:2] == ["note decode=2", "note prefill=2"]

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("5", 5),
            ("0", 2),
            ("1", 2),
            ("+3", 3),
            ("-1", 2),
            ("+-1", 2),
            ("+", 2),
            ("007", 7),
            ("0" * 5000 + "3", 3),
            ("9" * 5000, 2),
            ("many", 2),
            ("", 2),
            ("9999999999999", 2),
            ("2147483648", 2),
        ],
    )
    def test_reading_the_baseline(self, text: str, wanted: int) -> None:
        child = a_child("prefill", 2, revision=OLD)
        child.annotations[d.INITIAL_REPLICAS_ANNOTATION] = text
        assert initial_replicas(child) == wanted

    @pytest.mark.parametrize("initial", [None, 1])
    def test_one_that_is_missing_or_too_low_is_noted_before_anything_goes(self, initial: int | None) -> None:
        """As on the way back to a revision that a rollout was leading away from: floors rest on it."""
        ds = two()
        back = pair(revision(ds), 1, 1, initial=2)
        left = plan(ds, *pair(OLD, 2, 2, initial=initial), *back)
        assert shown(ds, left) == ["note decode=2", "note prefill=2"]
        assert shown(ds, plan(ds, *pair(OLD, 2, 2, initial=2), *back)) == ["old prefill=1", "old decode=1"]

    def test_a_way_back_keeps_what_both_revisions_have(self) -> None:
        """Both had more than is wanted together, so neither role grows, though each revision has less."""
        ds = two(4, 4)
        ways = (a_child(x, 2, revision=revision(ds), initial=4) for x in ("prefill", "decode"))
        [slice_] = make_slices(ds, revision(ds), [*pair(OLD, 3, 3, initial=3), *ways])
        rollout = read_roll(wanted_of(ds, revision(ds), {}), slice_).rollout
        assert rollout.returned == (4, 4)
        assert [rollout.serving_floor(x) for x in rollout.roles] == [4, 4]
        alone = rollout._replace(returned=(), served=())
        assert [alone.serving_floor(x) for x in alone.roles] == [3, 3], "as of a role that grows"

    @pytest.mark.parametrize(
        ("had", "wanted", "pace", "floor"),
        [
            pytest.param(3, 5, {"surge": 1}, 3, id="all-it-had"),
            pytest.param(3, 4, {"unavailable": 1}, 2, id="less-what-may-be-missing"),
            pytest.param(3, 40, {"surge": 0, "unavailable": "25%"}, 3, id="shares-of-what-it-had"),
            pytest.param(8, 40, {"surge": 0, "unavailable": "25%"}, 6, id="shares-of-more"),
            pytest.param(2, 9, {"unavailable": 4}, 1, id="one-at-least"),
            pytest.param(2, 4, {"unavailable": 4}, 0, id="which-may-all-be-missing"),
            pytest.param(1, 5, {}, 1, id="without-a-pace"),
            pytest.param(5, 3, {"unavailable": 1}, 2, id="its-new-size"),
        ],
    )
    def test_a_role_that_grows_keeps_what_it_had(
        self, had: int, wanted: int, pace: dict[str, Any], floor: int
    ) -> None:
        ds = a_set(a_role("prefill", wanted, **pace), a_role("decode", 2))
        old = a_child("prefill", had, revision=OLD, initial=had), a_child("decode", 2, revision=OLD)
        [slice_] = make_slices(ds, revision(ds), [*old, *pair(revision(ds), 0, 0)])
        assert read_roll(wanted_of(ds, revision(ds), {}), slice_).rollout.serving_floor(0) == floor

    @pytest.mark.parametrize("begun", [0, 1, 2, 3])
    def test_scaled_up_in_the_middle_it_keeps_them_until_new_ones_serve(self, begun: int) -> None:
        """While the other role is scaled down, whose pace used to drain this one's 3 groups to 1."""
        world = World(two(4, 3))
        world.settle()
        world.ds, least = a_set(a_role("prefill", 4, image="b"), a_role("decode", 3, image="b")), 3
        for number in range(12):
            if number == begun:
                world.ds = a_set(a_role("prefill", 1, image="b"), a_role("decode", 4, image="b"))
            world.make_ready()
            world.run(world.plan())
            ready = [x.status.ready_replicas for x in world.children.values() if role_of(x) == "decode"]
            least = min(least, sum(ready))
        world.settle()
        assert least == 3
        assert [x.replicas for x in world.children.values() if role_of(x) == "decode"] == [4]

    def test_without_a_baseline_it_is_what_is_there(self) -> None:
        assert initial_replicas(a_child("prefill", 2, revision=OLD)) == 2


class TestStep:
    def test_nothing_happens_before_the_new_ones_are_ready(self) -> None:
        ds = two(4, 4, surge=2)
        new = pair(revision(ds), 2, 2, ready=0)
        assert plan(ds, *pair(OLD, 4, 4, initial=4), *new) == []

    @pytest.mark.parametrize(
        ("new", "ready", "stable"),
        [((3, 2), (3, 2), True), ((3, 2), (2, 2), False), ((3, 2), (2, 1), False), ((3, 2), (1, 0), False)],
    )
    def test_gate(self, new: tuple[int, int], ready: tuple[int, int], stable: bool) -> None:
        ds = two(6, 6)
        children = [
            a_child(role, x, revision=revision(ds), ready=y)
            for role, x, y in zip(("prefill", "decode"), new, ready, strict=True)
        ]
        assert bool(plan(ds, *pair(OLD, 6, 6, initial=6), *children)) is stable

    def test_old_ones_go_when_the_new_ones_are_ready(self) -> None:
        ds = two(4, 4, surge=2)
        actions = plan(ds, *pair(OLD, 4, 4, initial=4), *pair(revision(ds), 4, 4))
        assert shown(ds, actions) == ["old prefill=0", "old decode=0"]
        assert reasons(actions) == [d.REASON_SCALING_DOWN] * 2

    def test_new_ones_come_one_by_one(self) -> None:
        ds = two()
        actions = plan(ds, *pair(OLD, 2, 2, initial=2), *pair(revision(ds), 0, 0))
        assert shown(ds, actions) == ["new prefill=1", "new decode=1"]
        assert reasons(actions) == [d.REASON_SCALING_UP] * 2

    @pytest.mark.parametrize(
        ("a", "b", "c", "wanted"),
        [
            pytest.param(2, 2, 0, ["new prefill=1", "new decode=1"], id="new-ones-first"),
            pytest.param(0, 2, 2, ["new prefill=3", "new decode=3"], id="the-oldest-is-drained"),
            pytest.param(2, 2, 2, ["old prefill=1", "old decode=1"], id="the-newer-goes-first"),
        ],
    )
    def test_three_generations(self, a: int, b: int, c: int, wanted: list[str]) -> None:
        ds = two(4, 4)
        oldest = pair(OLDER, a, a, initial=2)
        newer = pair(OLD, b, b, initial=2, created=60)
        actions = plan(ds, *oldest, *newer, *pair(revision(ds), c, c, created=120))
        steps = [x for x in actions if not isinstance(x, Delete)]
        assert shown(ds, steps) == wanted
        assert all(OLD in patched(x) for x in steps if isinstance(x, Patch) and "old" in _shown(ds, x))

    def test_both_at_once_takes_first_and_gives_then(self) -> None:
        """X13 at 4,4 of 4,4 and 3,3 of 6,6: the ceiling holds between the two writes, too."""
        ds = two(6, 6)
        actions = plan(ds, *pair(OLD, 4, 4, initial=4), *pair(revision(ds), 3, 3))
        assert shown(ds, actions) == ["old prefill=3", "old decode=3", "new prefill=4", "new decode=4"]

    def test_writes_hold_only_for_what_was_observed(self) -> None:
        ds = two()
        actions = plan(ds, *pair(OLD, 2, 2, initial=2), *pair(revision(ds), 1, 1))
        identities = [x.document["metadata"] for x in actions if isinstance(x, Patch)]
        assert [(x["uid"][:5], x["resourceVersion"]) for x in identities] == [("uid-0", "5")] * 2

    def test_an_external_role_never_shrinks_while_it_rolls(self) -> None:
        ds = a_set(a_role("prefill", external=True), a_role("decode", 4))
        scalers = {"prefill": a_scaler("prefill", 1)}
        actions = plan(ds, *pair(OLD, 4, 4, initial=4), *pair(revision(ds), 3, 3), scalers=scalers)
        assert "new prefill=2" not in shown(ds, actions)
        assert shown(ds, plan(ds, *pair(revision(ds), 3, 4), scalers=scalers)) == ["new prefill=1"]


class TestMinReadySeconds:
    """A role's: what is ready counts once its LeaderWorkerSet is available (beyond.md, 5.4)."""

    STORED: ClassVar[dict[str, Any]] = {"type": c.AVAILABLE, "status": "True", "observedGeneration": 4}

    def _child(self, child: LeaderWorkerSet, **condition: Any) -> LeaderWorkerSet:
        found = msgspec.convert({**self.STORED, **condition}, Condition)
        return replace(
            child,
            metadata=replace(child.metadata, generation=4),
            spec=replace(child.spec, min_ready_seconds=20),
            status=replace(child.status, conditions=(found,)),
        )

    @pytest.mark.parametrize(
        ("condition", "goes_on"),
        [
            pytest.param({}, True, id="available"),
            pytest.param({"status": "False"}, False, id="ready-just-now"),
            pytest.param({"observedGeneration": 3}, False, id="of-a-former-size"),
            pytest.param({"type": c.PROGRESSING}, False, id="not-yet-said"),
        ],
    )
    def test_the_next_step_waits(self, condition: dict[str, Any], goes_on: bool) -> None:
        ds = two(2, 2, surge=1)
        former = pair(OLD, 2, 2, initial=2)
        new = [self._child(x, **condition) for x in pair(revision(ds), 1, 1)]
        assert bool(plan(ds, *former, *new)) == goes_on
        assert plan(ds, *former, *pair(revision(ds), 1, 1)), "without the field nothing waits"


class TestSorting:
    """Generations, newest first (23.2)."""

    @pytest.mark.parametrize("minutes", [[], [0], [0, 60, 120], [30, 0, 90, 60]], ids=len)
    def test_by_creation(self, minutes: list[int]) -> None:
        ds = two()
        children = [a_child("decode", 1, revision=f"r{x}", created=x) for x in minutes]
        given = list(children)
        [slice_] = make_slices(ds, revision(ds), children)
        assert [x.revision for x in slice_.former] == [f"r{x}" for x in sorted(minutes, reverse=True)]
        assert children == given

    def test_by_the_newest_child_of_each(self) -> None:
        ds = two()
        a = a_child("prefill", 1, revision="a"), a_child("decode", 1, revision="a", created=20)
        [slice_] = make_slices(ds, revision(ds), [*pair("b", 1, 1, created=10), *a])
        assert [x.revision for x in slice_.former] == ["a", "b"]


class TestPace:
    @pytest.mark.parametrize(
        ("surge", "unavailable", "replicas", "wanted"),
        [
            pytest.param(None, None, 4, (1, 0), id="none"),
            pytest.param(3, 1, 4, (3, 1), id="both"),
            pytest.param(2, 0, 4, (2, 0), id="surge-alone"),
            pytest.param(5, 0, 4, (5, 0), id="surge-above-replicas"),
            pytest.param(2, 1, 4, (2, 1), id="two-and-one"),
            pytest.param(3, 2, 4, (3, 2), id="three-and-two"),
            pytest.param(0, 4, 4, (0, 4), id="unavailable-4"),
            pytest.param(0, 2, 4, (0, 2), id="unavailable-2"),
            pytest.param(0, 0, 4, (1, 0), id="neither"),
            pytest.param("50%", "0", 4, (2, 0), id="half-surge-and-text"),
            pytest.param("0", "25%", 4, (0, 1), id="text-and-a-quarter"),
            pytest.param("25%", "25%", 10, (3, 2), id="up-and-down"),
            pytest.param("100%", "0", 5, (5, 0), id="all"),
        ],
    )
    def test_pace(self, surge: Any, unavailable: Any, replicas: int, wanted: tuple[int, int]) -> None:
        [role] = a_set(a_role("prefill", replicas, surge=surge, unavailable=unavailable)).spec.roles
        assert pace_of(role.read_spec(), replicas) == Pace(*wanted)


class TestLedger:
    """What upstream's ledger of faults (section 20) says, and what happens here (decision 170)."""

    def test_q1_a_new_one_that_was_deleted_is_made_again(self) -> None:
        ds = two(4, 4)
        old = pair(OLD, 2, 2, initial=4)
        assert shown(ds, plan(ds, *old, a_child("prefill", 3, revision=revision(ds)))) == ["make decode=3"]

    def test_q1_a_beginning_that_was_cut_off_goes_on(self) -> None:
        ds = two(4, 4)
        new = a_child("prefill", 0, revision=revision(ds))
        assert shown(ds, plan(ds, *pair(OLD, 4, 4, initial=4), new)) == ["make decode=0"]

    def test_q2_roles_that_are_all_renamed_roll(self) -> None:
        ds = a_set(a_role("zeta", 2), a_role("eta", 2))
        old = pair(OLD, 2, 2, initial=2)
        begun = plan(ds, *pair(OLD, 2, 2))
        assert shown(ds, begun) == ["note decode=2", "note prefill=2", "make zeta=0", "make eta=0"]
        new = [a_child(x, 2, revision=revision(ds)) for x in ("zeta", "eta")]
        assert shown(ds, plan(ds, *old, *new)) == ["old decode=0", "old prefill=0"]

    def test_q2_what_is_left_of_a_removed_role_is_drained(self) -> None:
        ds = two()
        left = a_child("encode", 2, revision=OLD, initial=2)
        assert shown(ds, plan(ds, left, *pair(revision(ds), 2, 2))) == ["old encode=0"]

    def test_q3_drained_ones_go_at_once_and_nothing_is_said_to_be_completed(self) -> None:
        """That is said by whoever sees all slices: ``record``."""
        ds = two()
        starting = pair(revision(ds), 2, 2, ready=1)
        assert reasons(plan(ds, *pair(OLD, 0, 0, initial=2), *starting)) == [d.REASON_LWS_DELETED] * 2

    def test_q4_a_legacy_child_that_is_returned_to_is_scaled_under_its_own_name(self) -> None:
        ds = two()
        legacy = pair(revision(ds), 1, 1, number=None, initial=2)
        actions = plan(ds, *pair(OLD, 1, 1, created=9, initial=1), *legacy)
        assert [patched(x) for x in actions if isinstance(x, Patch)] == [
            f"llm-{revision(ds)}-prefill",
            f"llm-{revision(ds)}-decode",
        ]

    def test_q5_a_role_without_surge_costs_no_outage(self) -> None:
        ds = a_set(a_role("prefill", 1, surge=0, unavailable=1), a_role("decode", 1, surge=1, unavailable=0))
        actions = plan(ds, *pair(OLD, 1, 1, initial=1), *pair(revision(ds), 0, 0))
        assert shown(ds, actions) == ["new decode=1"]

    def test_q7_a_generation_with_a_role_at_0_goes_step_by_step(self) -> None:
        ds = a_set(a_role("prefill", external=True), a_role("decode", 4))
        old = (
            a_child("prefill", 0, revision=OLD, initial=0),
            a_child("decode", 4, revision=OLD, initial=4),
        )
        new = pair(revision(ds), 0, 1)
        assert shown(ds, plan(ds, *old, *new, scalers={"prefill": a_scaler("prefill", 0)})) == [
            "old decode=3"
        ]

    @pytest.mark.parametrize(("given", "wanted"), [("25%", 1), ("50%", 2), (0, 1)])
    def test_q12_no_size_of_a_child_is_refused(self, given: int | str, wanted: int) -> None:
        ds = two(4, 4, surge=0, unavailable=given)
        for action in plan(ds):
            assert isinstance(action, Create)
            rolling = action.document["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"]
            assert rolling == {"maxSurge": 0, "maxUnavailable": wanted}

    def test_q15_shares_of_a_role_without_scaler_are_of_what_it_has(self) -> None:
        ds = a_set(a_role("prefill", external=True, surge="50%"), a_role("decode", 4))
        [slice_] = make_slices(ds, revision(ds), [*pair(OLD, 4, 4, initial=4), *pair(revision(ds), 4, 0)])
        rollout = read_roll(wanted_of(ds, revision(ds), {}), slice_).rollout
        assert (rollout.target[0], rollout.pace[0]) == (4, Pace(2, 0))

    def test_q12_a_child_made_by_upstream_is_mended_when_it_is_scaled(self) -> None:
        ds = two(4, 4, surge=0, unavailable="25%")
        old = pair(OLD, 4, 4, initial=4)
        mended = [_with_quarter(x) for x in old]
        actions = plan(ds, *mended, *pair(revision(ds), 0, 0))
        assert [x.document["spec"] for x in actions if isinstance(x, Patch)] == [
            {"replicas": 3, "rolloutStrategy": {"rollingUpdateConfiguration": {"maxUnavailable": 1}}}
        ] * 2

    def test_two_children_for_one_role_are_two_generations(self) -> None:
        ds = two()
        legacy = a_child("prefill", 2, revision=revision(ds), number=None)
        [slice_] = make_slices(ds, revision(ds), [legacy, *pair(revision(ds), 2, 2)])
        assert slice_.target["prefill"].name == f"llm-0-{revision(ds)}-prefill"
        assert [x.children["prefill"] for x in slice_.former] == [legacy]


def _with_quarter(child: LeaderWorkerSet) -> LeaderWorkerSet:
    strategy = RolloutStrategy("RollingUpdate", RollingUpdateConfiguration(0, "25%", 0))
    return replace(child, spec=replace(child.spec, rollout_strategy=strategy))


class TestWhole:
    """Pass after pass until nothing is to do (23.2)."""

    def world(self, *sizes: tuple[str, int, int, int]) -> World:
        """Generations A and B under the target (2, 4) or (4, 3), as ``sizes`` say: name, sizes, minute."""
        world = World(two(2, 4))
        for rev, prefill, decode, created in sizes:
            for child in pair(rev, prefill, decode, created=created):
                world.children[child.name] = child
        return world

    def test_two_generations_give_way(self) -> None:
        world = self.world(("a", 1, 2, 0), ("b", 1, 2, 1))
        assert world.settle() <= 20
        now = revision(world.ds)
        assert world.counts() == {f"llm-0-{now}-decode": 4, f"llm-0-{now}-prefill": 2}

    def test_no_generation_is_ever_broken(self) -> None:
        world = self.world(("a", 1, 2, 0), ("b", 3, 1, 1))
        first, second = a_role("prefill", 4, surge=1), a_role("decode", 3, surge=2)
        world.ds = a_set(first, second)
        while actions := world.plan():
            world.run(actions)
            world.make_ready()
            assert not [x for x in world.slices()[0].former if is_broken(x)]
        now = revision(world.ds)
        assert world.counts() == {f"llm-0-{now}-decode": 3, f"llm-0-{now}-prefill": 4}
