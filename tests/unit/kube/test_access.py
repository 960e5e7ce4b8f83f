"""What kubeconfig entries come to, and which proxy lies in between."""

from __future__ import annotations

import base64
import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from support.apiserver import ApiServer, json_answer, status_answer, write_kubeconfig

from lws.kube.access import Access, Store, kubeconfig_access
from lws.kube.connection import connect
from lws.kube.errors import ConfigurationError
from lws.kube.kubeconfig import read_kubeconfig
from lws.kube.plugins import INFO
from lws.kube.pools import bypassed, pool_manager, proxy_of

SERVER = "https://host:6443"
PATH = "/api/v1/pods"
V1 = "client.authentication.k8s.io/v1"


def access(tmp_path: Path, user: dict[str, Any] | None = None, **cluster: Any) -> Access:
    return kubeconfig_access(
        read_kubeconfig(write_kubeconfig(tmp_path, SERVER, user=user or {}, **cluster)), Store()
    )


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def jwt(claims: Any) -> str:
    parts = (json.dumps({"alg": "none"}), json.dumps(claims), "signature")
    return ".".join(base64.urlsafe_b64encode(x.encode()).decode().rstrip("=") for x in parts)


class Plugin:
    """A credential plugin that prints a status, and keeps what it was told."""

    def __init__(self, directory: Path, status: dict[str, Any] | str, *, version: str = V1) -> None:
        self._told = directory / "told"
        document = {"apiVersion": version, "kind": "ExecCredential", "status": status}
        (directory / "answer").write_text(status if isinstance(status, str) else json.dumps(document))
        script = directory / "plugin"
        script.write_text(
            f'#!/bin/sh\nprintf "%s" "${INFO}" > {self._told}\n'
            f'printf "%s\\n" "$@" "$EXTRA" > {self._told}.args\ncat {directory}/answer\n'
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        self.command = str(script)

    def user(self, **members: Any) -> dict[str, Any]:
        return {"exec": {"apiVersion": V1, "command": self.command, **members}}

    @property
    def told(self) -> dict[str, Any]:
        return dict(json.loads(self._told.read_text())["spec"])

    @property
    def arguments(self) -> list[str]:
        return Path(f"{self._told}.args").read_text().splitlines()


class TestFiles:
    def test_data_come_before_files_and_only_the_owner_reads_them(self, tmp_path: Path) -> None:
        data = {"certificate-authority": "none", "certificate-authority-data": encoded(b"authority")}
        path = Path(str(access(tmp_path, **data).files.authority))
        assert path.read_bytes() == b"authority"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_relative_to_the_file_that_names_them(self, tmp_path: Path) -> None:
        (tmp_path / "ca").write_text("x")
        found = access(tmp_path, **{"certificate-authority": "sub/../ca"}).files.authority
        assert found == str(tmp_path / "ca")

    def test_one_content_is_one_file_again_and_again(self) -> None:
        store = Store()
        path = store.keep(b"a")
        assert store.keep(b"a") == path != store.keep(b"b")
        Path(path).unlink()
        assert Path(store.keep(b"a")).read_bytes() == b"a"

    @pytest.mark.parametrize("data", ["?", "YWJ", "ä"])
    def test_what_is_not_base64(self, tmp_path: Path, data: str) -> None:
        with pytest.raises(ConfigurationError, match=r"client-key-data is not base64$"):
            access(tmp_path, {"client-key-data": data})

    def test_plain_http_needs_none(self, tmp_path: Path) -> None:
        path = write_kubeconfig(tmp_path, "http://host:8080", user={"client-certificate": "none"})
        assert kubeconfig_access(read_kubeconfig(path), Store()).files == (None, None, None)


class TestPlugins:
    def test_is_told_what_it_asks_for(self, tmp_path: Path) -> None:
        (tmp_path / "ca").write_bytes(b"authority")
        plugin = Plugin(tmp_path, {"token": "t"})
        extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
        user = plugin.user(
            provideClusterInfo=True, args=["get", "token"], env=[{"name": "EXTRA", "value": "yes"}]
        )
        cluster = {"certificate-authority": "ca", "tls-server-name": "n", "extensions": [extension]}
        assert access(tmp_path, user, **cluster).header == "Bearer t"
        assert plugin.arguments == ["get", "token", "yes"]
        assert plugin.told == {
            "interactive": False,
            "cluster": {
                "server": SERVER,
                "tls-server-name": "n",
                "certificate-authority-data": encoded(b"authority"),
                "config": {"audience": "x"},
            },
        }

    def test_is_told_nothing_otherwise(self, tmp_path: Path) -> None:
        plugin = Plugin(tmp_path, {"token": "t"})
        access(tmp_path, plugin.user())
        assert plugin.told == {"interactive": False}

    def test_a_path_is_relative_to_the_kubeconfig(self, tmp_path: Path) -> None:
        Plugin(tmp_path, {"token": "t"})
        assert access(tmp_path, {"exec": {"apiVersion": V1, "command": "./plugin"}}).header == "Bearer t"

    def test_a_token_and_a_certificate_are_both_used(self, tmp_path: Path) -> None:
        plugin = Plugin(tmp_path, {"token": "t", "clientCertificateData": "c", "clientKeyData": "k"})
        found = access(tmp_path, plugin.user())
        assert found.header == "Bearer t"
        assert [Path(str(x)).read_text() for x in found.files[1:]] == ["c", "k"]

    def test_a_token_in_the_file_comes_first(self, tmp_path: Path) -> None:
        assert access(tmp_path, {"token": "t", "exec": {"command": "/none"}}).header == "Bearer t"

    def test_it_runs_again_before_its_token_ends(self, tmp_path: Path, server: ApiServer) -> None:
        """As the end nears: nobody has refused anything yet."""
        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 100))
        user = Plugin(tmp_path, {"token": "old", "expirationTimestamp": soon}).user()
        path = write_kubeconfig(tmp_path, server.url, user=user)
        connection = connect(kubeconfig=path, user_agent="x")
        Plugin(tmp_path, {"token": "new"})
        server.on("GET", PATH, json_answer({}))
        connection._endpoint.credentials._read_at = float("-inf")
        connection.request("GET", PATH)
        connection.close()
        assert server.requests[-1].headers["authorization"] == "Bearer new"

    @pytest.mark.parametrize(
        ("status", "problem"),
        [
            pytest.param({}, "neither status.token nor", id="nothing"),
            pytest.param({"clientCertificateData": "c"}, "one is missing$", id="no key"),
            pytest.param({"token": "t", "expirationTimestamp": "soon"}, "soon", id="odd time"),
            pytest.param({"token": "t", "expirationTimestamp": 7}, "gave nothing", id="a number as time"),
            pytest.param("[]", "gave nothing", id="a list"),
            pytest.param("no JSON", "gave nothing", id="no JSON"),
            pytest.param('{"kind":"Pod","apiVersion":"v1"}', "it is no ExecCredential", id="other kind"),
        ],
    )
    def test_an_odd_answer(self, tmp_path: Path, status: Any, problem: str) -> None:
        with pytest.raises(ConfigurationError, match=problem) as caught:
            access(tmp_path, Plugin(tmp_path, status).user())
        assert len(str(caught.value).splitlines()) == 1

    def test_the_hint_where_it_is_not_installed(self, tmp_path: Path) -> None:
        user = {"exec": {"apiVersion": V1, "command": "no-such-program", "installHint": "get it\nthere"}}
        with pytest.raises(ConfigurationError, match=r"'no-such-program' gave nothing; get it there"):
            access(tmp_path, user)

    @pytest.mark.parametrize("plugin", ["odd", {}, {"command": "x"}, {"apiVersion": V1}])
    def test_an_entry_that_is_none(self, tmp_path: Path, plugin: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"exec needs the members command and apiVersion$"):
            access(tmp_path, {"exec": plugin})


