"""A scripted server, a connection to it whose waits are recorded instead of slept, and two authorities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.apiserver import ApiServer, write_kubeconfig
from support.pki import Authority
from support.waits import Waits, record_waits

from lws.kube.connection import Connection, connect


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as scripted:
        yield scripted


@pytest.fixture
def kubeconfig(server: ApiServer, tmp_path: Path) -> str:
    return write_kubeconfig(tmp_path, server.url, user={"token": "first"})


@pytest.fixture
def connection(kubeconfig: str) -> Iterator[Connection]:
    opened = connect(kubeconfig=kubeconfig, user_agent="lws-test/1")
    yield opened
    opened.close()


@pytest.fixture
def waits(connection: Connection) -> Waits:
    return record_waits(connection)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"))
