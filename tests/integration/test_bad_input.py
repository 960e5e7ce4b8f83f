"""What a person may get wrong, and what a stranger may send: one clear line, no traceback, nothing left."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
import pytest
import yaml
from support.cluster import Cluster
from support.manager import COMMAND, Manager

pytestmark = pytest.mark.integration

SECONDS = 60.0
REVIEW = "/mutate--v1-pod"
JSON = {"Content-Type": "application/json"}


class Ended(NamedTuple):
    """How a command ended, and what it said on stderr."""

    code: int
    said: list[str]


def run(*arguments: str | Path) -> Ended:
    """``hack/run``, which must end by itself and leave no process of its session behind."""
    environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    process = subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    with process:
        try:
            out, error = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert out == "", "it was never ready"
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    return Ended(process.returncode, error.splitlines())


def kubeconfig(path: Path, *, server: str, user: dict[str, str] | None = None, **cluster: Any) -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def address(cluster: Cluster) -> dict[str, Any]:
    """Server and CA of the shared cluster, as in a kubeconfig."""
    return dict(yaml.safe_load(cluster.kubeconfig.read_text())["clusters"][0]["cluster"])


def test_a_missing_kubeconfig(tmp_path: Path) -> None:
    code, said = run("--kubeconfig", tmp_path / "none")
    assert (code, len(said)) == (1, 1)
    assert f"kubeconfig {tmp_path}/none does not exist; give --kubeconfig or set KUBECONFIG" in said[0]


@pytest.mark.parametrize("text", ["", "no: kubeconfig", "{", "\x00", "- a list"])
def test_a_file_that_is_no_kubeconfig(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    code, said = run("--kubeconfig", path)
    assert (code, len(said)) == (1, 1)
    assert f"kubeconfig {path}" in said[0]


def test_an_api_server_that_is_not_there(tmp_path: Path, taken_port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        free = listening.getsockname()[1]
    code, said = run("--kubeconfig", kubeconfig(tmp_path / "k", server=f"https://127.0.0.1:{free}"))
    assert (code, len(said)) == (1, 1)
    assert f"https://127.0.0.1:{free}" in said[0]
    assert "refused; is the API server running, and is this its address?" in said[0]


def test_an_api_server_of_another_authority(tmp_path: Path, address: dict[str, Any]) -> None:
    """The system's authorities did not sign its certificate."""
    code, said = run("--kubeconfig", kubeconfig(tmp_path / "k", server=address["server"]))
    assert (code, len(said)) == (1, 1)
    assert "certificate" in said[0]


def test_an_api_server_that_does_not_know_us(tmp_path: Path, address: dict[str, Any]) -> None:
    path = kubeconfig(tmp_path / "k", user={"token": "of-somebody-else"}, **address)
    code, said = run("--kubeconfig", path)
    assert (code, len(said)) == (1, 1)
    assert "Unauthorized (401)" in said[0]
    assert "of-somebody-else" not in said[0]


@pytest.mark.parametrize(
    ("flag", "server"),
    [("webhook", "webhook server"), ("metrics", "metrics server"), ("health", "health probe server")],
)
def test_a_port_in_use(cluster: Cluster, taken_port: int, flag: str, server: str) -> None:
    """Servers that could be started before have said so; the error stands last and names port and server."""
    code, said = run("--kubeconfig", cluster.kubeconfig, f"--{flag}-port={taken_port}")
    what = f"cannot listen on port {taken_port} of 127.0.0.1: address already in use"
    assert (code, said[-1]) == (1, f"hack/run: {server}: {what}")
    assert all("\tINFO\t" in line for line in said[:-1])


@pytest.mark.parametrize("flags", [["--no-such-flag"], ["--webhook-port=x"], ["--gang-scheduling=x"]])
def test_a_wrong_flag(cluster: Cluster, flags: list[str]) -> None:
    """Usage first, as every argparse program; the last line names what is wrong."""
    code, said = run("--kubeconfig", cluster.kubeconfig, *flags)
    assert code == 2
    assert said[0].startswith("usage: hack/run")
    assert said[-1].startswith("hack/run: error: ")
    assert flags[0].partition("=")[0] in said[-1]


def post(manager: Manager, path: str, body: bytes, *, method: str = "POST", headers: Any = JSON) -> Any:
    """Status and decoded body of a request to the webhook server, trusting what the API server trusts."""
    at = urlsplit(manager.webhook_url)
    connection = http.client.HTTPSConnection(str(at.hostname), at.port, timeout=10, context=manager.tls())
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}',
        b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":[]}',
        b'{"request":' + b"[" * 100_000,
    ],
    ids=["empty", "nonsense", "no-utf8", "list", "object", "no-request", "list-as-request", "deep"],
)
def test_a_malformed_review_is_refused(manager: Manager, body: bytes) -> None:
    status, answer = post(manager, REVIEW, body)
    response = msgspec.json.decode(answer)["response"]
    assert status == 400
    assert (response["allowed"], response["status"]["code"]) == (False, 400)
    assert b"Traceback" not in answer


def test_another_content_type_path_or_method_is_refused(manager: Manager) -> None:
    assert post(manager, REVIEW, b"{}", headers={"Content-Type": "text/plain"})[0] == 415
    assert post(manager, "/nowhere", b"{}")[0] == 404
    assert post(manager, REVIEW, b"", method="GET")[0] == 405


def test_garbage_on_its_ports_does_no_harm(manager: Manager) -> None:
    """Plain text to the TLS port and to the others; it hangs up, stays well, and prints no traceback."""
    for url in manager.urls.values():
        at = urlsplit(url)
        peer = socket.create_connection((str(at.hostname), at.port), timeout=10)
        with peer, contextlib.suppress(ConnectionError):  # it may hang up on us at any moment
            peer.sendall(b"\x00\xffnonsense\r\n\r\n")
            while peer.recv(4096):
                pass
    assert manager.health().status == 200
    assert "Traceback" not in manager.log.read_text()
