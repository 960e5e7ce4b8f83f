"""Replicas agree on certificates through the Secret, and nobody is ever shown one that is not trusted yet."""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from support.apiserver import ApiServer, status_answer, write_kubeconfig
from support.objectstore import ObjectStore
from support.waiting import steady, until

from lws.kube.client import Client
from lws.kube.connection import Connection, connect
from lws.kube.resources import MUTATING_WEBHOOKS, SECRETS, VALIDATING_WEBHOOKS
from lws.runtime.clock import FakeClock
from lws.runtime.metrics import Metrics
from lws.webhooks.certificates.issuing import Bundle, renewed, service_names, valid
from lws.webhooks.certificates.rotation import (
    MUTATING_CONFIGURATION,
    PROPAGATION,
    VALIDATING_CONFIGURATION,
    Rotation,
)

NAMESPACE, SERVICE, SECRET = "lws-system", "lws-webhook-service", "lws-webhook-server-cert"
NAMES = service_names(SERVICE, NAMESPACE)
SECRETS_PATH = SECRETS.path(NAMESPACE)
DAY = 86400.0
CONFIGURATIONS = {
    MUTATING_CONFIGURATION: MUTATING_WEBHOOKS.path(),
    VALIDATING_CONFIGURATION: VALIDATING_WEBHOOKS.path(),
}


def empty_secret() -> dict[str, Any]:
    return {"metadata": {"name": SECRET, "namespace": NAMESPACE, "labels": {"keep": "me"}}, "type": "Opaque"}


def configuration(name: str) -> dict[str, Any]:
    service = {"name": SERVICE, "namespace": NAMESPACE, "path": "/p"}
    entries = [
        {"name": "a", "clientConfig": {"service": service}, "sideEffects": "None"},
        {"name": "b", "clientConfig": {"service": service, "caBundle": "b2xk"}},
        {"name": "by-url", "clientConfig": {"url": "https://localhost:1/p", "caBundle": "bWluZQ=="}},
    ]
    return {"metadata": {"name": name}, "webhooks": entries}


class World:
    """The API server with its objects, and replicas that share a clock and nothing else."""

    def __init__(self, server: ApiServer, directory: Path) -> None:
        self.server = server
        self.clock = FakeClock()
        self.metrics = Metrics()
        self.store = ObjectStore(server)
        self.store.serve(SECRETS_PATH, SECRET)
        for name, path in CONFIGURATIONS.items():
            self.store.serve(path, name)
        self._directory = directory
        self._kubeconfig = write_kubeconfig(directory, server.url)
        self._open: list[tuple[Connection, Rotation]] = []

    def install(self) -> None:
        self.store.put(SECRETS_PATH, empty_secret())
        for name, path in CONFIGURATIONS.items():
            self.store.put(path, configuration(name))

    def replica(self, name: str = "a") -> Rotation:
        """Not started."""
        connection = connect(kubeconfig=self._kubeconfig, user_agent="test")
        rotation = Rotation(
            Client(connection),
            namespace=NAMESPACE,
            service=SERVICE,
            secret=SECRET,
            directory=self._directory / name,
            metrics=self.metrics,
            clock=self.clock,
        )
        self._open.append((connection, rotation))
        return rotation

    def started(self, name: str = "a") -> Rotation:
        rotation = self.replica(name)
        rotation.start()
        assert rotation.wait_ready(30.0), rotation.why_not_ready()
        return rotation

    @property
    def bundle(self) -> Bundle:
        data = self.store.get(SECRETS_PATH, SECRET).get("data", {})
        return Bundle.of_files({name: base64.b64decode(text) for name, text in data.items()})

    def served(self, name: str = "a") -> bytes:
        path = self._directory / name / "tls.crt"
        return path.read_bytes() if path.exists() else b""

    def trusted(self) -> list[list[bytes]]:
        """The CA bundles of both configurations, an entry each."""
        return [
            [base64.b64decode(x["clientConfig"].get("caBundle", "")) for x in found["webhooks"]]
            for found in (self.store.get(path, name) for name, path in CONFIGURATIONS.items())
        ]

    def trusts(self, authority: bytes) -> bool:
        return self.trusted() == [[authority, authority, b"mine"]] * 2

    def pass_time(self, seconds: float) -> None:
        assert self.clock.await_waiters(len(self._open))
        self.clock.advance(seconds)

    def close(self) -> None:
        for connection, rotation in self._open:
            assert rotation.stop(30.0)
            connection.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ApiServer() as server:
        world = World(server, tmp_path)
        yield world
        world.close()


def test_an_empty_secret_is_filled_trusted_and_written(world: World) -> None:
    world.install()
    world.started()
    assert valid(world.bundle, NAMES, world.clock.now() + timedelta(days=90))
    assert world.trusts(world.bundle.ca_certificate)
    assert world.served() == world.bundle.certificate
    kept = world.store.get(SECRETS_PATH, SECRET)
    assert (kept["metadata"]["labels"], kept["type"]) == ({"keep": "me"}, "Opaque")


def test_the_key_of_the_authority_stays_in_the_secret(world: World, tmp_path: Path) -> None:
    world.install()
    world.started()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["ca.crt", "tls.crt", "tls.key"]


