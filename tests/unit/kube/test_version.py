"""The server's version, in the forms that distributions give it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.apiserver import Answer, ApiServer, json_answer, raw_answer, status_answer, write_kubeconfig

from lws.kube.connection import connect
from lws.kube.errors import DecodeError, Forbidden
from lws.kube.version import ServerVersion, server_version


def asked(directory: Path, answer: Answer) -> ServerVersion | None:
    with ApiServer() as server:
        server.on("GET", "/version", answer)
        connection = connect(kubeconfig=write_kubeconfig(directory, server.url), user_agent="test")
        try:
            return server_version(connection)
        finally:
            connection.close()


@pytest.mark.parametrize(
    ("document", "version"),
    [
        pytest.param(
            {"major": "1", "minor": "36", "gitVersion": "v1.36.3"}, (1, 36, "v1.36.3"), id="a release"
        ),
        pytest.param(
            {"major": "1", "minor": "27+", "gitVersion": "v1.27.16-eks-a5df82a"},
            (1, 27, "v1.27.16-eks-a5df82a"),
            id="a distribution",
        ),
        pytest.param({"gitVersion": "v1.30.0-alpha.1+abc"}, (1, 30, "v1.30.0-alpha.1+abc"), id="before"),
        pytest.param({"gitVersion": "main"}, None, id="no number"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_forms(tmp_path: Path, document: dict[str, Any], version: tuple[int, int, str] | None) -> None:
    assert asked(tmp_path, json_answer(document)) == version


def test_a_server_that_refuses(tmp_path: Path) -> None:
    with pytest.raises(Forbidden):
        asked(tmp_path, status_answer(403, "Forbidden"))


def test_an_answer_of_another_shape(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="/version: the answer does not decode"):
        asked(tmp_path, raw_answer(b"[]"))
