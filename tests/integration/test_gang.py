"""Gang scheduling: a PodGroup for each group, of the group's own size, for as long as its leader lives.

There is no Volcano here: nobody reads the PodGroups, and pods are scheduled as ever. The first test finds the
cluster without their CRD; the others have it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from support.cluster import Cluster
from support.manager import Manager
from support.podgroups import apply_crd, await_pod_groups, delete_crd, pod_groups, problems
from support.samples import apply_sample
from support.sets import Document, LiveSet, Sets, template
from support.wholeness import await_whole

from lws.api import constants as c
from lws.kube.resources import PODS
from lws.planning.podgroups import VOLCANO_QUEUE_ANNOTATION

pytestmark = pytest.mark.integration

GANG = ("--gang-scheduling", "volcano")
NOT_SERVED = "apply the CustomResourceDefinition podgroups.scheduling.volcano.sh"
NEW = "docker.io/nginxinc/nginx-unprivileged:1.28"


@pytest.fixture(scope="module")
def one_gang_manager(
    cluster: Cluster, one_manager: Manager, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Manager]:
    """In place of the run's, which the next test that asks for it starts again."""
    if one_manager.running:
        one_manager.stop()
    with Manager(cluster, tmp_path_factory.mktemp("gang"), *GANG) as manager:
        yield manager


@pytest.fixture(scope="module")
def crd(cluster: Cluster) -> Iterator[None]:
    apply_crd(cluster.client)
    yield
    delete_crd(cluster.client)


@pytest.fixture
def gang(cluster: Cluster, one_gang_manager: Manager, crd: None, namespace: str) -> Sets:
    """Makes sets while the controller runs with gang scheduling on."""
    one_gang_manager.ensure_running()
    return Sets(cluster.client, namespace)


def asking(**requests: str) -> dict[str, Document]:
    """Templates whose containers ask for these."""
    templates = {role: template(role) for role in ("leader", "worker")}
    for document in templates.values():
        document["spec"]["containers"][0]["resources"] = {
            "requests": requests,
            "limits": {"nvidia.com/gpu": "1"},
        }
    return {f"{role}Template": document for role, document in templates.items()}


def test_without_the_crd_everything_else_goes_on(
    cluster: Cluster, one_gang_manager: Manager, namespace: str
) -> None:
    """One line says what is missing and what to do; PodGroups follow once the CRD is there."""
    one_gang_manager.start()
    lws = Sets(cluster.client, namespace).create(replicas=2, size=2)
    await_whole(lws)
    said = [line for line in one_gang_manager.log.read_text().splitlines() if "podgroups" in line]
    assert [NOT_SERVED in line for line in said] == [True], said
    old = lws.uids()
    apply_crd(cluster.client)
    await_pod_groups(lws, members=2)
    assert lws.uids() == old


def test_each_group_has_its_pod_group_while_it_lives(gang: Sets) -> None:
    """10.1 #52, 10.2 G1 to G3: members by startup policy, resources, queue, annotations; then gone."""
    annotations = {
        VOLCANO_QUEUE_ANNOTATION: "fast",
        "volcano.sh/sla-waiting-time": "1h",
        "example.com/note": "not for Volcano",
    }
    metadata = {"annotations": annotations}
    created = gang.create(
        "created", replicas=2, size=4, metadata=metadata, **asking(cpu="100m", memory="1Gi")
    )
    ready = gang.create("ready", replicas=2, size=4, startupPolicy="LeaderReady", **asking(cpu="100m"))
    alone = gang.create("alone", replicas=1, size=1)
    await_whole(created, ready, alone)
    resources = {"cpu": "400m", "nvidia.com/gpu": "4"}
    groups = await_pod_groups(created, members=4, queue="fast", minResources={**resources, "memory": "4Gi"})
    inherited = {"volcano.sh/sla-waiting-time": "1h"}
    assert [x["metadata"]["annotations"] for x in groups] == [inherited, inherited]
    await_pod_groups(ready, members=1, queue="default", minResources=resources)
    await_pod_groups(alone, members=1, minResources={})
    for pod in created.pods():
        name = f"created-{pod.group}-{pod.revision}"
        assert pod.document["metadata"]["annotations"][c.POD_GROUP_ANNOTATION] == name
    for lws in (created, ready):
        lws.delete("Foreground")
    for lws in (created, ready):
        lws.until("no PodGroup to be left", lambda lws=lws: pod_groups(lws), lambda seen: not seen)  # type: ignore[misc]


