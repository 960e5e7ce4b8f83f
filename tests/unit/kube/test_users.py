"""Whom a kubeconfig names, and what it costs to find out."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from support.apiserver import ApiServer, json_answer, status_answer, write_kubeconfig
from support.pki import Authority, Pair

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


def test_data_count_before_files_and_are_kept_from_others(tmp_path: Path, authority: Authority) -> None:
    pair = authority.issue("client")
    user = {
        "client-certificate": "elsewhere",
        "client-certificate-data": data(pair.certificate),
        "client-key-data": data(pair.key),
    }
    path = write_kubeconfig(tmp_path, "https://127.0.0.1:1", user=user)
    files = User(read_kubeconfig(path)).files()
    assert files.certificate is not None
    assert files.key is not None
    assert Path(files.key).read_bytes() == pair.key.read_bytes()
    assert Path(files.key).parent.stat().st_mode & 0o077 == 0


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


def test_a_key_that_is_not_used_any_more_is_nowhere(tmp_path: Path, authority: Authority) -> None:
    pair = authority.issue("client")
    path = write_kubeconfig(tmp_path, "https://127.0.0.1:1", user={"client-key-data": data(pair.key)})
    user = User(read_kubeconfig(path))
    key = user.files().key
    assert key is not None
    user.inline.discard(key, str(pair.key))
    assert (Path(key).exists(), pair.key.exists()) == (False, True)


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


class TestFiles:
    """What entries hold, on the disk."""

    @pytest.fixture(autouse=True)
    def temporary(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        place = tmp_path / "temporary"
        place.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        return place

    def user(self, tmp_path: Path, pair: Pair) -> User:
        entry = {"client-certificate-data": data(pair.certificate), "client-key-data": data(pair.key)}
        return User(read_kubeconfig(write_kubeconfig(tmp_path, "https://127.0.0.1:1", user=entry)))

    def test_nobody_else_may_read_them(self, tmp_path: Path, authority: Authority) -> None:
        files = self.user(tmp_path, authority.issue("client")).files()
        assert [Path(str(x)).stat().st_mode & 0o777 for x in files[1:]] == [0o600, 0o600]

    def test_they_come_again_after_somebody_tidied_up(
        self, tmp_path: Path, authority: Authority, temporary: Path
    ) -> None:
        """As systemd does with what is ten days old."""
        user = self.user(tmp_path, authority.issue("former"))
        user.files()
        for directory in temporary.iterdir():
            shutil.rmtree(directory)
        later = authority.issue("later")
        self.user(tmp_path, later)
        assert user.read(True) is None
        user.trust = Trust(user.files(), verify=True, where="here")
        assert Path(str(user.files().key)).read_bytes() == later.key.read_bytes()

    def test_no_place_for_them(self, tmp_path: Path, authority: Authority, temporary: Path) -> None:
        user = self.user(tmp_path, authority.issue("client"))
        temporary.rmdir()
        with pytest.raises(
            ConfigurationError, match=r"certificate-data cannot be kept in a temporary file: No such"
        ):
            user.files()