class TestAuthProvider:
    def test_the_token_of_oidc_with_its_end(self, tmp_path: Path) -> None:
        token = jwt({"exp": 1234})
        found = access(tmp_path, {"auth-provider": {"name": "oidc", "config": {"id-token": token}}})
        assert (found.header, found.expires) == (f"Bearer {token}", 1234.0)

    @pytest.mark.parametrize("token", ["odd", "a.b.c", jwt({}), jwt([]), jwt({"exp": None})])
    def test_a_token_whose_end_nobody_knows(self, tmp_path: Path, token: str) -> None:
        found = access(tmp_path, {"auth-provider": {"name": "oidc", "config": {"id-token": token}}})
        assert (found.header, found.expires) == (f"Bearer {token}", None)

    def test_one_that_kubectl_has_renewed_is_read_after_a_refusal(
        self, tmp_path: Path, server: ApiServer
    ) -> None:
        def wrote(token: str) -> str:
            user = {"auth-provider": {"name": "oidc", "config": {"id-token": token}}}
            return write_kubeconfig(tmp_path, server.url, user=user)

        connection = connect(kubeconfig=wrote("old"), user_agent="x")
        wrote("new")
        server.on("GET", PATH, status_answer(401), json_answer({}))
        connection.request("GET", PATH)
        connection.close()
        assert [x.headers["authorization"] for x in server.requests] == ["Bearer old", "Bearer new"]

    @pytest.mark.parametrize("provider", [{"name": "gcp"}, {"name": "azure"}, {}, "odd", {"name": "oidc"}])
    def test_others_say_what_to_do(self, tmp_path: Path, provider: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"auth-provider .* (\(exec\)|with its program)$"):
            access(tmp_path, {"auth-provider": provider})


