"""The plugin in this process, talking to a scripted API server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.apiserver import ApiServer, write_kubeconfig

from lws.cli.main import main


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as server:
        yield server


@pytest.fixture
def run(server: ApiServer, tmp_path: Path) -> Callable[..., int]:
    """Words of a command line in, exit code out."""
    kubeconfig = str(write_kubeconfig(tmp_path, server.url))
    return lambda *words: main([*words, "--kubeconfig", kubeconfig])


@pytest.fixture
def run_in_ns(run: Callable[..., int]) -> Callable[..., int]:
    """The same, in the namespace of ``support.disaggregated``."""
    return lambda *words: run(*words, "--namespace", "ns")
