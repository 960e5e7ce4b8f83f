"""The tables and the plot of what is measured on the real control plane, without one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.audit import AuditLog
from support.recovery import report
from support.recovery.measure import Strike
from support.recovery.report import BEGIN, Measured, keep, table
from support.soak.picture import picture
from support.soak.samples import Life, Sample, lives

END = "<!-- end -->"


def measured(name: str, *wholes: float | None) -> Measured:
    strikes = tuple(Strike(x, acts=0.25, plain=0.5, wrong=() if x else ("no pods",)) for x in wholes)
    return Measured(name, "it is over", "2026-01-01", strikes)


@pytest.mark.parametrize(
    ("wholes", "cells"),
    [
        ((1.0, 1.4, 9.0), "3 of 3 | 0.2 | 1.4 | 9.0"),
        ((1.0, 1.6, 1.7), "3 of 3 | 0.2 | **1.6** | 1.7"),
        ((1.0, None), "1 of 2 | 0.2 | **1.0** | 1.0"),
        ((None,), "0 of 1 | 0.2 | **-** | -"),
    ],
    ids=["within the goal", "late", "not healed", "never healed"],
)
def test_a_row_tells_the_median_the_worst_and_what_misses_the_goal(
    wholes: tuple[float | None, ...], cells: str
) -> None:
    assert table([measured("x", *wholes)]).splitlines()[-1] == f"| x | it is over | {cells} | 0.5 |"


def test_rows_are_replaced_by_name_and_kept_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, kept = tmp_path / "page.md", tmp_path / "kept" / "x.json"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    monkeypatch.setattr(report, "PAGE", page)
    monkeypatch.setattr(report, "KEPT", kept)
    keep([measured("b", 1.0), measured("gone", 1.0)], ["a", "b", "gone"])
    keep([measured("a", 1.0), measured("b", 1.2)], ["a", "b"])
    assert [(x.name, x.healed) for x in report.load()] == [("a", [1.0]), ("b", [1.2])]
    assert [x[:5] for x in page.read_text().splitlines() if x.startswith("| ")][2:] == ["| a |", "| b |"]
    assert page.read_text().endswith(f"{END}\nafter\n")


def test_the_first_write_is_the_first_that_worked_since_and_no_lease(tmp_path: Path) -> None:
    def entry(second: int, verb: str, resource: str, *, code: int = 200, agent: str = "lws/1") -> str:
        return json.dumps(
            {
                "verb": verb,
                "userAgent": agent,
                "stageTimestamp": f"1970-01-01T00:00:{second:02}.000000Z",
                "objectRef": {"resource": resource},
                "responseStatus": {"code": code},
            }
        )

    log = tmp_path / "audit.log"
    lines = [
        entry(1, "patch", "pods"),
        entry(2, "get", "pods"),
        entry(3, "patch", "pods", code=409),
        entry(4, "update", "leases"),
        entry(5, "create", "events"),
        entry(6, "create", "pods", agent="kubectl"),
        entry(7, "create", "pods", code=201),
        entry(8, "patch", "pods"),
    ]
    log.write_text("\n".join(lines) + "\n")
    assert (AuditLog(log).first_write(1.5), AuditLog(log).first_write(9.0)) == (7.0, None)


SAMPLES = [Sample(float(x), x // 20, 60.0 + x % 20, 30, 40 if x % 20 < 10 else 50) for x in range(45)]


def test_a_life_is_told_by_its_second_third_and_last_fifth_and_a_short_one_is_not() -> None:
    assert [(x.seconds, x.rss_mb, x.threads, x.descriptors) for x in lives(SAMPLES)] == [
        (19.0, (65.5, 69.5, 77.5), (30.0, 30.0, 30.0), (40.0, 45.0, 50.0))
    ] * 2


def lived(
    minutes: float, rss: Callable[[float], float], *, threads: int = 54, descriptors: int = 130
) -> Life:
    """One that takes so much memory at each second; ``threads`` and ``descriptors`` at its end."""
    half, count = 30 * minutes, int(30 * minutes)
    later = [(54, 130), (threads, descriptors)]
    (one,) = lives([Sample(2.0 * x, 0, rss(2.0 * x), *later[2.0 * x > half]) for x in range(count + 1)])
    return one


def levels_off(at: float) -> float:
    """Six minutes of events, and then what the allocator does."""
    return 70.0 + min(at, 400.0) / 40 + (at % 60) / 30


@pytest.mark.parametrize(
    ("life", "grows"),
    [
        (lived(30, levels_off), []),
        (lived(15, levels_off), []),
        (lived(30, lambda at: 70.0 + at / 40), ["rss_mb 92.5 → 110.5"]),
        (lived(15, lambda at: 70.0 + at / 40), ["rss_mb 81.2 → 90.3"]),
        (lived(30, lambda at: 110.0 - at / 40), []),
        (lived(5, lambda at: 70.0 + at / 40), []),
        (lived(30, levels_off, threads=57), ["threads 54.0 → 57.0"]),
        (lived(30, levels_off, threads=56, descriptors=136), []),
        (lived(30, levels_off, descriptors=137), ["descriptors 130.0 → 137.0"]),
    ],
    ids=[
        "memory levels off",
        "also in the shortest that tells",
        "memory grows",
        "also in the shortest that tells it",
        "memory shrinks",
        "too short to tell",
        "threads",
        "a watch made anew",
        "descriptors",
    ],
)
def test_what_does_not_level_off_in_a_long_life_is_named(life: Life, grows: list[str]) -> None:
    assert life.grows == grows


def test_the_plot_has_a_line_for_each_life_in_each_of_three_panels() -> None:
    drawn = ElementTree.fromstring(picture(SAMPLES))
    lines = [x.get("points", "").split() for x in drawn.iter("{http://www.w3.org/2000/svg}polyline")]
    assert [len(x) for x in lines] == [20, 20, 5] * 3
    assert {x for line in lines for x in line if "nan" in x or "-" in x} == set()