class TestProxy:
    @pytest.fixture(autouse=True)
    def none_of_the_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)

    def test_by_scheme_unless_the_server_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
        assert proxy_of(Access("https://host:6443")) == "http://proxy:3128"
        assert proxy_of(Access("http://host:6443")) is None
        monkeypatch.setenv("NO_PROXY", "other, host")
        assert proxy_of(Access("https://host:6443")) is None

    def test_the_kubeconfigs_comes_first_and_is_not_bypassed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_PROXY", "*")
        assert proxy_of(Access("https://host", proxy="http://proxy")) == "http://proxy"

    @pytest.mark.parametrize(
        ("rules", "told"),
        [
            ("*", True),
            ("10.0.0.0/8", True),
            ("10.1.2.3", True),
            ("10.1.2.3:6443", True),
            ("10.1.2.3:443", False),
            ("11.0.0.0/8, ", False),
            ("0.1.2.3", False),
            ("", False),
        ],
    )
    def test_rules_for_an_address(self, rules: str, told: bool) -> None:
        assert bypassed("10.1.2.3", 6443, rules) is told

    @pytest.mark.parametrize(
        ("rules", "told"),
        [
            ("example.org", True),
            (".example.org", True),
            ("API.example.org:443", True),
            ("ample.org", False),
            ("10.0.0.0/8", False),
        ],
    )
    def test_rules_for_a_name(self, rules: str, told: bool) -> None:
        assert bypassed("api.Example.org", 443, rules) is told

    @pytest.mark.parametrize("proxy", ["socks5://user:secret@proxy", "ftp://user:secret@proxy", "http://[x"])
    def test_one_that_cannot_be_used_is_one_line_without_the_password(self, proxy: str) -> None:
        with pytest.raises(ConfigurationError, match=r"^proxy .* cannot be used: ") as caught:
            pool_manager(Access("https://host", proxy=proxy), 1)
        assert "secret" not in str(caught.value)

    def test_the_user_of_a_proxy_logs_in(self) -> None:
        manager = pool_manager(Access("https://host", proxy="http://u:p@proxy:1"), 1)
        assert manager.proxy_headers["proxy-authorization"] == "Basic dTpw"  # type: ignore[attr-defined]
