"""Subgroup indexes (api.md, 5.4, 7.5)."""

from __future__ import annotations

import pytest

from lws.api import constants as c
from lws.webhooks.errors import AdmissionError
from lws.webhooks.pods.subgroups import subgroup_index, subgroup_members, subgroup_size


@pytest.mark.parametrize(
    ("size", "subgroup", "indexes"),
    [
        pytest.param(4, 2, [0, 0, 1, 1], id="S1"),
        pytest.param(5, 2, [0, 0, 0, 1, 1], id="S2"),
        pytest.param(3, 1, [0, 1, 2], id="S3"),
        pytest.param(9, 4, [0, 0, 0, 0, 0, 1, 1, 1, 1], id="size-9"),
        pytest.param(5, 5, [0, 0, 0, 0, 0], id="one-subgroup"),
        pytest.param(6, 4, [0, 0, 0, 0, 1, 1], id="neither-divides"),
        pytest.param(4, -2, [0, 0, -1, -1], id="negative"),
        pytest.param(1, 3, [0], id="pitfall-31-worker-0-truncates"),
    ],
)
def test_index_of_each_worker(size: int, subgroup: int, indexes: list[int]) -> None:
    workers = range(len(indexes))
    assert [subgroup_index(size=size, subgroup=subgroup, worker=w) for w in workers] == indexes


@pytest.mark.parametrize("subgroup", [1, 2, 3, 4, 7, 9, 10])
@pytest.mark.parametrize("size", range(1, 14))
def test_members_are_those_whose_index_it_is(size: int, subgroup: int) -> None:
    for index in range(-1, size + 2):
        members = subgroup_members(size=size, subgroup=subgroup, index=index)
        assert list(members) == [
            w for w in range(size) if subgroup_index(size=size, subgroup=subgroup, worker=w) == index
        ]


def test_a_negative_size_has_no_members() -> None:
    assert not any(subgroup_members(size=4, subgroup=-2, index=index) for index in (-1, 0, 1))


def test_size_is_read() -> None:
    assert subgroup_size({c.SUBGROUP_SIZE_ANNOTATION: "+2"}) == 2


@pytest.mark.parametrize("text", ["", "0", "-0", "two", "1_0", "2 ", "9" * 30])
def test_no_size_is_a_denial_that_names_the_annotation(text: str) -> None:
    with pytest.raises(AdmissionError, match=c.SUBGROUP_SIZE_ANNOTATION):
        subgroup_size({c.SUBGROUP_SIZE_ANNOTATION: text})
