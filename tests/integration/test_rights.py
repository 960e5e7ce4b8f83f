"""Least privilege, held against what the whole run did: every right was used, and none was missing.

The manager acts as its ServiceAccount in every test here; what it asked is in the audit logs of all workers.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from support.cluster import Cluster
from support.rights import COLLECTED, Right, Usage
from support.wholerun import SECONDS, Run

from lws.api import disaggregation as d

pytestmark = [pytest.mark.integration, pytest.mark.timeout(SECONDS + 60)]

# Rights that are used and leave no request of their own behind.
INVISIBLE = {
    # Admission asks for them when an owner reference blocks deletion. It does so in the cluster of
    # test_in_cluster.py (OwnerReferencesPermissionEnforcement), where no child could be made without.
    Right("update", "leaderworkerset.x-k8s.io", "leaderworkersets/finalizers"),
    Right("update", "", "pods/finalizers"),
    Right("update", d.GROUP, "disaggregatedsets/finalizers"),
    # Asked only when the answer to a create or a delete of a scaler was lost.
    Right("get", d.GROUP, "disaggregatedsetrolescalers"),
    # Who scrapes with the manager's own token, as test_in_cluster.py does, needs it.
    Right("get", "", "/metrics"),
}


class Everything(NamedTuple):
    """All that happened, on this worker's clusters and on those of the others; how many tests failed."""

    usage: Usage
    failed: int


@pytest.fixture(scope="module")
def everything(cluster: Cluster, run: Run, request: pytest.FixtureRequest) -> Everything:
    others = run.others()
    COLLECTED.read(cluster.audit_log)
    usage = Usage()
    usage.used = COLLECTED.used | others.usage.used
    usage.missing = COLLECTED.missing | others.usage.missing
    return Everything(usage, request.session.testsfailed + others.failed)


def test_nothing_was_missing(everything: Everything) -> None:
    assert everything.usage.used, "the manager asked for nothing: does it act as its ServiceAccount?"
    assert everything.usage.missing == set()


def test_everything_granted_was_used(everything: Everything, request: pytest.FixtureRequest) -> None:
    if everything.failed or not whole(request.session):
        pytest.skip("only a run of all integration tests, none of which failed, uses everything")
    assert {str(right) for right in everything.usage.unused() - INVISIBLE} == set()


def whole(session: pytest.Session) -> bool:
    """Whether all tests of this directory are in the run."""
    options = session.config.option
    here = Path(__file__).parent
    ran = {item.path for item in session.items}
    return ran >= set(here.glob("test_*.py")) and not (
        options.keyword or options.markexpr or options.deselect
    )
