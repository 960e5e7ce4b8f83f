"""``diff`` stays small for the edits mutators make, and spells pointers as RFC 6901 says."""

from __future__ import annotations

from typing import Any

import pytest

from lws.webhooks.jsonpatch import diff, escape


@pytest.mark.parametrize(
    ("before", "after", "want"),
    [
        pytest.param({"a": 1}, {"a": 1}, [], id="equal"),
        pytest.param({}, {"a": 1}, [{"op": "add", "path": "/a", "value": 1}], id="member added"),
        pytest.param({"a": 1}, {}, [{"op": "remove", "path": "/a"}], id="member removed"),
        pytest.param({"a": 1}, {"a": 2}, [{"op": "replace", "path": "/a", "value": 2}], id="member changed"),
        pytest.param(
            {"a/b~c": {"d": 1}},
            {"a/b~c": {"d": 2}},
            [{"op": "replace", "path": "/a~1b~0c/d", "value": 2}],
            id="escaping",
        ),
        pytest.param({"": 1}, {"": 2}, [{"op": "replace", "path": "/", "value": 2}], id="empty member name"),
        pytest.param([1, 2], [1, 2, 3], [{"op": "add", "path": "/2", "value": 3}], id="item appended"),
        pytest.param([1, 2], [0, 1, 2], [{"op": "add", "path": "/0", "value": 0}], id="item put first"),
        pytest.param([1, 2, 3], [1, 3], [{"op": "remove", "path": "/1"}], id="item taken out"),
        pytest.param(
            [{"name": "a"}, {"name": "b"}],
            [{"name": "a", "env": []}, {"name": "b"}],
            [{"op": "add", "path": "/0/env", "value": []}],
            id="member added inside an item",
        ),
        pytest.param([1, 1], [1, 1, 1], [{"op": "add", "path": "/2", "value": 1}], id="repeats"),
        pytest.param(
            {"a": 1}, {"a": True}, [{"op": "replace", "path": "/a", "value": True}], id="1 is not true"
        ),
        pytest.param([0], [False], [{"op": "replace", "path": "/0", "value": False}], id="0 is not false"),
        pytest.param(
            {"a": None}, {"a": {}}, [{"op": "replace", "path": "/a", "value": {}}], id="null to object"
        ),
        pytest.param(
            {"a": {}}, {"a": []}, [{"op": "replace", "path": "/a", "value": []}], id="object to list"
        ),
        pytest.param(1, 2, [{"op": "replace", "path": "", "value": 2}], id="whole document"),
    ],
)
def test_diff(before: Any, after: Any, want: list[dict[str, Any]]) -> None:
    assert diff(before, after) == want


def test_a_patch_that_would_be_longer_than_the_list_replaces_it() -> None:
    many = [{}, *({"name": str(index)} for index in range(100))]
    assert diff({"a": many}, {"a": many[:1]}) == [{"op": "replace", "path": "/a", "value": [{}]}]
    assert [x["op"] for x in diff({"a": many}, {"a": many[:60]})] == ["remove"] * 41


@pytest.mark.parametrize(
    ("token", "want"), [("plain", "plain"), ("a/b", "a~1b"), ("~1", "~01"), ("", ""), ("~/", "~0~1")]
)
def test_escape(token: str, want: str) -> None:
    assert escape(token) == want
