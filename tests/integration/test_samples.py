"""Samples and the YAML of pages, applied: what a user copies is accepted, and becomes Available.

What the remaining samples do, page by page, is tested in ``test_guides.py``.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from support.admission import env_of
from support.cluster import ROOT
from support.pages import GUIDES, REFERENCE, Block, blocks, links
from support.samples import SAMPLES, apply_sample, load_sample, resource_of, try_out
from support.sets import Document, Sets
from support.waiting import until
from support.wholeness import await_whole

from lws.api import constants as c
from lws.kube.client import Client
from lws.kube.resources import EVENTS, SERVICES

pytestmark = pytest.mark.integration


def lws_env(pod: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in env_of(pod).items() if name.startswith("LWS_")}


def test_both_samples_become_available(sets: Sets) -> None:
    """10.1 #15, E1: groups, pods, StatefulSets, the environment of each pod, and the shared service."""
    sample, vllm = apply_sample(sets, "leaderworkerset.yaml"), apply_sample(sets, "vllm.yaml")
    await_whole(sample, vllm)
    for lws, size in ((sample, 4), (vllm, 2)):
        for pod in lws.pods():
            assert lws_env(pod.document) == {
                c.LEADER_ADDRESS_ENV: f"{lws.name}-{pod.group}.{lws.name}.{sets.namespace}",
                c.GROUP_SIZE_ENV: str(size),
                c.WORKER_INDEX_ENV: str(pod.worker),
            }
    (service,) = sample.services()
    assert service["spec"]["selector"] == {c.NAME_LABEL: sample.name}
    assert (service["spec"]["clusterIP"], service["spec"]["publishNotReadyAddresses"]) == ("None", True)
    assert service["metadata"]["ownerReferences"][0]["uid"] == sample.get()["metadata"]["uid"]


def test_a_sample_s_own_service_selects_its_leaders(sets: Sets) -> None:
    """The Service in vllm.yaml must find the leaders and only those: the workers serve nothing."""
    vllm = apply_sample(sets, "vllm.yaml")
    await_whole(vllm)
    selector = sets.client.get(SERVICES, dict, "vllm-leader", sets.namespace)["spec"]["selector"]
    chosen = [x.name for x in vllm.pods() if selector.items() <= x.document["metadata"]["labels"].items()]
    assert chosen == ["vllm-0", "vllm-1"]


# Samples that need nothing but nodes, all at once.


def test_samples_of_model_servers_become_available(sets: Sets) -> None:
    """With everything that their files bring along: accounts, rights, scripts, policies, services."""
    files = ("tensorrt-llm.yaml", "llama-cpp.yaml", "topology-aware.yaml")
    mpi, cpu, kueue = (apply_sample(sets, file) for file in files)
    await_whole(mpi, cpu, kueue)
    for lws, port in ((mpi, 8000), (cpu, 80)):
        service = sets.client.get(SERVICES, dict, f"{lws.name}-leader", sets.namespace)["spec"]
        chosen = [x.name for x in lws.pods() if service["selector"].items() <= labels_of(x.document).items()]
        assert (chosen, service["ports"][0]["port"]) == ([f"{lws.name}-0"], port)
    assert addresses_as_scripts_make_them(cpu.group(0)[0].document) == [
        f"llama-cpp-0-{x}.llama-cpp.{sets.namespace}" for x in (1, 2, 3, 4)
    ]
    assert [pod.name for pod in cpu.group(0)][1:] == [f"llama-cpp-0-{x}" for x in (1, 2, 3, 4)]
    assert_passed_through(kueue.leader_set(), [pod.document for pod in kueue.pods()])


def labels_of(pod: Document) -> dict[str, str]:
    return dict(pod["metadata"]["labels"])


def addresses_as_scripts_make_them(leader: Document) -> list[str]:
    """What the shell of the samples makes of the variables: the leader's name with an index, and the rest."""
    env = env_of(leader)
    name, _, rest = env[c.LEADER_ADDRESS_ENV].partition(".")
    return [f"{name}-{index}.{rest}" for index in range(1, int(env[c.GROUP_SIZE_ENV]))]


