"""The model of the control plane (``support.apimodel``) does what the real one does (docs/decisions/240).

At first nobody but the API server is there, and is asked at random; then everybody is, and users edit sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from support.apimodel.calling import ModelConnection
from support.apimodel.server import Server
from support.bare import ABSENT, bare_cluster, make_bare_namespace
from support.cluster import Cluster
from support.fidelity.alike import differences
from support.fidelity.families import Family
from support.fidelity.histories import Users
from support.fidelity.playing import Line, play
from support.fidelity.requests import history
from support.fidelity.sides import Side
from support.fidelity.vocabularies import VOCABULARIES
from support.manager import Manager
from support.namespaces import make_namespace
from support.together import Outcomes, names_of, played

from hack.tools.run import apply_crds
from lws.api import constants as c
from lws.api import disaggregation as d

STEPS = 40
HISTORIES: dict[str, Callable[[int, str], Family | Users]] = {
    "owners": Family,
    c.KIND: partial(Users, c.KIND),
    d.KIND: partial(Users, d.KIND),
}
AT_ONCE = 6
TRIES = {"owners": 2}
"""Of histories in which nothing of ours acts. The real garbage collector was seen once to leave, for two
minutes, what had lost its owner, and not when it was asked again: what differs twice differs."""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane of its own, at first an API server alone."""
    with bare_cluster(tmp_path_factory.mktemp("fidelity") / "cluster") as cluster:
        apply_crds(cluster.client)
        yield cluster


def namespace_of(name: str, tries: int) -> str:
    return f"{name.lower()}-{tries}"


def of_name(name: str, tries: int) -> Family | Users:
    kind, _, seed = name.partition("-")
    return HISTORIES[kind](int(seed), namespace_of(name, tries))


def apart(model: list[Line], real: list[Line]) -> list[str]:
    """The first two steps that were answered differently."""
    found = [(x, differences(x.said, y.said)) for x, y in zip(model, real, strict=True)]
    return ["\n  ".join((line.what, *lines)) for line, lines in found if lines][:2]


@pytest.mark.parametrize("kind", VOCABULARIES)
def test_requests_are_answered_alike(bare: Cluster, kind: str, fidelity: int) -> None:
    vocabulary, side = VOCABULARIES[kind], Side(bare.client.connection)
    for seed in range(fidelity):
        namespace = f"requests-{kind.lower()}-{seed}"
        make_bare_namespace(bare.client, namespace)
        steps = history(vocabulary, seed, STEPS)
        model = play(
            Side(ModelConnection(Server(lambda: 0.0, max_unavailable=False))), vocabulary, namespace, steps
        )
        found = apart(model, play(side, vocabulary, namespace, steps))
        assert not found, "\n".join((f"history {seed} of {kind}", *found))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "name" in metafunc.fixturenames:
        count = range(metafunc.config.getoption("--fidelity"))
        metafunc.parametrize("name", [f"{kind}-{seed}" for kind in HISTORIES for seed in count])


@pytest.fixture(scope="module")
def outcomes(
    bare: Cluster, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Outcomes]:
    """The model comes first, because while it runs no thread may start that is none of its own."""
    names = names_of(request, "test_histories_end_alike")
    histories = {
        name: [of_name(name, tries) for tries in range(TRIES.get(name.partition("-")[0], 1))]
        for name in names
    }
    side = Side(bare.client.connection)

    def play_one(name: str) -> None:
        for tries, one in enumerate(histories[name]):
            make_namespace(bare.client, namespace_of(name, tries))
            if not (found := one.on_real(side)):
                return
        raise AssertionError("\n  ".join((name, *found)))

    for component in reversed(ABSENT):
        bare.start(component)
    with Manager(bare, tmp_path_factory.mktemp("manager")) as manager:
        manager.start()
        with played(request, "test_histories_end_alike", play_one, at_once=AT_ONCE) as outcomes:
            yield outcomes


def test_histories_end_alike(outcomes: Outcomes, name: str) -> None:
    outcomes[name].result()
