"""How long the name of a set may be: refused when it is new, warned of where it is there (lws#410)."""

from __future__ import annotations

from typing import Any

import pytest
from support.admission import an_lws

from lws.webhooks.sets import validate_create, validate_update, warn

HASH = "5fb64d9b77"


def named(length: int, **changes: Any) -> Any:
    return an_lws(metadata={"name": "m" * length}, **changes)


@pytest.mark.parametrize(
    ("numbers", "longest"),
    [
        pytest.param({"replicas": 1}, 50, id="one-group"),
        pytest.param({"replicas": 0}, 50, id="none-yet"),
        pytest.param({"replicas": 10}, 50, id="ten: the highest index is 9"),
        pytest.param({"replicas": 11}, 49, id="eleven"),
        pytest.param({"replicas": 10, "maxSurge": 1}, 49, id="surge-groups-count"),
        pytest.param({"replicas": 10, "maxSurge": "10%"}, 49, id="a-share-of-them"),
        pytest.param({"replicas": 1, "maxSurge": 100}, 50, id="never-more-surge-than-replicas"),
        pytest.param({"replicas": 101}, 48, id="hundreds"),
        pytest.param(
            {"replicas": 1_000_000, "size": 2, "maxSurge": "100%"}, 44, id="as-many-as-there-may-be"
        ),
        pytest.param({"replicas": 1, "size": 1}, 52, id="leaders-alone"),
        pytest.param({"replicas": 1_000_000, "size": 1}, 52, id="very-many-leaders-alone"),
        pytest.param({"replicas": 1, "size": 1_000_000_000}, 50, id="very-many-workers"),
    ],
)
def test_the_longest_name(numbers: dict[str, Any], longest: int) -> None:
    """Every label value that StatefulSets make of it fits, and of one more character one may not."""
    assert validate_create(named(longest, **numbers)) == []
    (error,) = validate_create(named(longest + 1, **numbers))
    assert error.field == "metadata.name"
    assert f"must be no more than {longest} characters" in error.detail
    replicas, size = numbers["replicas"], numbers.get("size", 2)
    surge = {1: 1, "10%": 1, "100%": replicas}.get(numbers.get("maxSurge", 0), 0)
    highest = max(0, replicas + surge - 1) if longest != 50 or replicas != 1 else 0
    stem = "" if size == 1 else f"-{highest}"
    assert len(f"{'m' * longest}{stem}-{HASH}") == 63 or highest == 0 or replicas == 10


@pytest.mark.parametrize("length", [53, 63])
def test_names_that_are_too_long_for_anything(length: int) -> None:
    assert [x.field for x in validate_create(named(length, size=1))] == ["metadata.name"]


def test_a_name_that_is_no_label_is_reported_as_such() -> None:
    (error,) = validate_create(named(64))
    assert error.detail == "must be no more than 63 bytes"


@pytest.mark.parametrize("edit", [{}, {"replicas": 11}, {"size": 9}, {"maxSurge": 10, "replicas": 9}])
def test_what_exists_is_never_locked(edit: dict[str, Any]) -> None:
    for length in (50, 51, 52, 60):
        assert validate_update(named(length, **edit), named(length)) == []


@pytest.mark.parametrize(
    ("length", "numbers", "told"),
    [
        pytest.param(44, {}, "", id="room-for-all"),
        pytest.param(50, {"replicas": 3}, "no more than 10 groups can have workers", id="ten"),
        pytest.param(48, {"replicas": 3}, "no more than 1000 groups can have workers", id="a-thousand"),
        pytest.param(50, {"replicas": 3, "size": 1}, "", id="no-workers"),
        pytest.param(52, {"replicas": 3, "size": 1}, "no group can have workers", id="no-workers-ever"),
    ],
)
def test_a_scale_up_that_would_break_it_is_told_beforehand(
    length: int, numbers: dict[str, Any], told: str
) -> None:
    lws = named(length, **numbers)
    assert validate_create(lws) == []
    warnings = warn(lws)
    assert (len(warnings) == 1 and told in warnings[0]) if told else warnings == ()
    assert warn(lws, lws) == (), "nor again with each edit"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"replicas": 10}, {"replicas": 11}, id="scaled-up"),
        pytest.param({"replicas": 10}, {"replicas": 10, "maxSurge": 1}, id="surge"),
    ],
)
def test_an_edit_that_breaks_it_is_warned_of(before: dict[str, Any], after: dict[str, Any]) -> None:
    (warning,) = warn(named(50, **after), named(50, **before))
    assert "50 characters are too many for 11 groups of size 2" in warning
    assert len(warning) <= 256


def test_workers_for_a_set_whose_name_leaves_no_room_for_them_are_warned_of() -> None:
    (warning,) = warn(named(52, size=2, replicas=1), named(52, size=1, replicas=1))
    assert "52 characters are too many for 1 group of size 2" in warning
    assert "no group can have workers" in warning


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("data", None),
        ("0-data", None),
        ("d" * 63, None),
        ("d" * 64, "FieldValueInvalid"),
        ("my.data", "FieldValueInvalid"),
        ("My", "FieldValueInvalid"),
        ("-", "FieldValueInvalid"),
        ("", "FieldValueRequired"),
        (None, "FieldValueRequired"),
    ],
)
def test_a_claim_template_has_the_name_of_a_volume(name: str | None, reason: str | None) -> None:
    lws = an_lws()
    claims = [{"metadata": {"name": "first"}}, {"metadata": {"name": name}}]
    lws["spec"]["leaderWorkerTemplate"]["volumeClaimTemplates"] = claims
    path = "spec.leaderWorkerTemplate.volumeClaimTemplates[1].metadata.name"
    assert [(x.field, x.reason) for x in validate_create(lws)] == ([(path, reason)] if reason else [])
    assert validate_update(lws, lws) == []


@pytest.mark.parametrize("claim", [None, {}, {"metadata": None}, {"metadata": 1}, {"metadata": {"name": 1}}])
def test_an_odd_claim_template_is_answered(claim: Any) -> None:
    lws = an_lws()
    lws["spec"]["leaderWorkerTemplate"]["volumeClaimTemplates"] = [claim]
    assert len(validate_create(lws)) <= 1