def assert_passed_through(leader_set: Document, pods: list[Document]) -> None:
    """Kueue's label is on the StatefulSet, its annotations on every pod, as topology-aware.md says."""
    assert leader_set["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "user-queue"
    wanted = {
        "kueue.x-k8s.io/podset-group-name": "group",
        "kueue.x-k8s.io/podset-required-topology": "cloud.provider.com/topology-block",
    }
    assert len(pods) == 8
    assert all(wanted.items() <= pod["metadata"]["annotations"].items() for pod in pods)


# Every file of samples and every block of YAML in a guide, as a dry run that refuses unknown members.

LWS_MEMBERS = {"replicas", "leaderWorkerTemplate", "rolloutStrategy", "networkConfig", "startupPolicy"}
REFUSALS = "admission.md"
"""Its blocks are to be refused; ``test_guides.py`` sees to that."""
OTHERS_FILES = {"gangSchedulingManagement", "Configuration", "Kustomization", "scrape_configs"}
"""Blocks of files that no API server is sent. ``tests/unit/test_docs_reference.py`` reads our own."""
FILE_NAMED = re.compile(r"# [\w./-]+\.ya?ml\n")
"""A block that begins with the name of a file is that file, or a part of it: values of a chart, say."""
_OTHERS = (
    "monitoring.coreos.com",
    "kueue.x-k8s.io",
    "cert-manager.io",
    "argoproj.io",
    "helm.toolkit.fluxcd.io",
)
UNKNOWN_HERE = re.compile(rf"^apiVersion: ({'|'.join(map(re.escape, _OTHERS))})/", re.M)
"""Kinds of other projects, whose CustomResourceDefinitions this cluster lacks."""


@pytest.mark.parametrize("file", sorted(x.name for x in SAMPLES.glob("*.yaml")))
def test_a_sample_is_valid_to_the_last_member(sets: Sets, file: str) -> None:
    for document in load_sample(file):
        try_out(sets.client, document, sets.namespace)


def yaml_blocks() -> list[tuple[Path, Block]]:
    pages = [page for page in (*GUIDES, *REFERENCE) if page.name != REFUSALS]
    found = [(page, block) for page in pages for block in blocks(page) if block.language == "yaml"]
    return [
        (page, x) for page, x in found if not UNKNOWN_HERE.search(x.text) and not FILE_NAMED.match(x.text)
    ]


@pytest.mark.parametrize(("page", "block"), [pytest.param(*x, id=x[1].place) for x in yaml_blocks()])
def test_a_block_of_a_guide_is_valid(sets: Sets, page: Path, block: Block) -> None:
    """As it stands, or as a part of the sample that its page is about."""
    for part in yaml.safe_load_all(block.text):
        for document in whole_documents(page, part):
            try_out(sets.client, document, sets.namespace)


def whole_documents(page: Path, part: Document) -> list[Document]:
    if OTHERS_FILES & {*part, part.get("kind")}:
        return []
    if "kind" in part:
        return [part]
    if set(part) <= {"metadata", "spec"}:
        return [merged(sample_of(page, c.KIND), part)]
    if set(part) <= LWS_MEMBERS:
        return [merged(sample_of(page, c.KIND), {"spec": part})]
    kinds = {"selector": "Service", "metrics": "HorizontalPodAutoscaler"}
    assert set(part) <= kinds.keys(), "of which file or kind is this? begin the block with '# FILE.yaml'"
    return [merged(sample_of(page, kinds[member]), {"spec": part}) for member in part]


def sample_of(page: Path, kind: str) -> Document:
    """The first object of this kind in the samples that the page links to, else in those of all guides."""
    names = [Path(x).name for one in (page, *GUIDES) for x in links(one) if "/samples/" in x]
    return next(x for name in names for x in load_sample(name) if x["kind"] == kind)


def merged(document: Document, change: dict[str, Any]) -> Document:
    """The document with members replaced as a merge patch does."""
    both = document | change
    for name in document.keys() & change.keys():
        if isinstance(document[name], dict) and isinstance(change[name], dict):
            both[name] = merged(document[name], change[name])
    return both


# monitoring.md


def test_the_account_for_scraping_may_scrape_and_nothing_else(sets: Sets) -> None:
    """With the ClusterRole of the installation; all under names of this test's own."""
    client, namespace = sets.client, sets.namespace
    user = f"system:serviceaccount:{namespace}:lws-metrics-scraper"
    text = (ROOT / "manifests" / "rbac" / "metrics-roles.yaml").read_text()
    roles = [x for x in yaml.safe_load_all(text) if x["metadata"]["name"] == "lws-metrics-reader"]
    made = [as_own(document, namespace) for document in (*roles, *load_sample("monitoring.yaml"))]
    for document in made:
        resource = resource_of(client, document)
        client.create(resource, dict, document, namespace=namespace if resource.namespaced else "")
    scraping = {"nonResourceAttributes": {"path": "/metrics", "verb": "get"}}
    reading = {"resourceAttributes": {"resource": "pods", "verb": "list", "namespace": namespace}}
    until("the right to scrape", lambda: allowed(client, user, scraping))
    assert not allowed(client, user, reading)
    for document in made:
        resource = resource_of(client, document)
        if not resource.namespaced:
            client.delete(resource, dict, document["metadata"]["name"])


def as_own(document: Document, namespace: str) -> Document:
    """The document with ``lws-system`` and names for the whole cluster replaced by the namespace's."""
    text = json.dumps(document).replace("lws-system", namespace).replace("lws-metrics-reader", namespace)
    found: Document = json.loads(text)
    if found["kind"] == "ClusterRoleBinding":
        found["metadata"]["name"] = namespace
    return found


def allowed(client: Client, user: str, what: Document) -> bool:
    review = {"kind": "SubjectAccessReview", "spec": {"user": user, **what}}
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    answer = client.connection.request("POST", path, body=msgspec.json.encode(review))
    return bool(msgspec.json.decode(answer)["status"]["allowed"])


# troubleshooting.md


def test_symptoms_of_pods_that_cannot_be_created(sets: Sets) -> None:
    """What the guide says is to be seen: in events of StatefulSets, in the words of its table."""
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "0"}}}
    path = f"/api/v1/namespaces/{sets.namespace}/resourcequotas"
    nobody = {"spec": {"serviceAccountName": "nobody", "containers": [{"name": "a", "image": "a"}]}}
    # A pod's label is its StatefulSet's name and a hash of up to ten digits; one in forty has eight: it fits.
    long = [letter * 52 for letter in "abc"]
    for name in long:
        sets.create(name, replicas=1, size=1).change(size=2)
    sets.create("nobody", leaderTemplate=nobody)
    too_long = {f"{name}-0": "must be no more than 63 bytes" for name in long}
    until("a label too long", lambda: missing(sets, too_long), lambda seen: len(seen) < len(long))
    unknown = {"nobody": 'serviceaccount "nobody" not found'}
    until("the second symptom", lambda: missing(sets, unknown), lambda seen: not seen)
    sets.client.connection.request("POST", path, body=msgspec.json.encode(quota))
    sets.create("quota")
    until("the third symptom", lambda: missing(sets, {"quota": "exceeded quota"}), lambda seen: not seen)
    guide = next(x for x in GUIDES if x.name == "troubleshooting.md").read_text()
    assert [
        x
        for x in ("no more than 63 bytes", 'serviceaccount "..." not found', "exceeded quota")
        if x not in guide
    ] == []


def missing(sets: Sets, symptoms: dict[str, str]) -> list[str]:
    """Names of StatefulSets whose FailedCreate events do not say what they should."""
    said = defaultdict(str)
    for event in sets.client.list(EVENTS, dict, sets.namespace):
        if event["reason"] == "FailedCreate" and event["regarding"]["kind"] == "StatefulSet":
            said[event["regarding"]["name"]] += event["note"]
    return [name for name, symptom in symptoms.items() if symptom not in said[name]]
