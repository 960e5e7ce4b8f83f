"""Whom a kubeconfig names, and what it costs to find out."""

from __future__ import annotations

import base64
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from support.apiserver import ApiServer, json_answer, status_answer, write_kubeconfig
from support.pki import Authority

from lws.kube import users
from lws.kube.connection import connect
from lws.kube.errors import ConfigurationError
from lws.kube.kubeconfig import read_kubeconfig
from lws.kube.overrides import Overrides
from lws.kube.trust import Trust
from lws.kube.users import User

PATH = "/api/v1/pods"
LOOK = "import sys; from lws.kube.connection import connect; connect(user_agent='x', kubeconfig={}).close(); "
LOADED = "print('kubernetes' in sys.modules)"

VERSION = "client.authentication.k8s.io/v1"
GIVEN = f'{{"apiVersion": "{VERSION}", "kind": "ExecCredential", "status": {{"token": "t"}}}}'
PLUGIN = {"exec": {"apiVersion": VERSION, "command": "echo", "args": [GIVEN], "interactiveMode": "Never"}}


def data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


@pytest.mark.parametrize(
    ("user", "loaded"),
    [
        pytest.param({}, "False", id="nobody"),
        pytest.param({"token": "t", "password": ""}, "False", id="a token"),
        pytest.param({"username": "u", "password": "p"}, "False", id="a password"),
        pytest.param({"exec": {"command": "true"}, "token": "t"}, "False", id="a token and a plugin"),
        pytest.param(PLUGIN, "True", id="a plugin"),
    ],
)
def test_the_official_client_is_loaded_where_it_is_needed(
    tmp_path: Path, user: dict[str, Any], loaded: str
) -> None:
    path = write_kubeconfig(tmp_path, "https://127.0.0.1:1", user=user)
    said = subprocess.run(
        [sys.executable, "-c", LOOK.format(repr(path)) + LOADED], check=True, capture_output=True, text=True
    )
    assert said.stdout.strip() == loaded


def test_data_count_before_files(tmp_path: Path, authority: Authority) -> None:
    pair = authority.issue("client")
    user = {
        "client-certificate": "elsewhere",
        "client-certificate-data": data(pair.certificate),
        "client-key-data": data(pair.key),
    }
    path = write_kubeconfig(tmp_path, "https://127.0.0.1:1", user=user)
    assert User(read_kubeconfig(path)).files() == (None, pair.certificate.read_bytes(), pair.key.read_bytes())


def test_a_rewritten_kubeconfig_counts_after_a_refusal(tmp_path: Path, authority: Authority) -> None:
    """Token and certificate, whose former key is nowhere then."""
    former, later = authority.issue("former"), authority.issue("later")

    def written(url: str, token: str, name: str) -> str:
        pair = {"former": former, "later": later}[name]
        user = {"token": token, "client-certificate-data": data(pair.certificate)}
        user["client-key-data"] = data(pair.key)
        ca = {"certificate-authority-data": data(authority.path)}
        return write_kubeconfig(tmp_path, url, user=user, **ca)

    with ApiServer(ssl_context=authority.server_context(demand_client=True)) as server:
        connection = connect(kubeconfig=written(server.url, "old", "former"), user_agent="x")
        server.on("GET", PATH, json_answer({}))
        connection.request("GET", PATH)
        written(server.url, "new", "later")
        server.on("GET", PATH, status_answer(401), json_answer({}))
        connection.request("GET", PATH)
        connection.close()
    assert [x.headers["authorization"] for x in server.requests] == ["Bearer old"] * 2 + ["Bearer new"]


def test_what_a_command_line_says_outlives_the_file(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path, "http://127.0.0.1:1", user={"token": "theirs"})
    user = User(read_kubeconfig(path, None, Overrides(token="given")))
    assert user.read(False) == user.read(True) == "Bearer given"


def test_data_that_are_none_are_named(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path, "https://127.0.0.1:1", user={"client-key-data": "%"})
    with pytest.raises(ConfigurationError, match=r"context 'test': client-key-data is not base64$"):
        User(read_kubeconfig(path)).files()


