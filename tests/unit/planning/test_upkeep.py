"""What is put right of a child that somebody edited."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.groups import KEY, a_leader, a_set, a_worker_set

from lws.api import constants as c
from lws.api.workloads import PodTemplate, RevisionOfTemplate, TemplateMeta
from lws.planning.groups import make_group
from lws.planning.observed import NO_KEYS
from lws.planning.upkeep import plan_workers_upkeep


@pytest.mark.parametrize(
    ("label", "pods", "patched"),
    [
        pytest.param("typo", KEY, KEY, id="edited"),
        pytest.param("", KEY, KEY, id="removed"),
        pytest.param("other", "other", None, id="its leader was relabelled"),
        pytest.param(KEY, KEY, None, id="as it has to be"),
    ],
)
def test_the_revision_label_of_workers_follows_their_template(
    label: str, pods: str, patched: str | None
) -> None:
    lws, leader = a_set(size=2), a_leader(0)
    workers = a_worker_set(leader, key=label)
    template = PodTemplate(TemplateMeta(RevisionOfTemplate(pods)))
    workers = replace(workers, spec=replace(workers.spec, template=template))
    labels = {x: text for x, text in workers.labels.items() if text}
    workers = replace(workers, metadata=replace(workers.metadata, labels=labels))
    group = make_group(lws, leader, [workers])
    patches = plan_workers_upkeep(lws, group, workers, stale=NO_KEYS)
    found = [x.document["metadata"].get("labels", {}).get(c.REVISION_LABEL) for x in patches]
    assert [x for x in found if x] == ([patched] if patched else [])
