"""Reading kubeconfig files far enough to say in one line what is wrong with them.

Everything a user can get wrong is found here first and named by its field. No secrets are kept and nothing
is sent.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lws.documents import Unreadable, read_documents
from lws.kube.errors import ConfigurationError, one_line
from lws.kube.fields import check_kinds
from lws.kube.impersonation import Headers, impersonation
from lws.kube.overrides import NOTHING, Entry, Overrides, absolute
from lws.kube.proxies import proxy_url, server_url

SECTIONS = {"contexts": "context", "clusters": "cluster", "users": "user"}


class Kubeconfig(NamedTuple):
    """The chosen entries, with absolute paths. ``paths``: as given, several joined by ``os.pathsep``."""

    paths: str
    context: str
    cluster: Mapping[str, Any]
    user: Mapping[str, Any]
    namespace: str = ""  # the context's own, empty where it names none
    impersonation: Headers = ()  # as whom requests are made, when not as the user itself
    overridden: bool = False  # the entries are not as the files have them

    @property
    def where(self) -> str:
        """What errors begin with."""
        return f"kubeconfig {self.paths}, context {self.context!r}" if self.paths else "command line"

    def document(self, name: str) -> dict[str, Any]:
        """A kubeconfig of these entries alone, all called ``name``, without the client's certificate."""
        user = {x: value for x, value in self.user.items() if not x.startswith("client-")}
        return {
            "current-context": name,
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "clusters": [{"name": name, "cluster": _filled(self.cluster)}],
            "users": [{"name": name, "user": _filled(user)}],
        }


class _Merged(NamedTuple):
    """All files together; of entries with one name the first counts, as kubectl has it."""

    entries: dict[str, dict[str, tuple[dict[str, Any], Path]]]
    current_context: str


def read_kubeconfig(paths: str, context: str | None = None, overrides: Overrides = NOTHING) -> Kubeconfig:
    """Read and check. Raises ConfigurationError, one line with the cause and the choices there are."""
    where = f"kubeconfig {paths}"
    merged = _merge(paths)
    name = context or merged.current_context
    if not name and not overrides.server:
        raise ConfigurationError(f"{where}: no current-context is set; {_choices(merged, 'contexts')}")
    chosen = _entry(merged, "contexts", name, where)[0] if name else {}
    cluster_name = overrides.cluster or str(chosen.get("cluster") or "")
    user_name = overrides.user or str(chosen.get("user") or "")
    named = f"{where}, context {name!r}"
    # A server that is given needs no entry of the kubeconfig; what its entry says of trust holds.
    nowhere: tuple[Entry, Path] = ({}, Path())
    wanted = cluster_name or not overrides.server
    cluster, cluster_base = _entry(merged, "clusters", cluster_name, named) if wanted else nowhere
    user, base = _entry(merged, "users", user_name, named) if user_name else nowhere
    cluster = overrides.of_cluster(absolute(cluster, str(cluster_base)))
    user = overrides.of_user(absolute(user, str(base)))
    cluster = _checked_cluster(cluster, f"{where}, cluster {cluster_name!r}")
    acting = impersonation(user, f"{where}, user {user_name!r}")
    namespace = str(chosen.get("namespace") or "")
    return Kubeconfig(paths, name, cluster, user, namespace, acting, overrides != NOTHING)


def without_file(cluster: Entry, user: Entry, overrides: Overrides) -> Kubeconfig:
    """What a command line says where there is no kubeconfig. Raises ConfigurationError."""
    cluster, user = overrides.of_cluster(cluster), overrides.of_user(user)
    cluster = _checked_cluster(cluster, "command line")
    acting = impersonation(user, "command line")
    return Kubeconfig("", "", cluster, user, "", acting, True)


def names_in(paths: str, section: str) -> list[str]:
    """The contexts, clusters or users there are. Raises ConfigurationError."""
    return sorted(_merge(paths).entries[section])


def _merge(paths: str) -> _Merged:
    merged = _Merged({section: {} for section in SECTIONS}, "")
    for path, document in _documents(paths):
        for section, member in SECTIONS.items():
            for name, entry in _named(document, section, member, path):
                merged.entries[section].setdefault(name, (entry, path.parent.resolve()))
        merged = merged._replace(
            current_context=merged.current_context or str(document.get("current-context") or "")
        )
    return merged


def _documents(paths: str) -> list[tuple[Path, dict[str, Any]]]:
    """Of several files some may be missing or empty, as kubectl has it."""
    files = [Path(os.path.expanduser(path)) for path in paths.split(os.pathsep) if path]
    there = [(path, text) for path in files if (text := _text(path)) is not None]
    if not there:
        raise ConfigurationError(f"kubeconfig {paths} does not exist; give --kubeconfig or set KUBECONFIG")
    written = [(path, text) for path, text in there if text.strip()] or there
    return [(path, _parsed(path, text)) for path, text in written]


def _text(path: Path) -> str | None:
    """None where there is no such file."""
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError(f"kubeconfig {path} cannot be read: {error.strerror}") from error
    except UnicodeError as error:
        raise ConfigurationError(f"kubeconfig {path} is not YAML: {one_line(str(error))}") from error


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        documents = read_documents(text)
    except Unreadable as error:
        raise ConfigurationError(f"kubeconfig {path} is not YAML: {error}") from error
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ConfigurationError(f"kubeconfig {path}: no mapping with clusters, contexts and users in it")
    return documents[0]


def _named(
    document: dict[str, Any], section: str, member: str, path: Path
) -> list[tuple[str, dict[str, Any]]]:
    entries = document.get(section) or []
    named = []
    for entry in entries if isinstance(entries, list) else [None]:
        value = entry.get(member) if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or "name" not in entry or not isinstance(value or {}, dict):
            raise ConfigurationError(f"kubeconfig {path}: {section} is not a list of name and {member}")
        named.append((str(entry["name"]), value or {}))
    return named


def _entry(merged: _Merged, section: str, name: str, where: str) -> tuple[dict[str, Any], Path]:
    found = merged.entries[section].get(name)
    if found is None:
        raise ConfigurationError(
            f"{where}: there is no {SECTIONS[section]} {name!r}; {_choices(merged, section)}"
        )
    check_kinds(section, found[0], f"{where}, {SECTIONS[section]} {name!r}")
    return found


def _choices(merged: _Merged, section: str) -> str:
    names = ", ".join(sorted(merged.entries[section]))
    return f"{section} in it: {names or 'none'}"


def _checked_cluster(cluster: Entry, where: str) -> Entry:
    """With its URLs as they are used."""
    server, proxy = str(cluster.get("server") or ""), cluster.get("proxy-url")
    authority = cluster.get("certificate-authority-data") or cluster.get("certificate-authority")
    if cluster.get("insecure-skip-tls-verify") and authority:
        raise ConfigurationError(
            f"{where}: insecure-skip-tls-verify leaves no use for a certificate authority"
        )
    urls = {"server": server_url(server, where)}
    if proxy:
        urls["proxy-url"] = proxy_url(proxy, f"{where}: proxy-url")
    return {**cluster, **urls}


def _filled(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: x for name, x in entry.items() if x not in (None, "")}
