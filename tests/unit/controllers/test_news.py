"""What of an object leads to a pass."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.groups import a_leader, a_worker_set

from lws.controllers.news import stateful_set_aspects, upkeep_aspects


@pytest.mark.parametrize("member", ["labels", "annotations", "owner_references"])
def test_an_edit_of_what_is_put_back_is_news_to_set_and_group(member: str) -> None:
    """No generation changes with it, so nothing else would lead to a pass before the next resync."""
    one = a_worker_set(a_leader(0))
    edited = {"owner_references": ()} if member == "owner_references" else {member: {"a": "b"}}
    other = replace(one, metadata=replace(one.metadata, **edited))
    assert stateful_set_aspects(one) != stateful_set_aspects(other)
    assert upkeep_aspects(one) != upkeep_aspects(other)