def test_what_is_good_is_not_written_again(world: World) -> None:
    world.install()
    world.started("a")
    before = list(world.store.patches)
    world.started("b")
    world.pass_time(DAY)
    assert world.clock.await_waiters(2)
    assert world.store.patches == before == [SECRET, *CONFIGURATIONS]
    assert world.served("a") == world.served("b")


def test_replicas_that_race_end_with_one_certificate(world: World) -> None:
    world.install()
    replicas = [world.replica(name) for name in "abcd"]
    for rotation in replicas:
        rotation.start()
    for rotation in replicas:
        assert rotation.wait_ready(60.0), rotation.why_not_ready()
    steady("what is trusted", world.trusted, window=0.2)
    assert world.store.patches.count(SECRET) == 1
    until("one authority", lambda: world.trusts(world.bundle.ca_certificate))
    for name in "abcd":
        until(
            "one certificate", lambda name=name: world.served(name), lambda x: x == world.bundle.certificate
        )


def test_a_server_certificate_near_its_end_is_replaced_at_once_under_the_same_authority(world: World) -> None:
    world.install()
    world.started()
    old = world.bundle
    world.pass_time(276 * DAY)
    until("another certificate", world.served, lambda served: served != old.certificate)
    assert world.bundle.ca_certificate == old.ca_certificate
    assert world.served() == world.bundle.certificate


def test_a_new_authority_is_trusted_before_it_is_shown_and_the_old_one_stays_trusted(world: World) -> None:
    world.install()
    world.started()
    old = world.bundle
    world.pass_time((10 * 365 - 89) * DAY)  # the authority goes, and the long expired server certificate
    until("the new secret", lambda: world.bundle != old)
    until("trust", lambda: world.trusts(world.bundle.ca_certificate))
    assert len(x509.load_pem_x509_certificates(world.bundle.ca_certificate)) == 2
    assert world.bundle.ca_certificate.endswith(old.ca_certificate)
    assert world.clock.await_waiters(1)
    assert world.served() == old.certificate
    world.clock.advance(PROPAGATION)
    until("the new certificate", world.served, lambda served: served == world.bundle.certificate)


def test_a_secret_of_another_replica_is_taken_over(world: World) -> None:
    world.install()
    world.started()
    other = renewed(Bundle(), NAMES, world.clock.now())
    changed = world.store.get(SECRETS_PATH, SECRET)
    changed["data"] = {name: base64.b64encode(text).decode() for name, text in other.files().items()}
    world.store.put(SECRETS_PATH, changed)
    until("trust", lambda: world.trusts(other.ca_certificate))
    world.pass_time(PROPAGATION)
    until("the certificate", world.served, lambda served: served == other.certificate)
    assert world.store.patches.count(SECRET) == 1


@pytest.mark.parametrize(
    "data", [{}, dict.fromkeys(("ca.crt", "ca.key", "tls.crt", "tls.key"), "Z2FyYmFnZQ==")]
)
def test_a_secret_that_was_emptied_or_spoilt_keeps_what_replicas_serve_trusted(
    world: World, data: dict[str, str]
) -> None:
    world.install()
    world.started()
    old = world.bundle
    world.store.delete(SECRETS_PATH, SECRET)
    world.store.put(SECRETS_PATH, empty_secret() | {"data": data})
    until("a new secret", lambda: world.bundle.ca_certificate.endswith(b"\n" + old.ca_certificate))
    assert valid(world.bundle, NAMES, world.clock.now())


@pytest.mark.parametrize("name", list(CONFIGURATIONS))
def test_a_ca_bundle_that_was_taken_away_is_put_back(world: World, name: str) -> None:
    world.install()
    world.started()
    world.store.put(CONFIGURATIONS[name], configuration(name))
    until("trust", lambda: world.trusts(world.bundle.ca_certificate))


@pytest.mark.parametrize("name", [SECRET, *CONFIGURATIONS])
def test_what_does_not_exist_is_named_and_awaited(world: World, name: str) -> None:
    world.install()
    path = CONFIGURATIONS.get(name, SECRETS_PATH)
    missing = copy.deepcopy(world.store.get(path, name))
    world.store.delete(path, name)
    rotation = world.replica()
    rotation.start()
    until(
        "an explanation",
        rotation.why_not_ready,
        lambda why: f"{name} does not exist" in why and ";" not in why,
    )
    assert not rotation.wait_ready(0.0)
    world.store.put(path, missing)
    assert rotation.wait_ready(30.0), rotation.why_not_ready()


def test_a_refused_write_is_told_and_tried_again(world: World) -> None:
    world.install()
    patch = f"{SECRETS_PATH}/{SECRET}"
    world.server.on("PATCH", patch, status_answer(403, "Forbidden", "secrets are forbidden"))
    rotation = world.replica()
    rotation.start()
    until("an explanation", rotation.why_not_ready, lambda why: "secrets are forbidden" in why)
    world.store.serve(SECRETS_PATH, SECRET)
    until("another try", lambda: (world.clock.advance(1000.0), rotation.wait_ready(0.1))[1])
