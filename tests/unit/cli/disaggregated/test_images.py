"""``set image`` of DisaggregatedSets: in the roles that are named, else in all that have the container."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from support.clichat import document
from support.disaggregated import a_role, a_set

from lws.cli.disaggregated.images import edit_of
from lws.cli.session import CommandError
from lws.cli.values import new_image

LIVE = document(a_set(a_role("prefill", 2), a_role("decode", 1)))


@pytest.mark.parametrize(
    ("roles", "expected"),
    [((), ["x", "x"]), (("decode",), ["nginx:1.0", "x"]), (("prefill", "decode"), ["x", "x"])],
)
def test_roles(roles: Sequence[str], expected: list[str]) -> None:
    patch = edit_of([new_image("c=x")], roles)(LIVE)
    templates = [x["spec"]["leaderWorkerTemplate"]["workerTemplate"] for x in patch["spec"]["roles"]]
    assert [x["spec"]["containers"][0]["image"] for x in templates] == expected
    assert [x["name"] for x in patch["spec"]["roles"]] == ["prefill", "decode"]
    assert [x["spec"]["replicas"] for x in patch["spec"]["roles"]] == [2, 1]


def test_nothing_to_change() -> None:
    assert edit_of([new_image("c=nginx:1.0")], ())(LIVE) == {}


@pytest.mark.parametrize(
    ("order", "roles", "line"),
    [
        ("c=x", ("other",), "llm has no role 'other'; roles: prefill, decode"),
        ("d=x", ("decode",), "unable to find container named 'd'; containers: worker/c"),
    ],
)
def test_what_is_not_there(order: str, roles: Sequence[str], line: str) -> None:
    with pytest.raises(CommandError, match=line):
        edit_of([new_image(order)], roles)(LIVE)
