"""``kubectl lws`` with kubectl's flags, and completed by the real kubectl."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml
from support.cluster import Cluster
from support.kubectl import Kubectl
from support.sets import Sets
from support.waiting import steady, until
from support.wholeness import await_whole

pytestmark = pytest.mark.integration

NEW = "docker.io/nginxinc/nginx-unprivileged:1.28"


@pytest.fixture
def kubectl(cluster: Cluster, namespace: str, tmp_path: Path) -> Kubectl:
    """With the program that it asks for completion, as pip installs it."""
    program = tmp_path / "kubectl_complete-lws"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m lws.cli.completion "$@"\n')
    program.chmod(0o755)
    return Kubectl(cluster, namespace, tmp_path)


def test_lists_and_versions(kubectl: Kubectl, sets: Sets) -> None:
    lws = sets.create("whole", replicas=2, size=2)
    await_whole(lws)
    kubectl("label", "lws", "whole", "team=search")
    assert kubectl.lws("list").splitlines()[1].split()[:5] == ["lws/whole", "2/2", "2", "2", "Available"]
    assert kubectl.lws("list", "-l", "team=other").startswith("No leaderworkersets or disaggregatedsets")
    assert kubectl.lws("list", "-l", "team in (search)", "-o", "name").startswith("leaderworkerset.")
    client, server, manager = kubectl.lws("version").splitlines()
    assert client.startswith("Client Version: v")
    assert server.startswith("Server Version: v1.")
    assert manager == "Manager Version: not known: no Deployment of it is in this cluster"


def test_an_image_is_tried_and_then_rolled_out(kubectl: Kubectl, sets: Sets) -> None:
    lws = sets.create("images", replicas=2, size=2)
    await_whole(lws)
    (container,) = lws.get()["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]["containers"]
    order = f"{container['name']}={NEW}"
    for how, told in (("client", "(dry run)"), ("server", "(server dry run)")):
        assert f"image updated {told}" in kubectl.lws("set", "image", "images", order, f"--dry-run={how}")
    edited = kubectl.lws("set", "image", "images", order, "--dry-run=client", "-o", "yaml")
    assert NEW in str(yaml.safe_load(edited)["spec"])
    assert "2 groups replaced" in kubectl.lws("plan", "-f", "-", stdin=edited)
    assert lws.get()["metadata"]["generation"] == 1
    assert kubectl.lws("set", "image", "images", order).splitlines()[0].endswith("/images image updated")
    kubectl.lws("status", "images", "--watch", "--timeout", "90s")
    assert NEW in kubectl.lws("history", "images", "-o", "wide")
    assert "has these images already" in kubectl.lws("set", "image", "images", order)


def test_changes_are_tried_and_then_made(kubectl: Kubectl, sets: Sets) -> None:
    """A dry run reaches the API server with every write, deletions among them, and nothing comes of it."""
    lws, other = sets.create("tried", replicas=2, size=2), sets.create("other", replicas=1, size=1)
    await_whole(lws)
    await_whole(other)
    kubectl("label", "lws", "tried", "team=search")
    pods, spec = {group: lws.uids(group) for group in range(2)}, lws.get()["spec"]
    for order in (["restart", "tried", "1"], ["restart", "tried"], ["pause", "-l", "team=search"]):
        for how, told in (("client", " (dry run)\n"), ("server", " (server dry run)\n")):
            assert kubectl.lws(*order, f"--dry-run={how}").endswith(told)
    assert steady("the pods", lambda: {group: lws.uids(group) for group in range(2)}) == pods
    assert lws.get()["spec"] == spec
    assert kubectl.lws("restart", "tried", "1").endswith("/tried recreating group 1\n")
    lws.await_replaced(pods[1], group=1)
    await_whole(lws)
    assert lws.uids(0) == pods[0]
    assert kubectl.lws("pause", "-l", "team=search").splitlines() == [
        "leaderworkerset.leaderworkerset.x-k8s.io/tried paused"
    ]
    assert kubectl.lws("resume", "-l", "team=search").endswith("/tried resumed: its partition is 0\n")
    assert kubectl.lws("resume", "-l", "team=other").startswith("No leaderworkersets or disaggregatedsets")
    assert other.get()["metadata"]["generation"] == 1


def test_who_somebody_is_and_which_server_is_meant(kubectl: Kubectl, namespace: str) -> None:
    """A token counts alone, although the kubeconfig has an administrator's certificate."""
    assert 'User "bob" cannot list' in kubectl.lws("list", "--as", "bob", code=1)
    token = kubectl("create", "token", "default").strip()
    account = f"system:serviceaccount:{namespace}:default"
    assert f'User "{account}" cannot list' in kubectl.lws("list", "--token", token, code=1)
    assert "connection refused" in kubectl.lws("list", "--server", "https://127.0.0.1:1", code=1)
    assert kubectl.lws("list", "--as", "admin", "--as-group", "system:masters").startswith("No ")


def test_the_real_kubectl_completes_names(kubectl: Kubectl, sets: Sets) -> None:
    """Asked again where nothing is said: on a busy machine its three seconds may be over too soon."""
    await_whole(sets.create("complete", replicas=3, size=1))
    asked = {
        ("status", "comp"): ["complete"],
        ("restart", "complete", "1", ""): ["0", "2"],
        ("st",): ["status"],
    }
    for words, wanted in asked.items():
        assert until(f"names after {words}", lambda words=words: kubectl.complete(*words)) == wanted
