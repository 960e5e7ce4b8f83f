"""Whom a kubeconfig names, and what it costs to find out."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest
from support.apiserver import ApiServer, json_answer, status_answer, write_kubeconfig
from support.pki import Authority

from lws.kube.connection import connect
from lws.kube.errors import ConfigurationError
from lws.kube.kubeconfig import read_kubeconfig
from lws.kube.overrides import Overrides
from lws.kube.users import FoundOutUser, user_of

PATH = "/api/v1/pods"
LOOK = "import sys; from lws.kube.connection import connect; connect(user_agent='x', kubeconfig={}).close(); "
LOADED = "print('kubernetes' in sys.modules)"


def data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


@pytest.mark.parametrize(
    ("user", "loaded"),
    [
        pytest.param({}, "False", id="nobody"),
        pytest.param({"token": "t", "password": ""}, "False", id="a token"),
        pytest.param({"username": "u", "password": "p"}, "True", id="a password"),
    ],
)
def test_the_official_client_is_loaded_where_it_is_needed(
    tmp_path: Path, user: dict[str, str], loaded: str
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
    files = user_of(read_kubeconfig(path)).files()
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
    user = user_of(read_kubeconfig(path))
    key = user.files().key
    assert key is not None
    user.inline.discard(key, str(pair.key))
    assert (Path(key).exists(), pair.key.exists()) == (False, True)


def test_what_a_command_line_says_outlives_the_file(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path, "http://127.0.0.1:1", user={"token": "theirs"})
    user = user_of(read_kubeconfig(path, None, Overrides(token="given")))
    assert user.read(False) == user.read(True) == "Bearer given"


def test_an_empty_entry_asks_nobody(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path, "http://127.0.0.1:1", user={"username": "", "token": "t"})
    assert not isinstance(user_of(read_kubeconfig(path)), FoundOutUser)


def test_data_that_are_none_are_named(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path, "https://127.0.0.1:1", user={"client-key-data": "%"})
    with pytest.raises(ConfigurationError, match=r"context 'test': client-key-data is not base64$"):
        user_of(read_kubeconfig(path)).files()
