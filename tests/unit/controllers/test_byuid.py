"""What is known of single objects goes with them."""

from __future__ import annotations

from msgspec.structs import replace
from support.groups import a_leader

from lws.api.workloads import Pod
from lws.controllers.byuid import ByUid, forgetting
from lws.runtime.informers import OnGone

POD = a_leader(0, uid="a")
AGAIN = a_leader(0, uid="b")


def known() -> tuple[ByUid[int], OnGone[Pod]]:
    values = ByUid[int]()
    for uid in ("a", "b"):
        values.put(uid, 1)
    return values, forgetting(values.forget)


def test_it_stays_while_the_object_is_there() -> None:
    values, handler = known()
    handler.on_add(POD, initial=False)
    handler.on_update(POD, replace(POD))
    assert (values.get("a"), values.get("b")) == (1, 1)


def test_it_goes_with_the_object() -> None:
    values, handler = known()
    handler.on_delete(POD)
    assert (values.get("a"), values.get("b")) == (None, 1)


def test_it_goes_with_an_object_whose_end_was_missed() -> None:
    values, handler = known()
    handler.on_update(POD, AGAIN)
    assert (values.get("a"), values.get("b")) == (None, 1)


def test_the_first_value_stands() -> None:
    values = ByUid[int]()
    assert (values.setdefault("a", 1), values.setdefault("a", 2)) == (1, 1)


def test_of_too_many_those_asked_for_last_are_kept() -> None:
    values = ByUid[int](2)
    values.put("a", 1)
    values.put("b", 2)
    values.get("a")
    values.put("c", 3)
    assert [values.get(x) for x in "abc"] == [1, None, 3]
