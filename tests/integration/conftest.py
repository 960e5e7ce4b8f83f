"""A control plane and a controller for each worker of the run; a fresh namespace for each test.

Workers share neither (docs/decisions/160-parallel-tests.md). All tests of a file run in one worker, one after
the other, so a test may stop the controller, count what it does, or break the cluster if it mends it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.browser import running_browser
from support.cluster import Cluster, running_cluster
from support.manager import Manager
from support.namespaces import make_namespace
from support.rights import COLLECTED
from support.rolesets import delete_all
from support.scene import Scene, admission_alone
from support.sets import Sets
from support.wholerun import Run

from hack.controlplane import binaries
from hack.controlplane.layout import ClusterError
from hack.tools.helm import binary
from hack.tools.registration import Registration

HERE = Path(__file__).parent
# Files that take longest, in this order (--durations tells); all others may come in any order after them.
LONGEST = (
    "test_late_deaths",
    "test_site",
    "test_kubectl_lws",
    "test_image_steps",
    "test_in_cluster",
    "test_swap",
    "test_rollout",
)
LAST = ("test_rights",)
AUTOSCALER = "kube-controller-manager=--horizontal-pod-autoscaler-sync-period=1s"  # else 15 s


@pytest.fixture(scope="session")
def fidelity(pytestconfig: pytest.Config) -> int:
    return int(pytestconfig.getoption("--fidelity"))


@pytest.fixture(scope="session", autouse=True)
def run(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Run]:
    """Begins before everything else that a test may ask for, so it ends after all that."""
    run = Run(tmp_path_factory.getbasetemp())
    run.begin()
    yield run
    run.end(request.session.testsfailed, COLLECTED)


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


@pytest.fixture(scope="module")
def admission(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registration]:
    with admission_alone(cluster, tmp_path_factory.mktemp("admission")) as registration:
        yield registration


@pytest.fixture
def scene(cluster: Cluster, one_manager: Manager, namespace: str, admission: Registration) -> Iterator[Scene]:
    """For tests of a change of controllers: at first nobody works."""
    scene = Scene(cluster, one_manager, Sets(cluster.client, namespace), admission)
    with closing(scene.connection):
        yield scene
    delete_all(cluster.client, namespace)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For the tests of one file: while it runs, this thread has an event loop, which others may not want."""
    with running_browser() as browser:
        yield browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that none is left for the end; what looks at the whole run last."""
    place = {f"{name}.py": number for number, name in enumerate((*LONGEST, "", *LAST))}
    items.sort(key=lambda item: place.get(item.path.name, place[".py"]))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what is missing first: within a test the minutes would count towards its time limit."""
    if not session.config.option.collectonly:
        build(session.config, {item.path.stem for item in session.items if item.path.parent == HERE})


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Before there are workers, who could not say how far it is. Nobody knows yet which tests will run."""
    if not config.option.collectonly:
        build(config, {path.stem for path in HERE.glob("test_*.py")})


def build(config: pytest.Config, files: set[str]) -> None:
    """Everything that the tests in these files need."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    say = reporter.write_line if reporter else print
    try:
        if files - {"test_image_steps", "test_site"}:
            binaries.locate(say=say)
        if files & {"test_chart", "test_releases"}:
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