@pytest.mark.parametrize(
    ("user", "header"),
    [
        pytest.param({"token": "t", **PLUGIN}, "Bearer t", id="a token before a plugin"),
        pytest.param({"username": "u", "password": "p", **PLUGIN}, "Basic dTpw", id="a password before one"),
        pytest.param({"username": "u"}, "Basic dTo=", id="no password"),
        pytest.param(
            {"username": "\u00fc", "password": "\u65e5"}, "Basic w7w65pel", id="letters of all kinds"
        ),
        pytest.param({"tokenFile": "file", "token": "t"}, "Bearer of-file", id="a file before a token"),
        pytest.param({"tokenFile": "none", "token": "t"}, "Bearer t", id="no such file"),
        pytest.param({"tokenFile": "blank", "token": "t"}, "Bearer t", id="an empty file"),
        pytest.param({"exec": None, "token": None}, None, id="nothing"),
        pytest.param(
            {"exec": {**PLUGIN["exec"], "command": "./bin/own"}}, "Bearer own", id="a plugin beside"
        ),
    ],
)
def test_what_counts_first_as_kubectl_has_it(
    tmp_path: Path, user: dict[str, Any], header: str | None
) -> None:
    (tmp_path / "file").write_text("of-file\n")
    (tmp_path / "blank").write_text(" ")
    (tmp_path / "bin").mkdir()
    own = tmp_path / "bin" / "own"
    own.write_text("#!/bin/sh\necho '" + GIVEN.replace('"t"', '"own"') + "'\n")
    own.chmod(0o755)
    path = write_kubeconfig(tmp_path, "https://127.0.0.1:1", user=user)
    assert User(read_kubeconfig(path)).read(False) == header


def test_a_plugins_user_may_have_a_certificate(tmp_path: Path, authority: Authority) -> None:
    """An empty entry beside it is none."""
    pair = authority.issue("client")
    files = {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}
    user = {**PLUGIN, **files, "client-certificate-data": "", "client-key-data": None}
    found = User(read_kubeconfig(write_kubeconfig(tmp_path, "https://127.0.0.1:1", user=user)))
    assert (found.read(False), found.files()[1:]) == ("Bearer t", (str(pair.certificate), str(pair.key)))


@pytest.mark.parametrize("user", [{"exec": {}}, {"auth-provider": {}}], ids=["plugin", "provider"])
def test_nothing_to_find_out_with(tmp_path: Path, user: dict[str, Any]) -> None:
    path = write_kubeconfig(tmp_path, "https://127.0.0.1:1", user=user)
    with pytest.raises(ConfigurationError, match=r"context 'test': (exec has no command|auth-provider gave)"):
        User(read_kubeconfig(path))


def test_a_token_file_that_is_missing_is_named(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path, "https://127.0.0.1:1", user={"tokenFile": "none"})
    with pytest.raises(ConfigurationError, match=r"'test': tokenFile /.*/none: No such file or directory$"):
        User(read_kubeconfig(path)).read(False)


def test_the_plugin_of_another_connection_is_not_waited_for(tmp_path: Path) -> None:
    """A lease would be lost meanwhile."""
    user = User(read_kubeconfig(write_kubeconfig(tmp_path, "https://127.0.0.1:1", user=PLUGIN)))
    with users._alone:
        assert user.read(False) == "Bearer t"


