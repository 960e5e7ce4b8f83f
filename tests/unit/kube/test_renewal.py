"""Client certificates that are renewed while the process runs: by a credential plugin, or on the disk."""

from __future__ import annotations

import json
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.apiserver import ApiServer, Exchange, json_answer, status_answer, write_kubeconfig
from support.pki import Authority, Pair
from support.waits import record_waits

from lws.kube.connection import Connection, connect
from lws.kube.errors import TransportError, Unauthorized

PATH = "/api/v1/pods"


class Server:
    """An API server that knows its clients by their certificates, and takes one of them at a time.

    It asks for a certificate and judges it per request, as kube-apiserver does; ``demands`` makes it a proxy
    that refuses others in the handshake.
    """

    def __init__(self, authority: Authority, *, demands: bool = False) -> None:
        self.taken = ""
        self.seen: list[str] = []
        context = authority.server_context(demand_client=True)
        if demands:
            context.maximum_version = (
                ssl.TLSVersion.TLSv1_2
            )  # later ones refuse when the client may be writing
        else:
            context.verify_mode = ssl.CERT_OPTIONAL
        self.http = ApiServer(ssl_context=context)
        self.http.on("GET", PATH, self._answer)
        self.http.on("POST", PATH, self._answer)

    def _answer(self, exchange: Exchange) -> None:
        name = exchange.client
        self.seen.append(name)
        (json_answer({}) if name == self.taken else status_answer(401))(exchange)


@pytest.fixture
def server(authority: Authority) -> Iterator[Server]:
    server = Server(authority)
    with server.http:
        yield server


class Plugin:
    """A credential plugin that gives whatever pair was issued last, and counts its runs."""

    def __init__(self, directory: Path) -> None:
        self._answer, self._runs = directory / "answer", directory / "runs"
        self._script = directory / "plugin"
        self._script.write_text(f"#!/bin/sh\necho >> {self._runs}\ncat {self._answer}\n")
        self._script.chmod(0o755)

    def gives(self, pair: Pair) -> None:
        status = {
            "clientCertificateData": pair.certificate.read_text(),
            "clientKeyData": pair.key.read_text(),
        }
        document = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
        self._answer.write_text(json.dumps({**document, "status": status}))

    def fails(self) -> None:
        self._answer.unlink()

    @property
    def runs(self) -> int:
        return len(self._runs.read_text().splitlines())

    @property
    def user(self) -> dict[str, Any]:
        version = "client.authentication.k8s.io/v1"
        return {
            "exec": {"apiVersion": version, "command": str(self._script), "interactiveMode": "Never"},
        }


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    return Plugin(tmp_path)


def to(server: Server, directory: Path, authority: Authority, user: dict[str, Any]) -> Connection:
    cluster = {"certificate-authority": str(authority.path)}
    path = write_kubeconfig(directory, server.http.url, user=user, **cluster)
    connection = connect(kubeconfig=path, user_agent="x")
    record_waits(connection)
    return connection


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_plugin_is_run_again_when_its_certificate_is_refused(
    tmp_path: Path, authority: Authority, server: Server, plugin: Plugin, method: str
) -> None:
    plugin.gives(authority.issue("first"))
    connection = to(server, tmp_path, authority, plugin.user)
    server.taken = "first"
    connection.request(method, PATH)
    plugin.gives(authority.issue("second"))
    server.taken = "second"
    for _ in range(2):
        connection.request(method, PATH)
    assert server.seen == ["first", "first", "second", "second"]
    assert plugin.runs == 2
    assert server.http.connections == 2
    connection.close()


def test_watches_are_opened_in_the_new_name(
    tmp_path: Path, authority: Authority, server: Server, plugin: Plugin
) -> None:
    plugin.gives(authority.issue("first"))
    connection = to(server, tmp_path, authority, plugin.user)
    plugin.gives(authority.issue("second"))
    server.taken = "second"
    for _ in range(2):
        with connection.stream(PATH, query={}, read_timeout=10.0) as stream:
            list(stream)
    assert server.seen == ["first", "second", "second"]
    connection.close()


def test_keys_of_a_plugin_are_not_left_on_the_disk(
    tmp_path: Path, authority: Authority, server: Server, plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    plugin.gives(authority.issue("0"))
    connection = to(server, tmp_path, authority, plugin.user)
    for name in ("1", "2", "3"):
        plugin.gives(authority.issue(name))
        server.taken = name
        later(connection)
        connection.request("GET", PATH)
    assert list(directory.iterdir()) == []
    connection.close()


def test_a_plugin_may_give_a_certificate_again(
    tmp_path: Path, authority: Authority, server: Server, plugin: Plugin
) -> None:
    pairs = {name: authority.issue(name) for name in ("one", "two")}
    plugin.gives(pairs["one"])
    connection = to(server, tmp_path, authority, plugin.user)
    for name in ("one", "two", "one"):
        plugin.gives(pairs[name])
        server.taken = name
        later(connection)
        connection.request("GET", PATH)
    assert server.seen == ["one", "one", "two", "two", "one"]
    connection.close()


@pytest.mark.parametrize("what", ["same", "nothing"])
def test_a_plugin_that_has_no_other_one(
    tmp_path: Path, authority: Authority, server: Server, plugin: Plugin, what: str
) -> None:
    """What was good last is still what we say: nobody is somebody else, with other errors."""
    plugin.gives(authority.issue("first"))
    connection = to(server, tmp_path, authority, plugin.user)
    if what == "nothing":
        plugin.fails()
    for _ in range(3):
        with pytest.raises(Unauthorized):
            connection.request("GET", PATH)
    assert server.seen == ["first"] * 3
    assert plugin.runs == 2  # not for each refusal
    connection.close()


def test_files_that_were_replaced_hold_for_idle_connections_too(
    tmp_path: Path, authority: Authority, server: Server
) -> None:
    pair = Pair(tmp_path / "tls.crt", tmp_path / "tls.key")
    put(authority.issue("first"), pair)
    user = {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}
    connection = to(server, tmp_path, authority, user)
    server.taken = "first"
    connection.request("GET", PATH)
    put(authority.issue("second"), pair)
    server.taken = "second"
    for _ in range(2):
        connection.request("GET", PATH)
    assert server.seen == ["first", "first", "second", "second"]
    connection.close()


def test_a_refusal_in_the_handshake_is_one_too(
    tmp_path: Path, authority: Authority, stranger: Authority, plugin: Plugin
) -> None:
    server = Server(authority, demands=True)
    server.taken = "second"
    with server.http:
        plugin.gives(stranger.issue("first"))
        connection = to(server, tmp_path, authority, plugin.user)
        with pytest.raises(TransportError, match=r"the server refuses our client certificate \(.*unknown ca"):
            connection.request("POST", PATH)
        later(connection)
        plugin.gives(authority.issue("second"))
        connection.request("POST", PATH)
        assert server.seen == ["second"]
        connection.close()


def later(connection: Connection) -> None:
    """The plugin may be run again."""
    connection._endpoint.credentials._refused_at = float("-inf")


def put(source: Pair, target: Pair) -> None:
    """As a kubelet or certmonger does: other files in their place."""
    for old, new in zip(target, source, strict=True):
        other = old.with_suffix(".new")
        other.write_bytes(new.read_bytes())
        os.replace(other, old)
