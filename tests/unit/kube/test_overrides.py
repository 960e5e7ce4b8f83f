"""What a command line says in place of a kubeconfig: entries, and requests that are made by them."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.apiserver import ApiServer, json_answer, write_kubeconfig

from lws.kube.connection import connect
from lws.kube.errors import ConfigurationError
from lws.kube.overrides import Overrides, absolute

SECURE = {"server": "https://one", "certificate-authority-data": "eA==", "tls-server-name": "one"}
BY_CERTIFICATE = {"client-certificate-data": "eA==", "client-key-data": "eA==", "as": "ann"}
CERTIFICATE_ALONE = {"client-certificate-data": "eA=="}


@pytest.mark.parametrize(
    ("given", "entry", "expected"),
    [
        ({}, SECURE, SECURE),
        ({"server": "two:1"}, SECURE, {"server": "https://two:1", "certificate-authority-data": "eA=="}),
        ({"server": "two:1"}, {}, {"server": "http://two:1"}),
        ({"server": "http://two"}, {}, {"server": "http://two"}),
        (
            {"tls_server_name": "two", "server": "https://t"},
            SECURE,
            SECURE | {"server": "https://t", "tls-server-name": "two"},
        ),
        (
            {"certificate_authority": "/ca"},
            SECURE,
            {"server": "https://one", "certificate-authority": "/ca", "tls-server-name": "one"},
        ),
        (
            {"insecure": True, "server": "x"},
            SECURE,
            {"server": "https://x", "insecure-skip-tls-verify": True},
        ),
    ],
)
def test_a_cluster(given: dict[str, Any], entry: dict[str, Any], expected: dict[str, Any]) -> None:
    assert Overrides(**given).of_cluster(entry) == expected


@pytest.mark.parametrize(
    ("given", "entry", "expected"),
    [
        ({}, BY_CERTIFICATE, BY_CERTIFICATE),
        ({"token": "t"}, BY_CERTIFICATE | {"exec": {}}, {"token": "t", "as": "ann"}),
        (
            {"client_certificate": "/c", "client_key": "/k"},
            {"token": "t"},
            {"client-certificate": "/c", "client-key": "/k"},
        ),
        ({"client_key": "/k"}, BY_CERTIFICATE, {**CERTIFICATE_ALONE, "as": "ann", "client-key": "/k"}),
        (
            {"acting_as": "bob", "acting_groups": ("g", "h"), "acting_uid": "1"},
            BY_CERTIFICATE,
            BY_CERTIFICATE | {"as": "bob", "as-groups": ["g", "h"], "as-uid": "1"},
        ),
    ],
)
def test_a_user(given: dict[str, Any], entry: dict[str, Any], expected: dict[str, Any]) -> None:
    assert Overrides(**given).of_user(entry) == expected


def test_paths_are_relative_to_the_kubeconfig_or_to_the_shell() -> None:
    entry = {"certificate-authority": "ca", "client-key": "/k", "token": "t"}
    assert absolute(entry, "/dir") == {**entry, "certificate-authority": "/dir/ca"}
    assert Overrides(certificate_authority="ca").of_cluster({}) == {
        "certificate-authority": os.path.abspath("ca")
    }


def asked(server: ApiServer, kubeconfig: str, /, **given: Any) -> Any:
    """The one request that was made."""
    server.on("GET", "/version", json_answer({}))
    with closing(connect(kubeconfig=kubeconfig, overrides=Overrides(**given), user_agent="t")) as connection:
        connection.request("GET", "/version")
    (request,) = server.requests
    return request


def test_a_request_with_another_token_as_somebody_else(tmp_path: Path) -> None:
    with ApiServer() as server:
        kubeconfig = str(write_kubeconfig(tmp_path, server.url))
        request = asked(server, kubeconfig, token="tt", acting_as="bob", acting_groups=("g",))
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["authorization"] == "Bearer tt"
    assert (headers["impersonate-user"], headers["impersonate-group"]) == ("bob", "g")


def test_another_server_than_the_kubeconfigs(tmp_path: Path) -> None:
    kubeconfig = str(write_kubeconfig(tmp_path, "http://127.0.0.1:1"))
    with ApiServer() as server:
        assert asked(server, kubeconfig, server=server.url).path == "/version"


def test_a_server_without_any_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    with ApiServer() as server:
        request = asked(server, "", server=server.url, token="t")
    assert "Bearer t" in request.headers.values()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"server": "ftp://x"}, "server 'ftp://x' is not a URL"),
        ({"cluster": "other"}, "there is no cluster 'other'"),
        ({"user": "other"}, "there is no user 'other'"),
        ({"acting_groups": ("g",)}, "as-groups without as: name the user to act as"),
        ({"acting_as": "a\nb"}, "cannot be sent in a header"),
        ({"certificate_authority": "/nowhere/ca", "server": "https://x"}, "/nowhere/ca"),
        ({"token": "a\nb"}, "the token is not one line"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    kubeconfig = str(write_kubeconfig(tmp_path, "http://127.0.0.1:1"))
    with pytest.raises(ConfigurationError, match=message) as caught:
        connect(kubeconfig=kubeconfig, overrides=Overrides(**given), user_agent="t")
    assert "\n" not in str(caught.value)
