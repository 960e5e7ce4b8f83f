"""As whom a kubeconfig says that we speak: its tokens, passwords and certificates, read anew after a refusal.

The only module that imports ``kubernetes``, for users whom the official client has to find out, by credential
plugins above all (runtime.md, B4). That takes a third of a second and 17 MB, which nobody else has to spend
(docs/decisions/250-the-official-client-when-needed.md). How often a login is read lives elsewhere.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from lws.kube.credentials import basic, bearer_from_file
from lws.kube.errors import ConfigurationError, one_line
from lws.kube.inline import source
from lws.kube.kubeconfig import Kubeconfig, read_kubeconfig
from lws.kube.trust import Files, Source, Trust

_SAID = ("token", "tokenFile", "username")  # whoever has one of these is not found out, as kubectl has it
_ONLY = "only"  # entry of a kubeconfig that is made up of the chosen ones

_log = logging.getLogger(__name__)
_alone = threading.Lock()  # one at a time: the official client remembers files in a place of its module


class User:
    """One whose entry says who it is, by a token, a password, a certificate; or who has to be found out.

    The official client runs a plugin again once its token nears its end. After a refusal everything is read
    anew: the kubeconfig may have been rewritten, and some plugins name no end or give certificates. ``trust``
    follows, where there is one. Raises ConfigurationError, one line.
    """

    def __init__(self, chosen: Kubeconfig) -> None:
        self._chosen = chosen
        self.trust: Trust | None = None
        self._found = _find_out(chosen)

    def files(self) -> Files:
        """Raises ConfigurationError."""
        chosen = self._chosen
        return Files(source(chosen.cluster, "certificate-authority", chosen.where), *self._pair())

    def read(self, refused: bool) -> str | None:
        """The Authorization header, as ``Credentials`` asks for it."""
        if refused:
            chosen = self._latest()
            self._found, self._chosen = _find_out(chosen), chosen
            if self.trust is not None:
                self.trust.follow(self.files())
        return self._header()

    def _latest(self) -> Kubeconfig:
        """The kubeconfig as it is now; as it was, if that is of no use: tokens' files may be, or plugins."""
        former = self._chosen
        if former.overridden:
            return former
        try:
            latest = read_kubeconfig(former.paths, former.context)
            if _aim(latest) != _aim(former):
                raise ConfigurationError(f"{latest.where}: now another server, or as somebody else; restart")
        except ConfigurationError as error:
            _log.warning("the kubeconfig of before stays in use: %s", error)
            return former
        return latest

    def _header(self) -> str | None:
        user = self._chosen.user
        if token := self._token():
            return token
        if user.get("username"):
            return basic(user["username"], user.get("password") or "")
        return self._found.header() if self._found is not None else None

    def _token(self) -> str | None:
        """Of the file, as it was last; the one beside it counts where there is none in the file."""
        path, token = self._chosen.user.get("tokenFile"), (self._chosen.user.get("token") or "").strip()
        said = f"Bearer {token}" if token else None
        if not path:
            return said
        try:
            return bearer_from_file(path)(False)
        except (OSError, ValueError) as error:
            if said is None:
                detail = getattr(error, "strerror", None) or str(error)
                raise ConfigurationError(f"{self._chosen.where}: tokenFile {path}: {detail}") from error
            return said

    def _pair(self) -> tuple[Source | None, Source | None]:
        user, where = self._chosen.user, self._chosen.where
        certificate = source(user, "client-certificate", where)
        if certificate is None and self._found is not None and self._found.pair is not None:
            return self._found.pair
        return certificate, source(user, "client-key", where)


class _Found:
    """Whom the official client finds out. It runs a plugin again once its token nears its end.

    What it leaves in files is read and deleted at once, and so is its memory of them, which all share: a
    plugin may give a certificate twice. ``pair``: a plugin's certificate and key.
    """

    def __init__(self, chosen: Kubeconfig) -> None:
        from kubernetes.client import Configuration  # noqa: PLC0415
        from kubernetes.config import load_kube_config_from_dict  # noqa: PLC0415

        self.pair: tuple[bytes, bytes] | None = None
        self._configuration, self._last = Configuration(), None
        with _alone:
            self._last = self._after(
                lambda: load_kube_config_from_dict(  # type: ignore[no-untyped-call]
                    chosen.document(_ONLY),
                    context=_ONLY,
                    client_configuration=self._configuration,
                    persist_config=False,
                )
            )

    def header(self) -> str | None:
        """The same as before while a plugin of another connection runs."""
        if _alone.acquire(blocking=False):
            try:
                self._last = self._after(lambda: None)
            finally:
                _alone.release()
        return self._last

    def _after(self, load: Callable[[], object]) -> str | None:
        from kubernetes.config.kube_config import _cleanup_temp_files  # noqa: PLC0415

        found = self._configuration
        try:
            load()
            setting = found.auth_settings().get("BearerToken")  # may run the plugin
            if found.cert_file and found.key_file and os.path.exists(found.cert_file):
                self.pair = Path(found.cert_file).read_bytes(), Path(found.key_file).read_bytes()
        finally:
            _cleanup_temp_files()  # type: ignore[no-untyped-call]
        return str(setting["value"]).strip() if setting and setting["value"] else None


def _find_out(chosen: Kubeconfig) -> _Found | None:
    """None where nobody has to be asked."""
    asked = next((x for x in ("exec", "auth-provider") if chosen.user.get(x) is not None), None)
    if asked is None or any(chosen.user.get(x) for x in _SAID):
        return None
    if asked == "exec" and not _command(chosen):
        raise ConfigurationError(f"{chosen.where}: exec has no command")
    try:
        found = _Found(chosen)
    except Exception as error:  # its own type, and whatever an odd file makes it stumble over
        raise ConfigurationError(f"{chosen.where}: {asked}: {one_line(str(error))}") from error
    if found.header() is None and found.pair is None:
        said = "auth-provider gave nothing; log in anew"
        if asked == "exec":
            said = f"the credential plugin {_command(chosen)!r} gave nothing; run it by hand"
        raise ConfigurationError(f"{chosen.where}: {said}")
    return found


def _aim(chosen: Kubeconfig) -> tuple[object, ...]:
    """Never changed while we run: what a token was made for, and how few rights are wanted."""
    return chosen.cluster["server"], chosen.impersonation


def _command(chosen: Kubeconfig) -> str:
    return str(chosen.user["exec"].get("command") or "")
