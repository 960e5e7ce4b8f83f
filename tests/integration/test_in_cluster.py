"""The manifests at work: two replicas with the ServiceAccount's rights, webhooks called through the Service.

A control plane of its own, because these tests take the manager's certificates, its lease and at last its
installation away. They build on each other only in that each leaves two replicas running.
"""

from __future__ import annotations

import base64
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from support.cluster import Cluster, running_cluster
from support.installation import FLAGS, LEASE, SECRET, SERVICE, Installation, Replica
from support.namespaces import make_namespace
from support.podgroups import POD_GROUPS, apply_crd
from support.rights import NAMESPACE, Usage
from support.rolesets import LiveRoles, role
from support.sets import LiveSet, Sets, template
from support.snapshots import snapshot
from support.waiting import steady, until
from support.wholeness import await_whole

from hack.tools.run import apply_crds
from lws.api import constants as c
from lws.controllers.resources import LEADERWORKERSETS
from lws.kube.errors import KubeError
from lws.kube.resources import (
    CONTROLLER_REVISIONS,
    EVENTS,
    LEASES,
    MUTATING_WEBHOOKS,
    SECRETS,
    SERVICES,
    VALIDATING_WEBHOOKS,
)
from lws.webhooks.certificates import (
    MUTATING_CONFIGURATION,
    VALIDATING_CONFIGURATION,
    Bundle,
    new_server_certificate,
    service_names,
)

pytestmark = pytest.mark.integration

CONFIGURATIONS = {
    MUTATING_CONFIGURATION: MUTATING_WEBHOOKS,
    VALIDATING_CONFIGURATION: VALIDATING_WEBHOOKS,
}
CALLS = "controller_runtime_webhook_requests_total"
KEY = "7bdcf6cbd6"  # of the default object (reconcilers.md, 4.3)
RECONCILES = "controller_runtime_reconcile_total"
PATH = "/validate-leaderworkerset-x-k8s-io-v1-leaderworkerset"


@pytest.fixture(scope="module")
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """With the CustomResourceDefinitions, before anything asks admission about owners: it looks rarely."""
    with running_cluster(tmp_path_factory.mktemp("clusters") / "own", "--nodes=2", *FLAGS) as cluster:
        apply_crds(cluster.client)
        apply_crd(cluster.client)
        yield cluster


