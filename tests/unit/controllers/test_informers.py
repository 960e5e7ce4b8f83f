"""What is watched at all: a revision for each group would cost more memory than its pods."""

from __future__ import annotations

import pytest

from lws.api import constants as c
from lws.controllers.informers import OWN_REVISIONS

SET = {c.NAME_LABEL: "llm", c.REVISION_LABEL: "key"}


def selects(selector: str, labels: dict[str, str]) -> bool:
    """A label selector of ``key`` and ``!key``, as the API server reads it."""
    return all((x.lstrip("!") in labels) != x.startswith("!") for x in selector.split(","))


@pytest.mark.parametrize(
    ("labels", "watched"),
    [
        pytest.param(SET, True, id="a set's own, upstream's too"),
        pytest.param(SET | {c.WORKER_INDEX_LABEL: "0"}, False, id="the leader StatefulSet's"),
        pytest.param(SET | {c.GROUP_INDEX_LABEL: "0", c.GROUP_KEY_LABEL: "k"}, False, id="a worker one's"),
        pytest.param({c.REVISION_LABEL: "key"}, False, id="somebody else's"),
    ],
)
def test_only_revisions_of_sets_are_watched(labels: dict[str, str], watched: bool) -> None:
    assert selects(OWN_REVISIONS, labels) == watched
