"""Finding the API server, its certificates and its credentials."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.apiserver import ApiServer, Exchange, json_answer, status_answer, write_kubeconfig
from support.pki import Authority
from support.waits import record_waits

from lws.kube import connection as connection_module
from lws.kube.connection import Connection, connect
from lws.kube.errors import ConfigurationError, TransportError, Unauthorized

PATH = "/api/v1/pods"


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration but the test's own."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(connection_module, "SERVICE_ACCOUNT", str(tmp_path / "account"))


@pytest.fixture
def secure(authority: Authority) -> Iterator[ApiServer]:
    with ApiServer(ssl_context=authority.server_context()) as server:
        server.on("GET", PATH, json_answer({}))
        yield server


def directory(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: Authority, port: int) -> Path:
    """Pretend to be in a pod; returns the directory of its service account."""
    account = directory(tmp_path / "account")
    (account / "token").write_text("pod-token\n")
    (account / "ca.crt").write_bytes(authority.path.read_bytes())
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(port))
    return account


def ask(connection: Connection) -> None:
    try:
        connection.request("GET", PATH)
    finally:
        connection.close()


def authorizations(server: ApiServer) -> list[str]:
    return [request.headers.get("authorization", "") for request in server.requests]


class TestOrder:
    """Argument, $KUBECONFIG, in-cluster, ~/.kube/config."""

    @pytest.fixture
    def offers(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: Authority, secure: ApiServer
    ) -> dict[str, str]:
        """All four at once, told apart by their token."""
        places = {name: directory(tmp_path / name) for name in ("argument", "variable")}
        places["home"] = directory(tmp_path / "home" / ".kube")
        paths = {}
        for name, place in places.items():
            user, ca = {"token": name}, str(authority.path)
            paths[name] = write_kubeconfig(place, secure.url, user=user, **{"certificate-authority": ca})
        Path(paths["home"]).rename(places["home"] / "config")
        monkeypatch.setenv("KUBECONFIG", paths["variable"])
        pod(monkeypatch, tmp_path, authority, secure.port)
        return paths

    def test_the_argument_comes_first(self, offers: dict[str, str], secure: ApiServer) -> None:
        ask(connect(kubeconfig=offers["argument"], user_agent="x"))
        assert authorizations(secure) == ["Bearer argument"]

    def test_then_the_variable(self, offers: dict[str, str], secure: ApiServer) -> None:
        ask(connect(user_agent="x"))
        assert authorizations(secure) == ["Bearer variable"]

    @pytest.mark.parametrize("empty", [True, False], ids=["empty variable", "no variable"])
    def test_then_the_pod(
        self, offers: dict[str, str], secure: ApiServer, monkeypatch: pytest.MonkeyPatch, empty: bool
    ) -> None:
        monkeypatch.setenv("KUBECONFIG", "") if empty else monkeypatch.delenv("KUBECONFIG")
        ask(connect(user_agent="x"))
        assert authorizations(secure) == ["Bearer pod-token"]

    @pytest.mark.parametrize("missing", ["variable", "token"])
    def test_then_the_home_directory(
        self,
        offers: dict[str, str],
        secure: ApiServer,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        missing: str,
    ) -> None:
        monkeypatch.delenv("KUBECONFIG")
        if missing == "token":
            (tmp_path / "account" / "token").unlink()
        else:
            monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
        ask(connect(user_agent="x"))
        assert authorizations(secure) == ["Bearer home"]

    def test_nothing_at_all(self) -> None:
        with pytest.raises(ConfigurationError, match=r"^no API server known: .* or set KUBECONFIG$"):
            connect(user_agent="x")


class TestInCluster:
    @pytest.fixture
    def account(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: Authority, secure: ApiServer
    ) -> Path:
        return pod(monkeypatch, tmp_path, authority, secure.port)

    def test_a_rotated_token_is_read_after_a_refusal(self, account: Path, secure: ApiServer) -> None:
        connection = connect(user_agent="x")
        assert connection.host == f"https://127.0.0.1:{secure.port}"
        connection.request("GET", PATH)
        (account / "token").write_text("rotated\n")
        secure.on("GET", PATH, status_answer(401), json_answer({}))
        ask(connection)
        assert authorizations(secure) == ["Bearer pod-token", "Bearer pod-token", "Bearer rotated"]

    def test_a_vanished_token_leaves_the_old_one(self, account: Path, secure: ApiServer) -> None:
        connection = connect(user_agent="x")
        (account / "token").write_text("")
        secure.on("GET", PATH, status_answer(401))
        with pytest.raises(Unauthorized):
            connection.request("GET", PATH)
        secure.on("GET", PATH, json_answer({}))
        ask(connection)
        assert authorizations(secure) == ["Bearer pod-token"] * 2

    @pytest.mark.usefixtures("account")
    def test_an_address_of_ipv6_is_bracketed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
        connection = connect(user_agent="x")
        assert connection.host == "https://[fd00::1]:443"
        connection.close()

    @pytest.mark.parametrize(
        ("file", "content", "message"),
        [
            pytest.param("token", None, r"account/token does not exist; mount the service", id="no token"),
            pytest.param("token", " \n", r"^no credentials: .*/token is empty$", id="empty token"),
            pytest.param("ca.crt", None, r"authority cannot be read: No such file or directory$", id="no CA"),
            pytest.param("ca.crt", "x", r"authority cannot be used: .*no certificate", id="bad CA"),
        ],
    )
    def test_mistakes(self, account: Path, file: str, content: str | None, message: str) -> None:
        (account / file).unlink()
        if content is not None:
            (account / file).write_text(content)
        with pytest.raises(ConfigurationError, match=message):
            connect(user_agent="x")


class TestTls:
    def test_a_client_certificate_is_shown(self, tmp_path: Path, authority: Authority) -> None:
        pair = authority.issue("client")
        with ApiServer(ssl_context=authority.server_context(demand_client=True)) as server:
            server.on("GET", PATH, json_answer({}))
            user = {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}
            ca = {"certificate-authority": str(authority.path)}
            ask(connect(kubeconfig=write_kubeconfig(tmp_path, server.url, user=user, **ca), user_agent="x"))
            assert authorizations(server) == [""]

    def test_an_unknown_authority_is_one_line_and_not_tried_again(
        self, tmp_path: Path, stranger: Authority, secure: ApiServer
    ) -> None:
        ca = {"certificate-authority": str(stranger.path)}
        connection = connect(kubeconfig=write_kubeconfig(tmp_path, secure.url, **ca), user_agent="x")
        waits = record_waits(connection)
        with pytest.raises(TransportError, match=r"the server's certificate is not trusted \(") as caught:
            ask(connection)
        assert (caught.value.refused, caught.value.permanent, waits.seconds) == (True, True, [])
        assert secure.requests == []

    def test_a_certificate_for_another_name(
        self, tmp_path: Path, authority: Authority, secure: ApiServer
    ) -> None:
        cluster = {"certificate-authority": str(authority.path), "tls-server-name": "other.example"}
        connection = connect(kubeconfig=write_kubeconfig(tmp_path, secure.url, **cluster), user_agent="x")
        with pytest.raises(TransportError, match=r"not trusted \(Hostname mismatch"):
            ask(connection)

    def test_verification_can_be_switched_off(self, tmp_path: Path, secure: ApiServer) -> None:
        cluster = {"insecure-skip-tls-verify": True}
        connection = connect(kubeconfig=write_kubeconfig(tmp_path, secure.url, **cluster), user_agent="x")
        assert connection.unverified
        ask(connection)
        assert len(secure.requests) == 1

    def test_and_is_on_otherwise(self, tmp_path: Path, server: ApiServer, authority: Authority) -> None:
        cluster = {"certificate-authority": str(authority.path)}
        for url, trust in ((server.url.replace("http:", "https:"), cluster), (server.url, {})):
            path = write_kubeconfig(tmp_path, url, **trust)
            assert not connect(kubeconfig=path, user_agent="x").unverified

    def test_https_to_a_plain_port(self, tmp_path: Path, server: ApiServer) -> None:
        url = server.url.replace("http:", "https:")
        connection = connect(kubeconfig=write_kubeconfig(tmp_path, url), user_agent="x")
        record_waits(connection)
        with pytest.raises(TransportError, match=r"TLS failed \(wrong version number\); is this"):
            ask(connection)

    @pytest.mark.parametrize(
        ("user", "cluster", "message"),
        [
            pytest.param(
                {},
                {"certificate-authority": "none"},
                r"context 'test': certificate-authority .*/none does not exist$",
                id="CA missing",
            ),
            pytest.param(
                {}, {"certificate-authority": "junk"}, r"certificate authority cannot be used: ", id="CA junk"
            ),
            pytest.param(
                {},
                {"certificate-authority-data": "?"},
                r"context 'test': certificate-authority-data is not base64$",
                id="data that are not base64",
            ),
            pytest.param(
                {},
                {"certificate-authority-data": "eA=="},
                r"certificate authority cannot be used: no certificate found$",
                id="data that are no CA",
            ),
            pytest.param(
                {},
                {"certificate-authority": "cut.crt"},
                r"certificate authority cannot be used: (?i:.*pem)",
                id="CA cut short",
            ),
            pytest.param(
                {"client-certificate": "right.crt"},
                {},
                r"client certificate and key cannot be used: (?i:.*pem)",
                id="no key",
            ),
            pytest.param(
                {"client-certificate": "none", "client-key": "junk"},
                {},
                r"context 'test': client-certificate .*/none does not exist$",
                id="certificate missing",
            ),
            pytest.param(
                {"client-certificate": "junk", "client-key": "junk"},
                {},
                r"client certificate and key cannot be used: ",
                id="certificate junk",
            ),
            pytest.param(
                {"client-certificate": "right.crt", "client-key": "wrong.key"},
                {},
                r"client certificate and key cannot be used: key values mismatch$",
                id="key of another",
            ),
            pytest.param(
                {"client-certificate": "right.crt", "client-key": "locked.key"},
                {},
                r"client certificate and key cannot be used: ",
                id="key behind a password",
            ),
        ],
    )
    def test_mistakes_show_before_the_first_request(
        self,
        tmp_path: Path,
        authority: Authority,
        user: dict[str, str],
        cluster: dict[str, Any],
        message: str,
    ) -> None:
        (tmp_path / "junk").write_text("junk")
        (tmp_path / "right.crt").write_bytes(authority.issue("right").certificate.read_bytes())
        (tmp_path / "cut.crt").write_bytes(authority.path.read_bytes()[:200])
        (tmp_path / "locked.key").write_bytes(locked_key())
        (tmp_path / "wrong.key").write_bytes(authority.issue("wrong").key.read_bytes())
        path = write_kubeconfig(tmp_path, "https://127.0.0.1:1", user=user, **cluster)
        with pytest.raises(ConfigurationError, match=message) as caught:
            connect(kubeconfig=path, user_agent="x")
        assert len(str(caught.value).splitlines()) == 1
        assert path in str(caught.value)
        assert "ssl.c" not in str(caught.value)


class TestUser:
    @pytest.mark.parametrize(
        ("user", "header"),
        [
            pytest.param({}, "", id="nobody"),
            pytest.param({"token": "abc\n"}, "Bearer abc", id="token"),
            pytest.param({"username": "u", "password": "p"}, "Basic dTpw", id="password"),
            pytest.param({"tokenFile": "token"}, "Bearer from-file", id="token file"),
        ],
    )
    def test_header(self, tmp_path: Path, server: ApiServer, user: dict[str, str], header: str) -> None:
        (tmp_path / "token").write_text(" from-file\n")
        server.on("GET", PATH, json_answer({}))
        ask(connect(kubeconfig=write_kubeconfig(tmp_path, server.url, user=user), user_agent="x"))
        assert authorizations(server) == [header]

    def test_acts_as_somebody_else(self, tmp_path: Path, server: ApiServer) -> None:
        """Of every request: writes and watches, too."""
        user = {
            "token": "admins",
            "as": "system:serviceaccount:team:viewer",
            "as-uid": "u-1",
            "as-groups": ["viewers", "night shift"],
            "as-user-extra": {"scopes": ["a", "b"], "example.org/reason %": ["c"]},
        }
        connection = connect(kubeconfig=write_kubeconfig(tmp_path, server.url, user=user), user_agent="x")
        for method in ("GET", "POST"):
            server.on(method, PATH, json_answer({}))
            connection.request(method, PATH)
        with connection.stream(PATH, query={}, read_timeout=10.0) as stream:
            list(stream)
        assert len(server.requests) == 3
        for request in server.requests:
            sent = {name: value for name, value in request.headers.items() if name.startswith("imp")}
            assert sent == {
                "impersonate-user": "system:serviceaccount:team:viewer",
                "impersonate-uid": "u-1",
                "impersonate-group": "viewers, night shift",
                "impersonate-extra-scopes": "a, b",
                "impersonate-extra-example.org%2freason%20%25": "c",
            }
            assert request.headers["authorization"] == "Bearer admins"

    def test_a_rewritten_token_file_is_read_after_a_refusal(self, tmp_path: Path, server: ApiServer) -> None:
        (tmp_path / "token").write_text("old")
        path = write_kubeconfig(tmp_path, server.url, user={"tokenFile": "token"})
        connection = connect(kubeconfig=path, user_agent="x")
        (tmp_path / "token").write_text("new")
        server.on("GET", PATH, status_answer(401), json_answer({}))
        ask(connection)
        assert authorizations(server) == ["Bearer old", "Bearer new"]

    def test_an_expired_token_of_a_plugin_runs_it_again(self, tmp_path: Path, server: ApiServer) -> None:
        path = write_kubeconfig(tmp_path, server.url, user=plugin(tmp_path))
        (tmp_path / "current").write_text("old")
        connection = connect(kubeconfig=path, user_agent="x")
        (tmp_path / "current").write_text("new")

        def demand_new(exchange: Exchange) -> None:
            fresh = exchange.request.headers["authorization"] == "Bearer new"
            (json_answer({}) if fresh else status_answer(401))(exchange)

        server.on("GET", PATH, demand_new)
        connection.request("GET", PATH)
        ask(connection)
        assert authorizations(server) == ["Bearer old", "Bearer new", "Bearer new"]

    @pytest.mark.parametrize("command", ["failing", "missing"])
    def test_a_plugin_that_gives_nothing(
        self, tmp_path: Path, server: ApiServer, caplog: pytest.LogCaptureFixture, command: str
    ) -> None:
        (tmp_path / "current").write_text("")
        user = plugin(tmp_path)
        if command == "missing":
            user["exec"]["command"] = str(tmp_path / "missing")
        else:
            (tmp_path / "plugin").write_text("#!/bin/sh\necho nobody is logged in >&2\nexit 1\n")
        path = write_kubeconfig(tmp_path, server.url, user=user)
        with pytest.raises(
            ConfigurationError, match=r"the credential plugin '.*' gave nothing; run it by hand$"
        ):
            connect(kubeconfig=path, user_agent="x")
        assert "nobody is logged in" in caplog.text or command == "missing"

    def test_a_malformed_plugin(self, tmp_path: Path, server: ApiServer) -> None:
        path = write_kubeconfig(tmp_path, server.url, user={"exec": "odd"})
        with pytest.raises(ConfigurationError, match=r"context 'test'"):
            connect(kubeconfig=path, user_agent="x")


def locked_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    lock = serialization.BestAvailableEncryption(b"secret")
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)


def plugin(tmp_path: Path) -> dict[str, Any]:
    """A user whose credential plugin prints the token in the file ``current``."""
    script = tmp_path / "plugin"
    answer = (
        '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}'
    )
    script.write_text(f"#!/bin/sh\nprintf '{answer}' \"$(cat {tmp_path}/current)\"\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(script)}}


def test_a_path_in_the_servers_url_precedes_every_path(tmp_path: Path, server: ApiServer) -> None:
    server.on("GET", "/clusters/c-1" + PATH, json_answer({}))
    path = write_kubeconfig(tmp_path, f"{server.url}/clusters/c-1/")
    ask(connect(kubeconfig=path, user_agent="x"))
    assert server.requests[0].path == "/clusters/c-1" + PATH


def test_a_plain_proxy_gets_the_whole_url(tmp_path: Path, server: ApiServer) -> None:
    server.on("GET", PATH, json_answer({}))
    path = write_kubeconfig(tmp_path, "http://api.invalid:8080", **{"proxy-url": server.url})
    ask(connect(kubeconfig=path, user_agent="x"))
    assert server.requests[0].headers["host"] == "api.invalid:8080"


def test_a_proxy_that_is_not_there(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path, "https://api.invalid:8080", **{"proxy-url": "http://127.0.0.1:1"})
    connection = connect(kubeconfig=path, user_agent="x")
    record_waits(connection)
    with pytest.raises(TransportError, match=r"the proxy in between fails \(connection refused\)") as caught:
        ask(connection)
    assert caught.value.refused


def test_a_context_by_name(tmp_path: Path, server: ApiServer) -> None:
    path = write_kubeconfig(tmp_path, server.url)
    server.on("GET", PATH, json_answer({}))
    ask(connect(kubeconfig=path, context="test", user_agent="x"))
    with pytest.raises(ConfigurationError, match=r"there is no context 'other'; contexts in it: test$"):
        connect(kubeconfig=path, context="other", user_agent="x")


@pytest.mark.parametrize(("qps", "burst"), [(0.0, None), (-1.0, 5)])
def test_a_nonsensical_rate_limit(tmp_path: Path, server: ApiServer, qps: float, burst: int | None) -> None:
    path = write_kubeconfig(tmp_path, server.url)
    with pytest.raises(ValueError, match="rate limit"):
        connect(kubeconfig=path, user_agent="x", qps=qps, burst=burst)