@pytest.fixture(scope="module")
def installed(own_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(own_cluster, tmp_path_factory.mktemp("installation"))
    try:
        yield installation
    finally:
        installation.close()


@pytest.fixture
def installation(installed: Installation) -> Installation:
    """With two replicas, of which one leads."""
    installed.scale(2)
    assert installed.leader is not installed.standby
    return installed


@pytest.fixture(scope="module")
def sets(own_cluster: Cluster) -> Sets:
    return Sets(own_cluster.client, make_namespace(own_cluster.client))


class Applicants:
    """Dry-run creates, which go through both kinds of webhooks, and handshakes with every replica.

    Several at a time, for the API server keeps its connections. Handshakes trust what the webhook
    configurations say, as an API server does that opens a new connection at that moment.
    """

    def __init__(self, installation: Installation, sets: Sets) -> None:
        self.granted, self.greeted, self.refusals = 0, 0, list[str]()
        self._installation, self._sets = installation, sets
        self._stop = threading.Event()
        work = [self._apply] * 3 + [self._greet]
        self._threads = [threading.Thread(target=self._repeat, args=(x,), daemon=True) for x in work]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """None of them is refused."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(30.0)
        ended = [x.tail() for x in self._installation.published if not x.running]
        assert (self.refusals, ended) == ([], [])
        assert min(self.granted, self.greeted) > 0

    def _repeat(self, work: Callable[[], None]) -> None:
        while not self._stop.wait(0.1):
            try:
                work()
            except (KubeError, OSError) as error:
                self.refusals.append(repr(error))

    def _apply(self) -> None:
        body = msgspec.json.encode(self._sets.document("dry"))
        path = LEADERWORKERSETS.path(self._sets.namespace)
        connection = self._sets.client.connection
        connection.request("POST", path, query={"dryRun": "All"}, body=body, timeout=10.0)
        self.granted += 1

    def _greet(self) -> None:
        for authority in set(trusted(self._installation)):
            for replica in self._installation.published:
                replica.greet(authority)
                self.greeted += 1


def trusted(installation: Installation) -> list[bytes]:
    """What each entry of both configurations trusts."""
    found = [installation.cluster.client.get(x, dict, name) for name, x in CONFIGURATIONS.items()]
    return [base64.b64decode(x["clientConfig"]["caBundle"]) for one in found for x in one["webhooks"]]


def shown(replicas: list[Replica]) -> set[str]:
    return {x.certificate() for x in replicas}


def put_into_secret(installation: Installation, data: dict[str, bytes] | None) -> None:
    patch = {"data": data}
    installation.cluster.client.merge_patch(SECRETS, dict, SECRET, patch, namespace=NAMESPACE)


def await_served(installation: Installation, than: bytes) -> None:
    """Until both replicas show what the Secret holds, which is no longer what it was."""

    def look() -> tuple[bytes, set[str]]:
        return installation.secret.get("tls.crt", b""), shown(installation.running)

    until(
        "another certificate",
        look,
        lambda seen: seen[0] not in (b"", than) and seen[1] == {seen[0].decode().strip()},
    )


class TestCertificates:
    def test_an_empty_secret_is_filled_trusted_and_served(self, installation: Installation) -> None:
        secret = installation.secret
        assert secret.keys() == {"ca.crt", "ca.key", "tls.crt", "tls.key"}
        assert set(trusted(installation)) == {secret["ca.crt"]}
        assert shown(installation.running) == {secret["tls.crt"].decode().strip()}

    def test_a_standby_answers_while_the_leader_works(self, installation: Installation, sets: Sets) -> None:
        leader, standby = installation.leader, installation.standby
        installation.withdraw(leader)
        sets.create("first").await_available()
        assert (leader.total(CALLS), standby.total(CALLS, webhook=PATH, code="200")) == (0, 1)
        assert standby.total(RECONCILES, controller="leaderworkerset") == 0
        installation.publish(leader)

    def test_one_that_ends_soon_is_renewed(self, installation: Installation, sets: Sets) -> None:
        held = Bundle.of_files(installation.secret)
        names = service_names(SERVICE, NAMESPACE)
        past = datetime.now(UTC) - timedelta(days=300)
        certificate, key = new_server_certificate(held.ca_certificate, held.ca_key, names, past)
        with Applicants(installation, sets).at_work():
            put_into_secret(installation, {"tls.crt": certificate, "tls.key": key})
            await_served(installation, than=certificate)
        assert installation.secret["ca.crt"] == held.ca_certificate


class Takeover:
    """From one leader, who is about to go, to another."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self.leader = installation.leader
        self._before = installation.lease
        self._at = datetime.now(UTC)

    def seconds(self) -> float:
        """From the start to the moment at which another says in the lease that it took it, and leads."""
        old = self._before["holderIdentity"]
        lease = until(
            "another leader", lambda: self._installation.lease, lambda x: x["holderIdentity"] not in ("", old)
        )
        assert lease["leaseTransitions"] == self._before["leaseTransitions"] + 1
        assert self._installation.leader is not self.leader
        taken = datetime.fromisoformat(lease["acquireTime"])
        return (taken - self._at).total_seconds()


class TestLeadership:
    def test_a_clean_stop_hands_it_over(self, installation: Installation, sets: Sets) -> None:
        """Also: nobody is refused by a replica that goes as the Deployment makes it go."""
        with Applicants(installation, sets).at_work():
            leader = installation.leader
            installation.withdraw(leader)
            takeover = Takeover(installation)
            leader.send(signal.SIGTERM)
            assert takeover.seconds() < 10.0, "it was handed over, and did not have to run out"
            assert leader.wait() == 0
        sets.create("second").await_available()

    def test_it_is_told_by_events(self, installation: Installation) -> None:
        events = installation.cluster.client.list(EVENTS, dict, NAMESPACE)
        about = [x for x in events if x["regarding"].get("kind") == "Lease"]
        assert {x["regarding"]["name"] for x in about} == {LEASE}
        assert {x["reason"] for x in about} == {"LeaderElection"}
        assert {x["note"].split(" ", 1)[1] for x in about} == {"became leader", "stopped leading"}

    def test_losing_the_lease_ends_the_process(self, installation: Installation) -> None:
        leader, standby = installation.leader, installation.standby
        installation.withdraw(leader)
        intruder = {"spec": {"holderIdentity": "intruder", "leaseDurationSeconds": 1}}
        installation.cluster.client.merge_patch(LEASES, dict, LEASE, intruder, namespace=NAMESPACE)
        assert leader.wait() == 1
        assert (
            f"lws-manager: leader election: lost the lease {NAMESPACE}/{LEASE}: it is held by"
            in leader.tail()
        )
        until("the standby to lead", lambda: standby.leads)

    def test_one_that_was_frozen_writes_nothing_more_and_ends(
        self, installation: Installation, sets: Sets
    ) -> None:
        """Stopped in the middle of a roll, which its successor finishes; it wakes with what it knew then."""
        alone = {"annotations": {c.HISTORY_LIMIT_ANNOTATION: "0"}}  # the manifests keep former revisions
        one = sets.create("frozen", replicas=4, metadata=alone)
        await_whole(one)
        takeover = Takeover(installation)
        log = takeover.leader.audit
        installation.withdraw(takeover.leader)
        one.change(workerTemplate=template("worker", "docker.io/nginxinc/nginx-unprivileged:1.28"))
        until("the roll to begin", lambda: one.condition("UpdateInProgress") == "True")
        takeover.leader.send(signal.SIGSTOP)
        assert takeover.seconds() > 10.0
        await_whole(one)
        log.mark()
        takeover.leader.send(signal.SIGCONT)
        assert takeover.leader.wait() == 1
        assert log.writes() == {"create events": 1}, f"but that it leads no more: {list(log.requests())}"
        assert f"lost the lease {NAMESPACE}/{LEASE}" in takeover.leader.tail()

    def test_a_kill_is_survived(self, installation: Installation, sets: Sets) -> None:
        """While nobody leads, the Secret is emptied: certificates are every replica's, and no call fails."""
        takeover, before = Takeover(installation), installation.secret
        installation.withdraw(takeover.leader)
        takeover.leader.kill()
        installation.scale(2)
        with Applicants(installation, sets).at_work():
            put_into_secret(installation, None)
            await_served(installation, than=before["tls.crt"])
        after = installation.secret
        assert after["ca.crt"].endswith(before["ca.crt"]), "what was served until then stays trusted"
        assert after["ca.crt"] != before["ca.crt"]
        assert set(trusted(installation)) == {after["ca.crt"]}
        assert takeover.seconds() < 30.0
        sets.create("third").await_available()


def test_names_that_are_taken_are_looked_at_and_left_alone(installation: Installation, sets: Sets) -> None:
    """Objects of other people, by the names that children of two sets would get."""
    names = {SERVICES: "taken", CONTROLLER_REVISIONS: f"revised-{KEY}-1", POD_GROUPS: f"taken-0-{KEY}"}
    bodies = {
        SERVICES: {"spec": {"ports": [{"port": 80}]}},
        CONTROLLER_REVISIONS: {"revision": 1, "data": {}},
    }
    foreign = {
        kind: sets.client.create(
            kind,
            dict,
            {
                "apiVersion": kind.api_version,
                "kind": kind.kind,
                "metadata": {"name": name, "namespace": sets.namespace},
                **bodies.get(kind, {"spec": {}}),
            },
        )
        for kind, name in names.items()
    }
    for name in ("taken", "revised"):
        sets.create(name)
    until("looks at them", lambda: looked_at(installation, sets.namespace) >= set(names.values()))
    found = {kind: sets.client.get(kind, dict, name, sets.namespace) for kind, name in names.items()}
    assert found == foreign


def looked_at(installation: Installation, namespace: str) -> set[str]:
    """The names of what the manager has read there."""
    usage = Usage()
    usage.read(installation.cluster.audit_log)
    return {x.name for x in usage.used if x.verb == "get" and x.namespace == namespace}


def test_a_scaler_may_hold_up_the_deletion_of_its_set(installation: Installation, sets: Sets) -> None:
    """As its owner reference says: admission asks for a right on the set's finalizers."""
    llm = LiveRoles(sets.client, sets.namespace)
    llm.create(role("prefill", external=True), role("decode", 1)).await_available()
    [scaler] = llm.scalers()
    assert scaler["metadata"]["ownerReferences"][0]["blockOwnerDeletion"]
    llm.delete()
    llm.until("everything to go", llm.uids, lambda seen: not seen)


def test_workloads_outlive_an_uninstallation(installation: Installation, sets: Sets) -> None:
    """As docs/guides/uninstall.md says it. Nobody is asked any more, and nothing changes."""
    several = [sets["first"], sets["second"], sets["third"]]
    before = [snapshot(x) for x in several]
    for replica in installation.running:
        installation.withdraw(replica)
        replica.send(signal.SIGTERM)
        assert replica.wait() == 0
    client = installation.cluster.client
    for name, resource in CONFIGURATIONS.items():
        client.delete(resource, dict, name)
    assert steady("the workloads", lambda: [snapshot(x) for x in several], window=2.0) == before
    assert [ready(x) for x in several] == [4, 4, 4]
    until("a set made by nobody's leave", lambda: try_to_create(sets))


def ready(lws: LiveSet) -> int:
    return sum(pod.ready for pod in lws.pods())


def try_to_create(sets: Sets) -> bool:
    """API servers forget webhooks a moment after they are deleted."""
    try:
        sets.create("unadmitted")
    except KubeError:
        return False
    return True
