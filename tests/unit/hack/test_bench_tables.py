"""Results of the scale benchmark: what the page shows of them, and that it shows those in the tree."""

from __future__ import annotations

from typing import Any

import pytest

from hack.bench import results, tables
from hack.bench.growth import exponent, families, fitted
from hack.bench.latency import latencies, percentile
from hack.bench.scale import Shape, shape

PHASE: dict[str, Any] = {
    "seconds": 8.0,
    "cpuMsPerGroup": 20.5,
    "rssMB": 80.0,
    "writesPerGroup": 2.25,
    "writesPerGroupWithEvents": 3.5,
    "writes": {},
    "reads": {"get pods": 3, "get nodes": 3},
    "queueP99Ms": 5.0,
    "reconcileP99Ms": 50.0,
    "componentsCpuSeconds": {"kube-apiserver": 1.2},
}


def a_result(name: str = "3x2x2", **changes: Any) -> dict[str, Any]:
    floor = {"createSeconds": 4.0, "rollSeconds": 0.0}
    phases = {"floor": floor, "create": PHASE, "roll": PHASE}
    about = {"at": "2026-11-30 12:00", "controller": "ours", "commit": "abc1234", "load": 0.3}
    return {"shape": name, "foreignPods": 0, "phases": phases, **about, **changes}


def test_the_page_is_made_of_the_results_in_the_tree() -> None:
    found = results.kept()
    text = tables.PAGE.read_text()
    assert text == tables.page(text, found)
    assert tables.BEGIN in text
    assert tables.PLOT.read_text() == tables.plot(found)


def test_a_phase_is_a_row() -> None:
    create, roll = tables.rows(a_result())
    assert create == ("created", "8 (2x)", "2.25 (3.5)", "1", "20.5", "200", "80", "5 / 50")
    assert roll[1] == "8", "its floor was not measured"
    (alone,) = tables.rows(a_result(phases={"create": PHASE}))
    assert alone[1] == "8", "no floor was measured"
    assert tables.ratio(a_result(phases={"floor": {"rollSeconds": 4.0}}), "roll") is None


def test_another_controller_and_strangers_are_named() -> None:
    other = a_result("1x10x1", controller="lws-controller", foreignPods=500)
    assert tables.title_of(other) == "lws-controller: 1 x 10 x 1, 500 foreign pods"


def test_bars_are_as_long_as_the_ratio_says() -> None:
    slow = a_result("9x2x2", phases={"floor": {"createSeconds": 2.0, "rollSeconds": 4.0}, "create": PHASE})
    slow["phases"]["roll"] = slow["phases"]["rollWithSurge"] = PHASE
    drawn = tables.plot([a_result(), slow])
    assert ">2x</text>" in drawn
    assert drawn.count(">2x</text>") == 3, "created of the one, and both rolls of the other"
    assert ">4x</text>" in drawn


def test_no_results_make_an_empty_page() -> None:
    text = f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter"
    assert tables.page(text, []) == f"before\n{tables.BEGIN}\n\n{tables.END}\nafter"


def test_results_are_kept_by_controller_and_shape(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(results, "RESULTS", tmp_path / "new")
    paths = [
        results.keep(x)
        for x in (a_result("10x9x2"), a_result(), a_result(foreignPods=5), a_result(controller="other"))
    ]
    assert [x.name for x in paths] == [
        "ours-10x9x2.json",
        "ours-3x2x2.json",
        "ours-3x2x2-foreign5.json",
        "other-3x2x2.json",
    ]
    assert [(x["shape"], x["foreignPods"], x["controller"]) for x in results.kept()] == [
        ("3x2x2", 0, "other"),
        ("3x2x2", 0, "ours"),
        ("3x2x2", 5, "ours"),
        ("10x9x2", 0, "ours"),
    ]


@pytest.mark.parametrize("text", ["", "3x2", "0x1x1", "3x2x2x2", "axbxc"])
def test_what_is_no_shape_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="is no shape"):
        shape(text)


def test_a_shape() -> None:
    assert shape("10x100x2") == Shape(10, 100, 2)
    assert (shape("10x100x2").all_groups, shape("10x100x2").quarter, shape("3x2x1").quarter) == (1000, 25, 1)


def test_percentiles_are_bounds_of_buckets() -> None:
    assert percentile({0.1: 98, 0.5: 99, float("inf"): 100}, 0.99) == 0.5
    assert percentile({0.1: 0, float("inf"): 0}, 0.99) is None


def test_latencies_are_those_of_a_phase_of_all_controllers() -> None:
    def exposition(fast: int, slow: int) -> str:
        name = "workqueue_queue_duration_seconds"
        lines = [f"# TYPE {name} histogram"]
        for controller, count in (("pod", fast), ("set", slow)):
            bounds = (("0.01", fast if controller == "pod" else 0), ("1.0", count), ("+Inf", count))
            lines += [f'{name}_bucket{{name="{controller}",le="{le}"}} {x}' for le, x in bounds]
            lines += [f'{name}_sum{{name="{controller}"}} 0', f'{name}_count{{name="{controller}"}} {count}']
        return "\n".join(lines) + "\n"

    assert latencies(exposition(0, 50), exposition(100, 50)) == {"queueP99Ms": 10.0}
    assert latencies(exposition(0, 0), exposition(50, 50)) == {"queueP99Ms": 1000.0}
    assert latencies("", "") == {}


def growing(name: str, cpu: float, **changes: Any) -> dict[str, Any]:
    """A result whose creation takes so many ms of CPU per group."""
    phases = {"create": {**PHASE, "cpuMsPerGroup": cpu}}
    return a_result(name, phases=phases, **changes)


def test_costs_that_grow_as_fast_as_the_number_have_the_power_1() -> None:
    (family,) = families([growing(f"{n}x4x2", 20.0) for n in (100, 25, 50)])
    assert family.name == "N x 4 x 2"
    assert [n for n, _ in family.members] == [25, 50, 100]
    assert fitted(family, "create", "controller CPU") == 1.0
    assert fitted(family, "create", "API server CPU") == 0.0, "the same for all"
    assert fitted(family, "roll", "writes") is None, "not measured"


def test_a_cost_per_group_that_grows_with_the_groups_has_the_power_2() -> None:
    (family,) = families([growing(f"1x{n}x2", n / 10) for n in (250, 500, 1000)])
    assert family.name == "1 x N x 2"
    assert fitted(family, "create", "controller CPU") == 2.0
    assert next(iter(tables.growth([x for _, x in family.members]))).splitlines()[-3:] == [
        "| created | 2 | 1 | 0 |",
        "| rolled |  |  |  |",
        "| rolled with surge |  |  |  |",
    ]


def test_a_line_needs_three_of_ours_that_differ_in_one_number() -> None:
    two = [growing("25x4x2", 1), growing("50x4x2", 1)]
    others = [
        growing("100x4x2", 1, controller="other"),
        growing("100x4x2", 1, foreignPods=9),
        growing("100x4x4", 1),
    ]
    assert not list(families([*two, *others]))


def test_what_costs_nothing_has_no_power() -> None:
    assert exponent([(1, 0.0), (2, 5.0), (3, 5.0)]) is None
