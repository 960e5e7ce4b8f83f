"""The planner against the specification's own tables (sections 10 and 11) and scenarios (23.1)."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from lws.planning.disaggregated.planner import (
    Counts,
    Pace,
    Rollout,
    Step,
    next_new,
    next_old,
    next_step,
    simulate,
)

SHEET = Path(__file__).parents[4] / "docs/specification/disaggregatedset.md"
NOTHING = "\N{EN DASH}"
PAIR = re.compile(r"\(([\d,]+)\)")


def counts(text: str) -> Counts:
    return tuple(int(x) for x in text.strip("()").split(","))


@cache
def section(title: str) -> str:
    return re.split(r"\n#{2,3} ", SHEET.read_text().split(title, 1)[1], maxsplit=1)[0]


@cache
def traces() -> dict[str, tuple[str, list[list[str]]]]:
    """T1 to T7: the line that says what rolls, and the cells of each row."""
    found = {}
    for block in section("### 11.1 Full traces").split("\n**")[1:]:
        head, *lines = block.splitlines()
        rows = [line.strip("| ").split(" | ") for line in lines if re.match(r"\| \d", line)]
        found[head.split(":")[0]] = (head, rows)
    return found


class Case:
    """A row of a table of sequences: columns by their names."""

    def __init__(self, header: str, row: str) -> None:
        cells = dict(zip(header.strip("| ").split(" | "), row.strip("| ").split(" | "), strict=True))
        self.initial, self.target = counts(cells["O0"]), counts(cells["G"])
        surge = counts(cells["surge"])
        unavailable = counts(cells["unavail"]) if "unavail" in cells else (0,) * len(surge)
        self.pace = tuple(map(Pace, surge, unavailable))
        self.batches = int(cells["T"])
        states = [x.split()[1] for x in cells["sequence"].split(" → ")]
        self.steps = [Step(*map(counts, x.split("/"))) for x in states]

    def simulated(self) -> list[Step]:
        return simulate(self.initial, self.target, self.pace)

    def totals(self) -> list[int]:
        return [sum(x.old) + sum(x.new) for x in self.simulated()]


@cache
def sequences() -> dict[str, Case]:
    """X, Y and N rows by their ids."""
    found = {}
    for title in ("### 11.2 Two-role", "### 11.3 Two-role", "### 11.4 Three to six"):
        lines = [x for x in section(title).splitlines() if x.startswith("|")]
        found |= {row.split(" | ")[0].strip("| "): Case(lines[0], row) for row in lines[2:]}
    return found


def a_case(number: str) -> Case:
    return sequences()[number]


X = (
    "X01", "X02", "X03", "X04", "X05", "X06", "X07", "X08", "X09", "X10", "X11",
    "X12", "X13", "X14", "X15", "X16", "X17", "X18", "X19", "X20", "X21", "X22",
)  # fmt: skip
Y = (
    "Y01", "Y02", "Y03", "Y04", "Y05", "Y06", "Y07", "Y08", "Y09", "Y10", "Y11",
    "Y12", "Y13", "Y14", "Y15", "Y16", "Y17", "Y18", "Y19", "Y20", "Y21",
)  # fmt: skip
N = (
    "N01", "N02", "N03", "N04", "N05", "N06", "N07", "N08", "N09", "N10", "N11", "N12",
    "N13", "N14", "N15", "N16", "N17", "N18", "N19", "N20", "N21", "N22", "N23", "N24",
)  # fmt: skip


def test_every_row_of_the_sheet_is_here() -> None:
    assert sequences().keys() == {*X, *Y, *N}


@pytest.mark.parametrize("number", ["T1", "T2", "T3", "T4", "T5", "T6", "T7"])
def test_full_trace(number: str) -> None:
    head, rows = traces()[number]
    initial, target, surge, unavailable = map(counts, PAIR.findall(head)[-4:])
    pace = tuple(map(Pace, surge, unavailable))
    for _, old, new, grown, _, floors, raw, _, old_after, new_after in rows[:-1]:
        now = Rollout(initial, counts(old), counts(new), target, pace)
        assert next_step(now) == Step(counts(old_after), counts(new_after))
        if grown != NOTHING:
            assert next_new(now, now.batches) == counts(grown)
            assert tuple(max(0, now.floor(x) - now.new[x]) for x in now.roles) == counts(floors)
        if raw != NOTHING and rows_say_drain(rows, old, new):
            assert next_old(now, now.batches) == counts(raw)
    done = rows[-1]
    assert next_step(Rollout(initial, counts(done[1]), counts(done[2]), target, pace)) is None


def rows_say_drain(rows: list[list[str]], old: str, new: str) -> bool:
    return any(row[1:3] == [old, new] and row[7].startswith("drain") for row in rows)


@pytest.mark.parametrize("number", X)
def test_sequence_that_upstream_pins(number: str) -> None:
    check_sequence(a_case(number))


@pytest.mark.parametrize("number", Y)
def test_sequence_with_pinned_properties(number: str) -> None:
    check_sequence(a_case(number))


@pytest.mark.parametrize("number", N)
def test_sequence_of_more_roles(number: str) -> None:
    check_sequence(a_case(number))


def check_sequence(case: Case) -> None:
    assert case.simulated() == case.steps
    assert (
        Rollout(case.initial, case.initial, case.steps[0].new, case.target, case.pace).batches == case.batches
    )


@pytest.mark.parametrize(
    ("number", "shrinks"),
    [
        pytest.param("Y01", True, id="unavailable-alone"),
        pytest.param("Y02", False, id="surge-and-unavailable"),
        pytest.param("Y03", False, id="surge-alone"),
        pytest.param("Y04", True, id="two-unavailable"),
        pytest.param("Y05", False, id="two-of-both"),
    ],
)
def test_only_without_surge_is_anything_missing(number: str, shrinks: bool) -> None:
    case = a_case(number)
    assert (min(case.totals()) < sum(case.initial)) is shrinks


def test_without_surge_some_step_takes_more_than_it_gives() -> None:
    steps = a_case("Y01").simulated()
    assert any(sum(a.old) - sum(b.old) > sum(b.new) - sum(a.new) for a, b in pairwise(steps))


@pytest.mark.parametrize("number", [*Y, *N])
def test_every_rollout_completes(number: str) -> None:
    case = a_case(number)
    end = case.simulated()[-1]
    assert (end.old, end.new) == ((0,) * len(case.target), case.target)


@pytest.mark.parametrize(("size", "unavailable"), [(4, 1), (6, 2), (10, 5)])
def test_steps_are_bounded(size: int, unavailable: int) -> None:
    assert len(simulate((size, size), (size, size), [Pace(0, unavailable)] * 2)) <= 4 * size


@pytest.mark.parametrize("number", ["N01", "N09", "N14", "Y17", "Y18", "Y19"])
def test_ceilings(number: str) -> None:
    case = a_case(number)
    for old, new in case.simulated():
        for role, pace in enumerate(case.pace):
            assert new[role] == 0 or old[role] + new[role] <= case.target[role] + pace.surge


@pytest.mark.parametrize("number", ["Y01", "Y15", "Y16", "3,3,3"])
def test_floors(number: str) -> None:
    case = sequences().get(number)
    initial, target = (case.initial, case.target) if case else ((3, 3, 3), (3, 3, 3))
    pace = case.pace if case else [Pace(0, 1)] * 3
    for old, new in simulate(initial, target, pace):
        for role, want in enumerate(target):
            assert initial[role] < want or old[role] + new[role] >= want - pace[role].unavailable


@pytest.mark.parametrize(
    ("pace", "batch"),
    [((1, 0), 1), ((2, 0), 2), ((0, 1), 1), ((0, 2), 2), ((0, 0), 1), ((3, 2), 3)],
)
def test_batch(pace: tuple[int, int], batch: int) -> None:
    assert Pace(*pace).batch == batch


@pytest.mark.parametrize(
    ("initial", "target", "surge", "batches"),
    [((4, 4), (4, 4), 1, 4), ((6, 2), (6, 2), 1, 6), ((4, 4), (4, 4), 2, 2), ((0, 0), (3, 3), 1, 3)],
)
def test_batches(initial: Counts, target: Counts, surge: int, batches: int) -> None:
    assert Rollout(initial, initial, (0, 0), target, (Pace(surge), Pace(surge))).batches == batches


def rolling(initial: Counts, old: Counts, new: Counts, target: Counts) -> Rollout:
    return Rollout(initial, old, new, target, (Pace(),) * len(target))


@pytest.mark.parametrize(
    ("rollout", "step"),
    [
        pytest.param(rolling((4, 4), (2, 2), (2, 2), (4, 4)), Step((2, 2), (3, 3)), id="below-the-first"),
        pytest.param(rolling((4, 4), (5, 5), (2, 2), (4, 4)), Step((4, 4), (2, 2)), id="above-the-first"),
        pytest.param(rolling((3, 6), (0, 0), (3, 6), (3, 6)), None, id="done"),
        pytest.param(rolling((3, 6), (0, 0), (4, 7), (3, 6)), None, id="done-and-more"),
        pytest.param(rolling((4, 4), (4, 4), (0, 0), (4, 4)), Step((4, 4), (1, 1)), id="fresh-start"),
    ],
)
def test_one_step(rollout: Rollout, step: Step | None) -> None:
    assert next_step(rollout) == step


@pytest.mark.parametrize(
    ("target", "new", "batches", "wanted"),
    [
        pytest.param((0, 4), (0, 2), 4, (0, 3), id="first-has-no-target"),
        pytest.param((4, 0), (2, 0), 4, (3, 0), id="second-has-no-target"),
        pytest.param((4, 4), (2, 2), 0, (4, 4), id="no-batches"),
    ],
)
def test_next_new(target: Counts, new: Counts, batches: int, wanted: Counts) -> None:
    assert next_new(rolling(target, (0, 0), new, target), batches) == wanted


@pytest.mark.parametrize(
    ("initial", "old", "batches", "wanted"),
    [
        pytest.param((0, 4), (0, 3), 4, (0, 2), id="first-had-nothing"),
        pytest.param((4, 0), (3, 0), 4, (2, 0), id="second-had-nothing"),
        pytest.param((4, 4), (2, 2), 0, (0, 0), id="no-batches"),
    ],
)
def test_next_old(initial: Counts, old: Counts, batches: int, wanted: Counts) -> None:
    assert next_old(rolling(initial, old, (0, 0), initial), batches) == wanted


@pytest.mark.parametrize("roles", [3, 4, 5])
def test_a_role_surges_by_one_unless_it_says_otherwise(roles: int) -> None:
    assert [Pace() for _ in range(roles)] == [Pace(surge=1, unavailable=0)] * roles