class TestRewritten:
    """The kubeconfig, by the time of a refusal."""

    URL = "http://127.0.0.1:1"

    @pytest.mark.parametrize(
        ("former", "later", "header"),
        [
            pytest.param({"token": "t"}, {"tokenFile": "file"}, "Bearer of-file", id="to a file"),
            pytest.param({"tokenFile": "file"}, {"token": "t"}, "Bearer t", id="from a file"),
            pytest.param({"token": "old"}, PLUGIN, "Bearer t", id="to a plugin"),
            pytest.param(PLUGIN, {"username": "u", "password": "p"}, "Basic dTpw", id="from a plugin"),
        ],
    )
    def test_another_kind_of_login(
        self, tmp_path: Path, former: dict[str, Any], later: dict[str, Any], header: str
    ) -> None:
        (tmp_path / "file").write_text("of-file")
        user = User(read_kubeconfig(write_kubeconfig(tmp_path, self.URL, user=former)))
        write_kubeconfig(tmp_path, self.URL, user=later)
        assert user.read(True) == user.read(False) == header

    def test_deleted_it_leaves_the_token_file_in_use(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("old")
        path = Path(write_kubeconfig(tmp_path, self.URL, user={"tokenFile": "file"}))
        user = User(read_kubeconfig(str(path)))
        path.unlink()
        (tmp_path / "file").write_text("new")
        assert user.read(True) == "Bearer new"

    def test_deleted_it_leaves_the_plugin_in_use(self, tmp_path: Path) -> None:
        given = tmp_path / "given"
        given.write_text(GIVEN)
        plugin = {**PLUGIN["exec"], "command": "cat", "args": [str(given)]}
        path = Path(write_kubeconfig(tmp_path, self.URL, user={"exec": plugin}))
        user = User(read_kubeconfig(str(path)))
        path.unlink()
        given.write_text(GIVEN.replace('"t"', '"new"'))
        assert user.read(True) == "Bearer new"

    @pytest.mark.parametrize(
        ("url", "user"),
        [
            pytest.param("http://127.0.0.1:2", {"token": "other"}, id="a token of another server"),
            pytest.param(URL, {"token": "admins", "as": "viewer"}, id="one that is meant to do less"),
        ],
    )
    def test_what_is_not_meant_for_us_is_not_sent(
        self, tmp_path: Path, url: str, user: dict[str, Any]
    ) -> None:
        running = User(read_kubeconfig(write_kubeconfig(tmp_path, self.URL, user={"token": "ours"})))
        write_kubeconfig(tmp_path, url, user=user)
        assert running.read(True) == "Bearer ours"


class TestDisk:
    """What entries hold is on it for as long as TLS reads it, so that no end of the process leaves a key."""

    @pytest.fixture(autouse=True)
    def temporary(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        place = tmp_path / "temporary"
        place.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        return place

    def kubeconfig(self, tmp_path: Path, authority: Authority, name: str) -> str:
        pair = authority.issue(name)
        user = {"client-certificate-data": data(pair.certificate), "client-key-data": data(pair.key)}
        return write_kubeconfig(tmp_path, "https://127.0.0.1:1", user=user)

    def test_nothing_is_left(
        self, tmp_path: Path, authority: Authority, temporary: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[int] = []
        load = ssl.SSLContext.load_cert_chain

        def loaded(context: ssl.SSLContext, certificate: str, key: str, password: bytes) -> None:
            read.extend(Path(x).stat().st_mode & 0o777 for x in (certificate, key))
            load(context, certificate, key, password)

        monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", loaded)
        user = User(read_kubeconfig(self.kubeconfig(tmp_path, authority, "former")))
        user.trust = Trust(user.files(), verify=True, where="here")
        former = user.trust.current
        self.kubeconfig(tmp_path, authority, "later")
        user.read(True)
        assert user.trust.current is not former
        assert read == [0o600] * 4
        assert list(temporary.iterdir()) == []

    def test_no_place_for_a_key(self, tmp_path: Path, authority: Authority, temporary: Path) -> None:
        path = self.kubeconfig(tmp_path, authority, "client")
        temporary.rmdir()
        with pytest.raises(ConfigurationError, match=r"client certificate and key cannot be read: No such"):
            connect(kubeconfig=path, user_agent="x")

    def test_an_authority_needs_none(self, tmp_path: Path, authority: Authority, temporary: Path) -> None:
        """And may have remarks in it."""
        temporary.rmdir()
        content = "# f\u00fcr alle\n".encode() + authority.path.read_bytes()
        cluster = {"certificate-authority-data": base64.b64encode(content).decode()}
        with ApiServer(ssl_context=authority.server_context()) as server:
            server.on("GET", PATH, json_answer({}))
            connection = connect(kubeconfig=write_kubeconfig(tmp_path, server.url, **cluster), user_agent="x")
            connection.request("GET", PATH)
            connection.close()
