"""Least privilege, held against what the whole run did: every right was used, and none was missing.

The manager acts as its ServiceAccount in every test here; what it asked is in the audit logs.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cluster import Cluster
from support.rights import COLLECTED, Right

pytestmark = pytest.mark.integration

# Rights that are used and leave no request of their own behind.
INVISIBLE = {
    # Admission asks for them when an owner reference blocks deletion. It does so in the cluster of
    # test_in_cluster.py (OwnerReferencesPermissionEnforcement), where no child could be made without.
    Right("update", "leaderworkerset.x-k8s.io", "leaderworkersets/finalizers"),
    Right("update", "", "pods/finalizers"),
    # Who scrapes with the manager's own token, as test_in_cluster.py does, needs it.
    Right("get", "", "/metrics"),
}


@pytest.fixture(scope="module")
def everything(cluster: Cluster) -> None:
    """All that happened, on this cluster and on those that are gone."""
    COLLECTED.read(cluster.audit_log)


def test_nothing_was_missing(everything: None) -> None:
    assert COLLECTED.used, "the manager asked for nothing: does it act as its ServiceAccount?"
    assert COLLECTED.missing == set()


def test_everything_granted_was_used(everything: None, request: pytest.FixtureRequest) -> None:
    if not whole(request.session):
        pytest.skip("only a run of all integration tests, none of which failed, uses everything")
    assert {str(right) for right in COLLECTED.unused() - INVISIBLE} == set()


def whole(session: pytest.Session) -> bool:
    """Whether all tests of this directory are in the run, and all went well so far."""
    options = session.config.option
    here = Path(__file__).parent
    ran = {item.path for item in session.items}
    return ran >= set(here.glob("test_*.py")) and not (
        options.keyword or options.markexpr or options.deselect or session.testsfailed
    )
