"""The benchmark of a pass over a DisaggregatedSet measures what it says."""

from __future__ import annotations

from hack.bench.disaggregated import one_pass


def test_a_pass_over_a_set_at_rest_writes_nothing() -> None:
    """It would raise; what it returns is CPU in milliseconds."""
    assert 0 < one_pass(slices=2, roles=3, rounds=1) < 1000
