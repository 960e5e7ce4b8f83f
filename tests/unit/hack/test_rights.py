"""The check on the manager's rights, which the integration tests end with, finds what it is there for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.rights import USER, Right, Usage, granted

PODS = Right("get", "", "pods")
LEASE = Right("update", "coordination.k8s.io", "leases", "b8b2488c.x-k8s.io", "lws-system")


def entry(verb: str, resource: str, *, code: int = 200, message: str = "", **members: Any) -> dict[str, Any]:
    reference = {"resource": resource, "name": "a", "namespace": "test"}
    return {
        "verb": verb,
        "user": {"username": USER},
        "userAgent": "lws/v0 (linux/amd64) unknown",
        "objectRef": reference,
        "responseStatus": {"code": code, "message": message},
        **members,
    }


def usage(directory: Path, *entries: dict[str, Any]) -> Usage:
    log = directory / "audit.log"
    log.write_text("".join(f"{json.dumps(x)}\n" for x in entries))
    found = Usage()
    found.read(log)
    return found


def test_what_is_granted_is_what_is_bound_to_the_service_account() -> None:
    assert {PODS, LEASE} <= granted()
    assert not [x for x in granted() if x.verb == "deletecollection"], "a right of users"


def test_a_right_is_used_by_what_it_covers(tmp_path: Path) -> None:
    of_lease = {"resource": "leases", "apiGroup": LEASE.group, "name": LEASE.name, "namespace": "lws-system"}
    used = usage(tmp_path, entry("get", "pods"), entry("update", "leases", objectRef=of_lease))
    assert granted() - used.unused() == {PODS, LEASE}
    elsewhere = of_lease | {"namespace": "test"}
    assert LEASE in usage(tmp_path, entry("update", "leases", objectRef=elsewhere)).unused()


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        pytest.param(entry("list", "secrets", code=403, message="no"), True, id="never granted"),
        pytest.param(
            entry("get", "pods", code=403, message="you can't set finalizers on: x"), True, id="by admission"
        ),
        pytest.param(entry("get", "pods", code=403), False, id="granted, but the server does not know yet"),
        pytest.param(entry("list", "secrets", code=200), False, id="not refused"),
        pytest.param(entry("list", "secrets", code=403, user={"username": "x"}), False, id="another user"),
        pytest.param(entry("list", "secrets", code=403, userAgent="tests"), False, id="a test in its name"),
    ],
)
def test_a_right_is_missing_when_it_was_refused_and_not_granted(
    tmp_path: Path, line: dict[str, Any], missing: bool
) -> None:
    assert bool(usage(tmp_path, line).missing) is missing


def test_nothing_is_read_where_there_is_no_log(tmp_path: Path) -> None:
    found = Usage()
    found.read(tmp_path / "none")
    assert found.unused() == granted()
