"""The benchmark of passes runs against the reconcilers as they are."""

from __future__ import annotations

from hack.bench.passes import measure


def test_all_figures_of_one_size_are_measured() -> None:
    found = measure(3, rounds=1)

    assert found.keys() == {"rest", "unrecorded", "loading", "group"}
    assert all(milliseconds > 0 for milliseconds in found.values())
