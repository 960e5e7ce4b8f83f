"""Of what kind the members of a kubeconfig's entries are. Pure.

What YAML takes for a number or a truth value is refused, as kubectl does: ``token: 0123`` would be sent as
83, and ``insecure-skip-tls-verify: "false"`` would count as true.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lws.kube.errors import ConfigurationError

_KINDS: Mapping[str, Mapping[type, tuple[str, ...]]] = {
    "contexts": {str: ("cluster", "user", "namespace")},
    "clusters": {
        str: (
            "server",
            "certificate-authority",
            "certificate-authority-data",
            "tls-server-name",
            "proxy-url",
        ),
        bool: ("insecure-skip-tls-verify",),
    },
    "users": {
        str: (
            *("token", "tokenFile", "username", "password"),
            *("client-certificate", "client-certificate-data", "client-key", "client-key-data"),
        ),
        dict: ("exec", "auth-provider"),
    },
}
_WORDS = {str: "a string; put it in quotes", bool: "true or false, without quotes", dict: "a mapping"}


def check_kinds(section: str, entry: Mapping[str, Any], where: str) -> None:
    """Raises ConfigurationError, which begins with ``where`` and holds no value: it may be a secret."""
    for kind, names in _KINDS[section].items():
        for name in names:
            if not isinstance(entry.get(name), kind) and entry.get(name) is not None:
                raise ConfigurationError(f"{where}: {name} must be {_WORDS[kind]}")
