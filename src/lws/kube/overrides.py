"""What a command line says in place of a kubeconfig's entries, as kubectl's flags do.

Pure: entries in, entries out. Files are named, not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from os.path import abspath
from typing import Any, NamedTuple

Entry = dict[str, Any]

_AUTHORITIES = ("certificate-authority", "certificate-authority-data")
_CERTIFICATES = ("client-certificate", "client-certificate-data", "client-key", "client-key-data")
_TOKENS = ("token", "tokenFile", "exec", "auth-provider", "username", "password")


class Overrides(NamedTuple):
    """Empty: as the kubeconfig has it. ``cluster`` and ``user`` name entries of it; where there is none, a
    ``server`` is enough. ``acting_as``, ``acting_uid``, ``acting_groups``: whom to impersonate.
    """

    cluster: str = ""
    user: str = ""
    server: str = ""
    certificate_authority: str = ""
    insecure: bool = False
    tls_server_name: str = ""
    token: str = ""
    client_certificate: str = ""
    client_key: str = ""
    acting_as: str = ""
    acting_uid: str = ""
    acting_groups: tuple[str, ...] = ()

    def of_cluster(self, entry: Mapping[str, Any]) -> Entry:
        """Another server has another name in its certificate, and by default the same authority."""
        changed = dict(entry)
        if self.certificate_authority:
            changed = _without(changed, (*_AUTHORITIES, "insecure-skip-tls-verify"))
        if self.insecure:
            changed = {**_without(changed, _AUTHORITIES), "insecure-skip-tls-verify": True}
        if self.server:
            changed = _without(changed, ("tls-server-name",))
        changed = _with(changed, **{"certificate-authority": _path(self.certificate_authority)})
        secure = any(changed.get(x) for x in (*_AUTHORITIES, "insecure-skip-tls-verify"))
        return _with(changed, server=_url(self.server, secure), **{"tls-server-name": self.tls_server_name})

    def of_user(self, entry: Mapping[str, Any]) -> Entry:
        """A token, or a certificate, takes the place of all that the entry would log in with: who gives one
        wants to be nobody else, and the server would believe another certificate before a token.
        """
        kept = dict(entry)
        if self.token or self.client_certificate:
            kept = _without(entry, (*_TOKENS, *_CERTIFICATES))
        if self.client_key:
            kept = _without(kept, _CERTIFICATES[2:])
        given = {"token": self.token, "as": self.acting_as, "as-uid": self.acting_uid}
        files = {
            "client-certificate": _path(self.client_certificate),
            "client-key": _path(self.client_key),
        }
        changed = _with(kept, **given | files)
        return _with(changed, **{"as-groups": list(self.acting_groups)})


NOTHING = Overrides()


def _url(server: str, secure: bool) -> str:
    """An address without a scheme is one of TLS where anything is said about that; to kubectl it never is."""
    scheme = "https" if secure else "http"
    return server if not server or "://" in server else f"{scheme}://{server}"


def absolute(entry: Mapping[str, Any], base: str) -> Entry:
    """Relative paths in an entry are relative to its kubeconfig, ``base``; that of a plugin, too."""
    paths = {x: entry[x] for x in (_AUTHORITIES[0], *_CERTIFICATES[::2], "tokenFile") if entry.get(x)}
    changed = {**entry, **{name: _from(base, x) for name, x in paths.items()}}
    plugin = entry.get("exec") or {}
    if "/" in (command := str(plugin.get("command") or "")):
        changed["exec"] = {**plugin, "command": _from(base, command)}
    return changed


def _from(base: str, path: str) -> str:
    return path if path.startswith("/") else abspath(f"{base}/{path}")


def _with(entry: Mapping[str, Any], **given: Any) -> Entry:
    return {**entry, **{name: x for name, x in given.items() if x}}


def _without(entry: Mapping[str, Any], names: tuple[str, ...]) -> Entry:
    return {name: x for name, x in entry.items() if name not in names}


def _path(given: str) -> str:
    return abspath(given) if given else ""
