"""As whom a kubeconfig says that we speak: its tokens and certificates, read anew after a refusal.

The only module that imports ``kubernetes``, for users whom the official client has to find out, by credential
plugins above all (runtime.md, B4). That takes a third of a second and 17 MB, which nobody else has to spend
(docs/decisions/250-the-official-client-when-needed.md). How often a login is read lives elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lws.kube.errors import ConfigurationError, one_line
from lws.kube.inline import Inline
from lws.kube.kubeconfig import Kubeconfig, read_kubeconfig
from lws.kube.trust import Files, Trust

TO_BE_FOUND_OUT = ("exec", "auth-provider", "username", "password")
_ONLY = "only"  # entry of a kubeconfig that is made up of what a command line says


def user_of(chosen: Kubeconfig) -> User:
    """Raises ConfigurationError, one line."""
    asks = any(chosen.user.get(x) not in (None, "") for x in TO_BE_FOUND_OUT)
    return FoundOutUser(chosen) if asks else User(chosen)


class User:
    """One whose entry says who it is: by a token, a certificate, both, or not at all.

    After a refusal the kubeconfig is read anew: it may have been rewritten. ``trust`` follows it, where there
    is one; ``inline`` keeps what its entries hold.
    """

    def __init__(self, chosen: Kubeconfig) -> None:
        self._chosen, self.inline = chosen, Inline()
        self.trust: Trust | None = None

    def files(self) -> Files:
        """Raises ConfigurationError."""
        chosen = self._chosen
        return Files(self.inline.path(chosen.cluster, "certificate-authority", chosen.where), *self._pair())

    def read(self, refused: bool) -> str | None:
        """The Authorization header, as ``Credentials`` asks for it."""
        if refused:
            self._renew()
            if self.trust is not None:
                files = self.files()
                former = self.trust.follow(files)
                self.inline.discard(*set(former) - set(files))
        return self._header()

    def _renew(self) -> None:
        if not self._chosen.overridden:
            self._chosen = read_kubeconfig(self._chosen.paths, self._chosen.context)

    def _header(self) -> str | None:
        token = str(self._chosen.user.get("token") or "").strip()
        return f"Bearer {token}" if token else None

    def _pair(self) -> tuple[str | None, str | None]:
        user, where = self._chosen.user, self._chosen.where
        certificate = self.inline.path(user, "client-certificate", where)
        return certificate, self.inline.path(user, "client-key", where)


class FoundOutUser(User):
    """One whom the official client finds out: by a credential plugin, a password, a provider of old.

    It runs a plugin again once its token nears its end. After a refusal everything is loaded anew, which
    catches plugins that name no end or give certificates.
    """

    def __init__(self, chosen: Kubeconfig) -> None:
        super().__init__(chosen)
        self._configuration = self._load()

    def _renew(self) -> None:
        super()._renew()
        self._configuration = self._load()

    def _header(self) -> str | None:
        setting = self._configuration.auth_settings().get("BearerToken")
        return str(setting["value"]).strip() if setting and setting["value"] else None

    def _pair(self) -> tuple[str | None, str | None]:
        return self._configuration.cert_file, self._configuration.key_file

    def _load(self) -> Any:
        """Raises ConfigurationError. Certificates that a plugin gives become files of the directory."""
        from kubernetes.client import Configuration  # noqa: PLC0415

        configuration, chosen = Configuration(), self._chosen
        try:
            self._read_into(configuration)
        except Exception as error:  # its own type, and whatever an odd file makes it stumble over
            raise ConfigurationError(f"{chosen.where}: {one_line(str(error))}") from error
        if "exec" in chosen.user and not configuration.api_key and not configuration.cert_file:
            plugin = chosen.user["exec"]
            command = str(plugin.get("command", "")) if isinstance(plugin, Mapping) else ""
            raise ConfigurationError(
                f"{chosen.where}: the credential plugin {command!r} gave nothing; run it by hand"
            )
        return configuration

    def _read_into(self, configuration: Any) -> None:
        """From the files, which may change; entries that a command line changed are in none."""
        from kubernetes.config import load_kube_config, load_kube_config_from_dict  # noqa: PLC0415

        chosen = self._chosen
        common: dict[str, Any] = {
            "client_configuration": configuration,
            "persist_config": False,
            "temp_file_path": self.inline.directory,
        }
        if chosen.overridden:
            load_kube_config_from_dict(chosen.document(_ONLY), context=_ONLY, **common)  # type: ignore[no-untyped-call]
        else:
            load_kube_config(config_file=chosen.paths, context=chosen.context, **common)  # type: ignore[no-untyped-call]
