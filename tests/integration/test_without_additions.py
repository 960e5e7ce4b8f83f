"""A set without any field or annotation of ours: what the API server holds of it is upstream's, to the byte.

Pods on their way through the real admission become what upstream's webhook made of them (vectors of its own
functions). The children of a set that was rolled are those of ``stored/plain.json``; where Kubernetes' own
defaults change, LWS_RENEW=1 writes it anew, for its diff to be read.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.audit import AuditLog
from support.cluster import Cluster
from support.golden import vectors
from support.manager import Manager
from support.namespaces import make_namespace
from support.sets import IMAGE, LiveSet, Sets, exists, template
from support.wholeness import await_whole

from lws.api import constants as c
from lws.kube.client import Client
from lws.kube.errors import Invalid
from lws.kube.resources import NAMESPACES, PODS

pytestmark = pytest.mark.integration

STORED = Path(__file__).parent / "stored" / "plain.json"
Document = dict[str, Any]
# What differs from one object of a template to the next.
PASSING = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation")
# What the API server and the scheduler choose for one object, and the node of a pod then tells it.
ASSIGNED = r"clusterIPs?|nodeName|topology\.kubernetes\.io/(?:region|zone)"
TOKEN = re.compile(r"kube-api-access-\w{5}")


def test_pods_are_stored_as_upstream_s_webhook_had_them(cluster: Cluster, manager: Manager) -> None:
    """Beside the same pod with what upstream added, made as one of no set: so no webhook has seen it.
    Pods that ask for TPUs are left to the vectors themselves, which know where we differ (decision 132).
    """
    plain = [
        x
        for x in vectors("pod_mutate.jsonl")
        if x["allowed"] and not x["volcano"] and c.TPU_RESOURCE not in json.dumps(x["pod"])
    ]
    for name in {x["pod"]["metadata"]["namespace"] for x in plain}:
        if not exists(cluster.client, NAMESPACES, name, ""):
            make_namespace(cluster.client, name)
    stored = [admitted(cluster.client, x["pod"]) for x in plain]
    assert stored == [of_no_set(cluster.client, x["want"]) for x in plain]
    assert sum(x is not None for x in stored) > 100


def of_no_set(client: Client, pod: Document) -> Document | None:
    name = pod["metadata"]["labels"].pop(c.NAME_LABEL, None)
    found = admitted(client, pod)
    if found is not None and name is not None:
        found["metadata"]["labels"][c.NAME_LABEL] = name
    return found


def admitted(client: Client, pod: Document) -> Document | None:
    """As the API server would store it; None where that refuses it."""
    path = PODS.path(pod["metadata"]["namespace"])
    try:
        answer = client.connection.request(
            "POST", path, query={"dryRun": "All"}, body=msgspec.json.encode(pod)
        )
    except Invalid:
        return None
    return lasting(msgspec.json.decode(answer))


def lasting(document: Document) -> Document:
    """Without what is another one each time."""
    found: Document = json.loads(TOKEN.sub("kube-api-access", json.dumps(document)))
    for name in PASSING:
        found["metadata"].pop(name, None)
    return found


@pytest.mark.parametrize("policy", [None, c.POD_UPDATE_RECREATE])
def test_children_are_those_that_are_written_down(sets: Sets, cluster: Cluster, policy: str | None) -> None:
    """beyond.md, 1.5.2, 2.3.2 and 3.4.3, and 0: after a roll, whose requests are the known ones."""
    lws = sets.create("plain", replicas=2, size=2, podUpdatePolicy=policy, **both(IMAGE))
    await_whole(lws)
    log, before = AuditLog(cluster.audit_log), lws.uids()
    log.mark()
    lws.change(**both(f"{IMAGE}.1"))
    lws.await_replaced(before)
    await_whole(lws)
    if "LWS_RENEW" in os.environ:
        STORED.write_text(json.dumps(children(lws), indent=1, sort_keys=True) + "\n")
    # A leader that went before the StatefulSet controller had heard of its template goes once more.
    stored = json.loads(STORED.read_text())
    lws.until("its children to be those", lambda: differing(children(lws), stored), lambda seen: not seen)
    assert {x for x in log.writes() if not x.endswith("events")} <= {
        "create controllerrevisions",
        "create statefulsets",
        "delete controllerrevisions",
        "delete pods",
        "patch leaderworkersets/status",
        "patch statefulsets",
    }


def both(image: str) -> Document:
    return {f"{role}Template": template(role, image) for role in ("leader", "worker")}


def children(lws: LiveSet) -> dict[str, Document]:
    """By kind and name, without their statuses, as if in a namespace ``ns``."""
    found = {
        "Pod": [x.document for x in lws.pods()],
        "StatefulSet": [lws.leader_set(), *lws.worker_sets()],
        "Service": lws.services(),
        "ControllerRevision": lws.revisions(),
    }
    return {
        f"{kind} {x['metadata']['name']}": settled(x, lws.namespace)
        for kind, all_ in found.items()
        for x in all_
    }


def differing(found: dict[str, Document], wanted: dict[str, Document]) -> Document:
    """What was found under each name at which the two differ; None for nothing."""
    return {x: found.get(x) for x in found.keys() | wanted.keys() if found.get(x) != wanted.get(x)}


def settled(document: Document, namespace: str) -> Document:
    text = json.dumps({name: x for name, x in lasting(document).items() if name != "status"})
    text = re.sub(rf"\b{namespace}\b", "ns", text)
    text = re.sub(r'"uid": "[-0-9a-f]{36}"', '"uid": "…"', text)
    text = re.sub(r'(group-key|controller-revision-hash)": "[^"]*"', r'\1": "…"', text)
    text = re.sub(rf'"({ASSIGNED})": ("[^"]*"|\[[^]]*\])', r'"\1": "…"', text)
    found: Document = json.loads(text)
    return found
