"""One control plane and one controller for the whole run; a fresh namespace for each test."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from support.cluster import Cluster, running_cluster
from support.manager import Manager
from support.namespaces import make_namespace
from support.sets import Sets

from hack.controlplane import binaries
from hack.controlplane.layout import ClusterError
from hack.tools.helm import binary

AUTOSCALER = "kube-controller-manager=--horizontal-pod-autoscaler-sync-period=1s"  # else 15 s


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Whoever breaks a part of it mends it before the test ends."""
    directory = tmp_path_factory.mktemp("clusters") / "shared"
    with running_cluster(directory, "--nodes=6", "--kcm-qps=200", f"--arg={AUTOSCALER}") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def one_manager(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with Manager(cluster, tmp_path_factory.mktemp("manager")) as manager:
        yield manager


@pytest.fixture
def manager(one_manager: Manager) -> Manager:
    """The controller, running; a test may stop, kill and start it."""
    one_manager.ensure_running()
    return one_manager


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A fresh one; the LeaderWorkerSets in it are deleted afterwards, and nobody waits for that."""
    name = make_namespace(cluster.client)
    yield name
    Sets(cluster.client, name).delete_all()


@pytest.fixture
def sets(cluster: Cluster, manager: Manager, namespace: str) -> Sets:
    """Makes LeaderWorkerSets in the test's namespace, while the controller runs."""
    return Sets(cluster.client, namespace)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at the whole run comes last."""
    items.sort(key=lambda item: item.path.name == "test_rights.py")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what is missing first: within a test the minutes would count towards its time limit."""
    if session.config.option.collectonly:
        return
    here = {item.path.stem for item in session.items if item.path.parent == Path(__file__).parent}
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    say = reporter.write_line if reporter else print
    try:
        if here - {"test_image_steps"}:
            binaries.locate(say=say)
        if here & {"test_chart", "test_releases"}:
            binary.locate(say=say)
    except ClusterError as error:
        pytest.exit(str(error), returncode=1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the controller's last log lines to a test that failed beside it."""
    report = yield
    managers = [x for x in getattr(item, "funcargs", {}).values() if isinstance(x, Manager)]
    if report.failed and managers:
        report.sections.append(("controller log", managers[0].log_tail()))
    return report