def test_a_roll_and_a_resize_bring_pod_groups_of_the_new_revision(gang: Sets) -> None:
    """10.1 #53, 10.2 G4 and G5."""
    lws = gang.create(replicas=3, size=2)
    await_whole(lws)
    before = await_pod_groups(lws, members=2)
    lws.change(workerTemplate=template("worker", NEW))
    await_whole(lws)
    between = await_pod_groups(lws, members=2)
    lws.change(size=4)
    await_whole(lws)
    after = await_pod_groups(lws, members=4)
    assert len({x["metadata"]["uid"] for x in (*before, *between, *after)}) == 9


def test_a_recreated_group_gets_a_pod_group_of_its_own(gang: Sets) -> None:
    """The name is the same, since the revision is; the owner must be the new leader."""
    lws = gang.create(replicas=2, size=3)
    await_whole(lws)
    first, second = await_pod_groups(lws, members=3)
    old = lws.uids(0)
    lws.delete_pod(f"{lws.name}-0-1")
    lws.await_replaced(old, 0)
    await_whole(lws)
    again, untouched = await_pod_groups(lws, members=3)
    assert again["metadata"]["name"] == first["metadata"]["name"]
    assert again["metadata"]["uid"] != first["metadata"]["uid"]
    assert untouched["metadata"]["uid"] == second["metadata"]["uid"]


def test_one_left_by_a_leader_that_was_deleted_in_the_background_is_waited_for(gang: Sets) -> None:
    """Restart policy None: nobody takes the group down first, so old and new overlap."""
    lws = gang.create(replicas=1, size=2, restartPolicy=c.RESTART_NONE)
    await_whole(lws)
    await_pod_groups(lws, members=2)
    old = lws.uids()
    lws.delete_pod(f"{lws.name}-0", grace_period=0)
    lws.await_replaced(old)
    await_whole(lws)
    await_pod_groups(lws, members=2)


def test_an_old_group_that_is_rebuilt_in_mid_roll_asks_for_its_own_size(gang: Sets) -> None:
    """docs/decisions/014: with the live numbers it would wait for members that it will never have."""
    lws = gang.create(replicas=2, size=2, **asking(cpu="1"))
    await_whole(lws)
    await_pod_groups(lws, members=2)
    held = template("worker", NEW, not_ready="true")
    lws.change(size=3, workerTemplate=held)
    lws.until("the new group", lambda: lws.group(1), lambda seen: len(seen) == 3)
    old = lws.uids(0)
    lws.delete_pod(f"{lws.name}-0")
    lws.await_replaced(old, 0)
    numbers = [(2, "2"), (3, "1")]
    lws.until("PodGroups of both sizes", lambda: sizes(lws), lambda seen: seen == numbers)
    assert not problems(lws, {})


def test_the_guide_s_sample(gang: Sets) -> None:
    """docs/guides/gang-scheduling.md, with the test in Volcano's place: it binds groups that are complete."""
    lws = apply_sample(gang, "gang-scheduling.yaml")
    groups = await_pod_groups(lws, members=4, queue="default")
    assert groups[0]["spec"]["minResources"] == {"cpu": "250m", "memory": "200Mi", "nvidia.com/gpu": "3"}
    assert [x["metadata"]["annotations"] for x in groups] == [{"volcano.sh/sla-waiting-time": "1h30m"}] * 2
    for index in range(2):
        pods = lws.until("a whole group", lambda index=index: lws.group(index), lambda seen: len(seen) == 4)  # type: ignore[misc]
        assert {pod.document["spec"]["schedulerName"] for pod in pods} == {"volcano"}
        for pod in pods:
            bind(lws, pod.name)
    await_whole(lws)


def bind(lws: LiveSet, pod: str) -> None:
    target = {"apiVersion": "v1", "kind": "Node", "name": "hollow-0"}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod}, "target": target}
    path = PODS.path(lws.namespace, pod, "binding")
    lws.client.connection.request("POST", path, body=msgspec.json.encode(binding))


def sizes(lws: LiveSet) -> list[tuple[int, str]]:
    """Members and CPUs of the PodGroup of each group, by index."""
    groups = sorted(pod_groups(lws), key=lambda x: x["metadata"]["labels"][c.GROUP_INDEX_LABEL])
    return [(x["spec"]["minMember"], x["spec"]["minResources"].get("cpu", "")) for x in groups]
