"""Revision keys: the checks of reconcilers.md, 4.3."""

from __future__ import annotations

import pytest

from lws.planning.revisions.key import fnv1_32, revision_key


@pytest.mark.parametrize(
    ("data", "number", "key"),
    [
        (b"foobar", 837857890, "d7cd9cdf4"),
        (b"a", 84696446, "d8bfb88b"),
        (b"", 2166136261, "65bb57b6b5"),
    ],
)
def test_key(data: bytes, number: int, key: str) -> None:
    assert fnv1_32(data) == number
    assert revision_key(data) == key
