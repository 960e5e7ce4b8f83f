"""Numbers of a roll as users may write them, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from lws.planning.rollout import rollout_numbers
from support.groups import a_set

shares = st.integers(0, 120).map("{}%".format)


@st.composite
def rolling_numbers(draw: st.DrawFn, *, most: int = 7, count: int = 4) -> dict[str, Any]:
    """Up to ``most`` replicas; maxUnavailable and maxSurge, up to ``count``, that admission lets through."""
    counts_or_shares = st.one_of(st.integers(0, count), shares)
    numbers = {
        "replicas": draw(st.integers(1, most)),
        "max_unavailable": draw(counts_or_shares),
        "max_surge": draw(counts_or_shares),
    }
    resolved = rollout_numbers(a_set(**numbers))
    assume(resolved.max_unavailable + resolved.max_surge > 0)
    return numbers
