"""Which generation goes first (section 12.2): scenarios of 23.2, tables of 11.5, and what is done better."""

from __future__ import annotations

import pytest

from lws.planning.disaggregated.drain import Generation, Holding, drain, drain_safely


def standing(*holdings: Holding) -> list[Generation]:
    """Generations, newest first, that have lost nothing yet."""
    return [Generation(x, tuple(have or 0 for have in x)) for x in holdings]


@pytest.mark.parametrize(
    ("holdings", "budget", "wanted"),
    [
        pytest.param([(4, 4)], (2, 2), [(2, 2)], id="one-revision"),
        pytest.param([(2, 2), (2, 2)], (2, 2), [(0, 0), (2, 2)], id="newer-first"),
        pytest.param([(3, 2)], (1, 2), [(0, 0)], id="coordinated"),
        pytest.param([(6, 6)], (2, 2), [(4, 4)], id="one-larger-revision"),
        pytest.param([(2, 2), (2, 2), (2, 2)], (4, 4), [(0, 0), (0, 0), (2, 2)], id="three-revisions"),
        pytest.param([(3, 3), (1, 2)], (1, 1), [(2, 2), (1, 2)], id="newer-partly"),
        pytest.param([(3, 3), (1, 1)], (2, 2), [(1, 1), (1, 1)], id="newer-to-one"),
        pytest.param([(4, 4, None)], (0, 1, 0), [(4, 3, None)], id="absent-role-is-no-trigger"),
        pytest.param([(4, 4, None)], (1, 1, 0), [(3, 3, None)], id="absent-role-both"),
        pytest.param([(4, 4, None)], (4, 0, 0), [(0, 0, None)], id="absent-role-one-ends"),
    ],
)
def test_upstream(holdings: list[Holding], budget: tuple[int, ...], wanted: list[Holding]) -> None:
    assert drain(standing(*holdings), budget) == wanted


@pytest.mark.parametrize(
    ("holdings", "budget", "keep", "wanted"),
    [
        pytest.param([(2, 1), (1, 2)], (1, 1), (2, 1), [(1, 1), (1, 1)], id="the-last-of-a-role-stays"),
        pytest.param([(2, 1), (1, 2)], (1, 1), (1, 1), [(0, 0), (1, 2)], id="it-goes-where-enough-is-left"),
        pytest.param([(4, 4)], (3, 3), (2, 0), [(2, 1)], id="not-below-what-must-stay"),
        pytest.param([(4, 0)], (1, 0), (0, 0), [(3, 0)], id="a-role-at-0-from-the-start-ends-nothing"),
        pytest.param([(1, 1), (3, 3)], (1, 0), (0, 4), [(1, 1), (2, 3)], id="the-budget-goes-on"),
    ],
)
def test_safely(
    holdings: list[Holding], budget: tuple[int, ...], keep: tuple[int, ...], wanted: list[Holding]
) -> None:
    assert drain_safely(standing(*holdings), budget, keep) == wanted


def test_what_was_cut_off_half_way_is_ended() -> None:
    """The controller died between the writes for the two roles."""
    assert drain_safely([Generation((0, 2), (3, 3))], (0, 1), (0, 0)) == [(0, 0)]
