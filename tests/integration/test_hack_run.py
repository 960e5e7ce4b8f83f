"""``hack/run`` leaves a cluster as it should be: whatever goes wrong, the API server goes on admitting."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.cluster import Cluster
from support.manager import COMMAND, Manager
from support.namespaces import make_namespace

from hack.tools import probe
from hack.tools.registration import CONFIGURATIONS, remove
from lws.api.constants import NAME_LABEL
from lws.kube.client import Client
from lws.kube.errors import ApiError, NotFound
from lws.kube.resources import MUTATING_WEBHOOKS, PODS, VALIDATING_WEBHOOKS
from lws.webhooks.certificates import MUTATING_CONFIGURATION

pytestmark = pytest.mark.integration

SECONDS = 60.0


@pytest.fixture(autouse=True)
def clean(cluster: Cluster, one_manager: Manager) -> Iterator[None]:
    """Nothing is registered, before and afterwards; the next file's manager registers again."""
    if one_manager.running:
        one_manager.stop()
    remove(cluster.client)
    yield
    remove(cluster.client)


def run(cluster: Cluster, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [COMMAND, "--kubeconfig", str(cluster.kubeconfig), *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)


def registered(client: Client) -> dict[str, Any]:
    """Each configuration of ours, and the probe's, with its webhooks."""
    found = {}
    for name, kind in (CONFIGURATIONS | {probe.NAME: VALIDATING_WEBHOOKS}).items():
        with contextlib.suppress(NotFound):
            found[name] = client.get(kind, dict, name)["webhooks"]
    return found


def admits(client: Client) -> bool:
    """Whether a pod of a group that nobody mutates gets in."""
    namespace = make_namespace(client)
    labels = {NAME_LABEL: "some"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "some-", "namespace": namespace, "labels": labels},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    try:
        made = client.create(PODS, dict, pod)
    except ApiError as error:
        if "failed calling webhook" not in error.message:
            raise
        return False
    client.delete(PODS, dict, made["metadata"]["name"], namespace=namespace, grace_period=0)
    return True


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1"])
def test_an_api_server_that_cannot_call_back_is_left_as_it_was(cluster: Cluster, host: str) -> None:
    ended = run(cluster, f"--webhook-host={host}")
    assert ended.returncode == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"hack/run: the API server cannot call https://{host}:")
    assert "--webhook-host" in line
    assert registered(cluster.client) == {}
    assert admits(cluster.client)


def test_it_leaves_with_its_webhooks(cluster: Cluster, tmp_path: Path) -> None:
    manager = Manager(cluster, tmp_path, keep=False)
    manager.start()
    assert set(registered(cluster.client)) == set(CONFIGURATIONS)
    assert manager.stop() == 0
    assert registered(cluster.client) == {}
    assert manager.log_tail(1).startswith("hack/run: the webhooks are unregistered")
    assert admits(cluster.client)


def test_another_address_of_this_machine(cluster: Cluster, tmp_path: Path) -> None:
    with Manager(cluster, tmp_path, "--webhook-host=127.0.0.2", keep=False) as manager:
        manager.start()
        assert manager.webhook_url.startswith("https://127.0.0.2:")
        called = [x["clientConfig"]["url"] for found in registered(cluster.client).values() for x in found]
        assert all(x.startswith(f"{manager.webhook_url}/") for x in called)


def test_what_a_killed_one_left_is_taken_over_or_taken_away(cluster: Cluster, tmp_path: Path) -> None:
    manager = Manager(cluster, tmp_path, keep=False)
    manager.start()
    manager.kill()
    assert not admits(cluster.client)
    manager.start()
    manager.kill()
    for said in ("the webhooks are unregistered", "no webhooks of hack/run are registered"):
        ended = run(cluster, "--remove")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert said in ended.stdout
        assert registered(cluster.client) == {}
    assert admits(cluster.client)


def test_webhooks_that_were_to_stay_say_so(cluster: Cluster, tmp_path: Path) -> None:
    manager = Manager(cluster, tmp_path)
    manager.start()
    assert manager.stop() == 0
    assert set(registered(cluster.client)) == set(CONFIGURATIONS)
    assert "hack/run --remove" in manager.log_tail(1)


def test_one_that_ends_leaves_those_of_its_successor(cluster: Cluster, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with Manager(cluster, tmp_path / "second", keep=False) as second:
        with Manager(cluster, tmp_path / "first", keep=False) as first:
            first.start()
            second.start()
        assert set(registered(cluster.client)) == set(CONFIGURATIONS)
    assert registered(cluster.client) == {}


@pytest.mark.parametrize("flags", [(), ("--remove",)])
def test_an_installation_is_left_alone(cluster: Cluster, flags: tuple[str, ...]) -> None:
    """Its webhooks call a Service; ours would replace them, and be gone afterwards."""
    service = {"name": "lws-webhook-service", "namespace": "lws-system", "path": "/"}
    entry = {
        "name": "mleaderworkerset.kb.io",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "clientConfig": {"service": service},
    }
    document = {
        "apiVersion": MUTATING_WEBHOOKS.api_version,
        "kind": MUTATING_WEBHOOKS.kind,
        "metadata": {"name": MUTATING_CONFIGURATION},
        "webhooks": [entry],
    }
    cluster.client.create(MUTATING_WEBHOOKS, dict, document)
    try:
        before = registered(cluster.client)
        ended = run(cluster, *flags)
        assert registered(cluster.client) == before
    finally:
        cluster.client.delete(MUTATING_WEBHOOKS, dict, MUTATING_CONFIGURATION)
    if not flags:
        assert ended.returncode == 1
        assert "a controller is installed in this cluster" in ended.stderr
        assert "lws-system/lws-webhook-service" in ended.stderr


@pytest.mark.parametrize("port", ["80000", "-1", "x", ""])
def test_a_port_that_is_none(cluster: Cluster, port: str) -> None:
    ended = run(cluster, f"--metrics-port={port}")
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].endswith("is not a port: a number from 0 to 65535")
