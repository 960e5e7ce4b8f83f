"""What the entries of a kubeconfig, or a pod's service account, come to: a server, its authority, a login.

As kubectl reads them: data before files, and of the ways to log in a token before a plugin before a password.
"""

from __future__ import annotations

import atexit
import base64
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from lws.kube.errors import ConfigurationError
from lws.kube.kubeconfig import Kubeconfig
from lws.kube.plugins import Given, run_plugin
from lws.kube.trust import Files


class Access(NamedTuple):
    """One API server and who we are there.

    ``header``: of Authorization, None for nobody; ``expires``: when it does, seconds since 1970, None if that
    is not known. ``server_name``: whose certificate it must show, when not the host's.
    """

    host: str
    files: Files = Files()
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = None
    header: str | None = None
    expires: float | None = None


class Store:
    """Certificates and keys that come as data, as files of a directory that goes with the process.

    The same content is the same file, so that nothing changes where a login is renewed by itself.
    """

    def __init__(self) -> None:
        self._directory: Path | None = None

    def keep(self, content: bytes) -> str:
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="lws-"))
            atexit.register(shutil.rmtree, self._directory, ignore_errors=True)
        path = self._directory / hashlib.sha256(content).hexdigest()
        if not path.exists():
            self._directory.mkdir(mode=0o700, exist_ok=True)  # something may sweep the temporary directory
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        return str(path)

    def discard(self, former: Files, files: Files) -> None:
        """Delete what is used no more and is ours: a plugin may give hundreds of keys a day."""
        for path in {former.certificate, former.key} - set(files):
            if path is not None and Path(path).parent == self._directory:
                Path(path).unlink(missing_ok=True)


def kubeconfig_access(chosen: Kubeconfig, store: Store) -> Access:
    """Runs the credential plugin, if that is the way. Raises ConfigurationError, one line."""
    where = f"kubeconfig {chosen.paths}, context {chosen.context!r}"
    cluster, user = chosen.cluster, chosen.user
    given = _login(chosen, where)
    host = str(cluster["server"]).rstrip("/")
    files = Files()
    if host.startswith("https://"):
        files = Files(
            _file(cluster, "certificate-authority", chosen.cluster_base, where, store),
            _file(user, "client-certificate", chosen.user_base, where, store),
            _file(user, "client-key", chosen.user_base, where, store),
        )
        if given.certificate is not None and given.key is not None:
            pair = (store.keep(given.certificate.encode()), store.keep(given.key.encode()))
            files = Files(files.authority, *pair)
    return Access(
        host=host,
        files=files,
        verify=not cluster.get("insecure-skip-tls-verify"),
        server_name=cluster.get("tls-server-name") or None,
        proxy=cluster.get("proxy-url") or None,
        header=given.token,
        expires=given.expires,
    )


def _login(chosen: Kubeconfig, where: str) -> Given:
    """``token`` is the whole header."""
    user = chosen.user
    if user.get("token"):
        return Given(f"Bearer {str(user['token']).strip()}")
    if chosen.token_file is not None:
        return Given()  # read again and again, by others
    if "exec" in user:
        given = run_plugin(chosen, where)
        return given._replace(token=f"Bearer {given.token.strip()}") if given.token else given
    if "auth-provider" in user:
        return _provided(user["auth-provider"], where)
    if user.get("username") and "password" in user:
        pair = f"{user['username']}:{user['password']}"
        return Given(f"Basic {base64.b64encode(pair.encode()).decode()}")
    return Given()


def _provided(provider: Any, where: str) -> Given:
    """The token that kubectl keeps in the file for ``oidc``. Others are gone from kubectl as well."""
    name = provider.get("name") if isinstance(provider, Mapping) else None
    if name != "oidc":
        raise ConfigurationError(
            f"{where}: auth-provider {name!r} is no longer a way to log in, with kubectl either; "
            "use its credential plugin (exec)"
        )
    token = str((provider.get("config") or {}).get("id-token") or "")
    if not token:
        raise ConfigurationError(f"{where}: auth-provider 'oidc' has no id-token; log in with its program")
    return Given(f"Bearer {token}", expires=_expiry(token))


def _expiry(token: str) -> float | None:
    """The ``exp`` of a JSON Web Token, or None where it has none that can be read."""
    try:
        claims = token.split(".")[1]
        until = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"]
        return float(until)
    except (ValueError, LookupError, TypeError):
        return None


def _file(entry: Mapping[str, Any], member: str, base: Path, where: str, store: Store) -> str | None:
    """The path to what ``member`` names, or to what its data are. None: neither is there."""
    data: Final = entry.get(f"{member}-data")
    if data:
        try:
            return store.keep(base64.b64decode(str(data), validate=True))
        except ValueError as error:
            raise ConfigurationError(f"{where}: {member}-data is not base64") from error
    if not entry.get(member):
        return None
    path = Path(os.path.normpath(base / str(entry[member])))
    if not path.is_file():
        raise ConfigurationError(f"{where}: File does not exist: {path}")
    return str(path)
