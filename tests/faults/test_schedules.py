"""Every order of steps in which one who looks at sets is delayed once: the short ``make schedules``."""

from __future__ import annotations

from support.faults.operations import OPERATIONS
from support.schedules.report import table
from support.schedules.search import Search, search

WORKERS = ("leaderworkerset-",)


def test_who_looks_at_sets_may_be_delayed_at_any_step_while_a_group_is_recreated() -> None:
    restart = next(x for x in OPERATIONS if x.name == "restart")
    found = search(restart, 1, backwards=False, of=WORKERS)
    assert found.violations == {}
    assert found.schedules > 10, "nobody was delayed"


def test_the_table_tells_how_many_there_were_and_names_what_broke_a_rule() -> None:
    right = Search("roll", delays=1, backwards=False, steps=9, schedules=8, known=2, violations={})
    wrong = right._replace(operation="restart", backwards=True, violations={"two went": (3, 3)})
    assert table([right, wrong]).splitlines() == [
        "16 schedules, 1 violations.",
        "",
        "| operation | first in turn | steps | delays | schedules | ended early | violations |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| roll | the first by name | 9 | 1 | 8 | 2 | 0 |",
        "| restart | the last by name | 9 | 1 | 8 | 2 | **1** |",
        "",
        "- restart, delayed at 3, 3: `two went`",
    ]
