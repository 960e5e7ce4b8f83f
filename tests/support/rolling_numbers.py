"""Numbers of a roll as users may write them, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

shares = st.integers(0, 120).map("{}%".format)


@st.composite
def rolling_numbers(draw: st.DrawFn, *, most: int = 7, count: int = 4) -> dict[str, Any]:
    """Up to ``most`` replicas; maxUnavailable and maxSurge, up to ``count``.

    Both may come to 0, as they do where a share is scaled down without admission.
    """
    counts_or_shares = st.one_of(st.integers(0, count), shares)
    return {
        "replicas": draw(st.integers(1, most)),
        "max_unavailable": draw(counts_or_shares),
        "max_surge": draw(counts_or_shares),
    }
