"""TPU lists follow the subgroup labels, for every group that admission accepts (docs/decisions/132)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from support.admission import Document, a_container, a_leader_pod, a_worker_pod, an_lws

from lws.api import constants as c
from lws.webhooks.errors import AdmissionError
from lws.webhooks.pods import mutate_pod
from lws.webhooks.sets import validate_create

LEADER = "test-sample-1"


class Shape(NamedTuple):
    """``processes``: TPU containers in a pod; ``init``: they are init containers."""

    size: int
    subgroup: int | None
    kind: str = c.SUBGROUP_LEADER_WORKER
    leader_asks: bool = True
    processes: int = 1
    init: bool = False

    def template(self, *, asks: bool) -> Document:
        hosts = [a_container(f"tpu-{i}", tpu=1) for i in range(self.processes if asks else 0)]
        rest = [a_container("plain")]
        return {"containers": rest, "initContainers": hosts} if self.init else {"containers": [*rest, *hosts]}

    def accepted(self) -> bool:
        policy = {"subGroupSize": self.subgroup, "subGroupPolicyType": self.kind}
        lws = an_lws(
            size=self.size,
            subgroups=None if self.subgroup is None else policy,
            leaderTemplate={"spec": self.template(asks=self.leader_asks)},
            workerTemplate={"spec": self.template(asks=True)},
        )
        return validate_create(lws) == []

    def pods(self) -> list[Document]:
        """All pods of a group as admission lets them through, the leader first."""
        annotations = {}
        if self.subgroup is not None:
            annotations[c.SUBGROUP_SIZE_ANNOTATION] = str(self.subgroup)
            annotations[c.SUBGROUP_POLICY_TYPE_ANNOTATION] = self.kind
        told = annotations | ({c.LEADER_REQUESTS_TPUS_ANNOTATION: "true"} if self.leader_asks else {})
        leader = a_leader_pod(
            LEADER, size=str(self.size), annotations=annotations, **self.template(asks=self.leader_asks)
        )
        workers = [
            a_worker_pod(
                f"{LEADER}-{i}", size=str(self.size), annotations=dict(told), **self.template(asks=True)
            )
            for i in range(1, self.size)
        ]
        return [mutate_pod(pod, "default", gang=None) for pod in (leader, *workers)]


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    size = draw(st.integers(1, 13))
    return Shape(
        size,
        draw(st.none() | st.integers(1, size)),
        draw(st.sampled_from((c.SUBGROUP_LEADER_WORKER, c.SUBGROUP_LEADER_EXCLUDED))),
        draw(st.booleans()),
        draw(st.integers(1, 3)),
        draw(st.booleans()),
    )


@given(shape=shapes())
@example(Shape(9, 4))
@example(Shape(8, 4, leader_asks=False))
@example(Shape(4, 2, processes=2))
@example(Shape(5, 5, init=True))
@settings(max_examples=300, deadline=None)
def test_lists_follow_labels(shape: Shape) -> None:
    """Hosts are the pods of the same subgroup that ask, each once for each of its processes and in order;
    ids are unique, and each is the process's own place. A leader that is in no subgroup has no slice to be
    told of, and is denied.
    """
    assume(shape.accepted())
    if shape.leader_asks and shape.subgroup and shape.kind == c.SUBGROUP_LEADER_EXCLUDED:
        with pytest.raises(AdmissionError, match=c.SUBGROUP_INDEX_LABEL):
            shape.pods()
        return
    pods = shape.pods()
    slices: dict[Any, list[Document]] = defaultdict(list)
    for pod in pods if shape.leader_asks else pods[1:]:
        slices[pod["metadata"]["labels"].get(c.SUBGROUP_INDEX_LABEL)].append(pod)
    for members in slices.values():
        hosts = [x["metadata"]["name"] + ".default" for x in members for _ in range(shape.processes)]
        ports = [8476 + i for i in range(shape.processes)] * len(members)
        found = [env for pod in members for env in tpu_variables(pod)]
        assert [x["TPU_WORKER_ID"] for x in found] == [str(i) for i in range(len(hosts))]
        assert {x["TPU_WORKER_HOSTNAMES"] for x in found} == {",".join(hosts)}
        assert {x["TPU_PROCESS_ADDRESSES"] for x in found} == {
            ",".join(f"{host}:{port}" for host, port in zip(hosts, ports, strict=True))
        }
        assert [x["TPU_PROCESS_PORT"] for x in found] == [str(port) for port in ports]
        assert {x["TPU_NAME"] for x in found} == {LEADER}
    if not shape.leader_asks:
        assert tpu_variables(pods[0]) == []


def tpu_variables(pod: Document) -> list[dict[str, str]]:
    """The environment of each container that got TPU variables."""
    containers = [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]
    found = [{x["name"]: x.get("value", "") for x in one.get("env", [])} for one in containers]
    return [env for env in found if "TPU_WORKER_ID" in env]
