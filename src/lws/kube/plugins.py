"""Credential plugins: programs that a kubeconfig names, which print who we are.

The protocol is client.authentication.k8s.io/v1 and v1beta1, as kubectl speaks it. Nothing is kept here.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from lws.kube.errors import ConfigurationError, one_line
from lws.kube.kubeconfig import Kubeconfig

INFO: Final = "KUBERNETES_EXEC_INFO"
KIND: Final = "ExecCredential"
EXTENSION: Final = "client.authentication.k8s.io/exec"  # what a cluster entry holds for plugins
CLUSTER_MEMBERS: Final = (
    "server",
    "tls-server-name",
    "insecure-skip-tls-verify",
    "certificate-authority-data",
    "proxy-url",
    "disable-compression",
)

_log = logging.getLogger(__name__)


class Given(NamedTuple):
    """What a plugin gave: a token, a certificate with its key (PEM), or all; ``expires``: since 1970."""

    token: str | None = None
    certificate: str | None = None
    key: str | None = None
    expires: float | None = None


def run_plugin(chosen: Kubeconfig, where: str) -> Given:
    """Run the user's plugin. Raises ConfigurationError, one line; what the plugin complains of is logged."""
    plugin = chosen.user["exec"]
    if not isinstance(plugin, Mapping) or not plugin.get("command") or not plugin.get("apiVersion"):
        raise ConfigurationError(f"{where}: exec needs the members command and apiVersion")
    command = str(plugin["command"])
    nothing = f"{where}: the credential plugin {command!r} gave nothing"
    try:
        said = _say(plugin, _program(command, chosen.user_base), chosen)
    except OSError as error:
        _log.error("credential plugin %s: %s", command, error.strerror)
        hint = one_line(str(plugin.get("installHint") or "run it by hand"))
        raise ConfigurationError(f"{nothing}; {hint}") from error
    if said.returncode:
        _log.error("credential plugin %s: code %s: %s", command, said.returncode, one_line(said.stderr or ""))
        raise ConfigurationError(f"{nothing}; run it by hand")
    try:
        return _given(said.stdout, str(plugin["apiVersion"]))
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{nothing} that can be used: {one_line(str(error))}") from error


def _program(command: str, base: Path) -> str:
    """With a slash in it, it is a path, relative to the file that names it; else one on the PATH."""
    return str(base / command) if os.sep in command else command


def _say(plugin: Mapping[str, Any], program: str, chosen: Kubeconfig) -> subprocess.CompletedProcess[str]:
    mode = plugin.get("interactiveMode") or "IfAvailable"
    interactive = mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = _cluster_info(chosen)
    info = {"apiVersion": plugin["apiVersion"], "kind": KIND, "spec": spec}
    variables = {str(x["name"]): str(x["value"]) for x in plugin.get("env") or ()}
    return subprocess.run(
        [program, *map(str, plugin.get("args") or ())],
        stdin=None if interactive else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if interactive else subprocess.PIPE,
        env={**os.environ, **variables, INFO: json.dumps(info)},
        text=True,
        check=False,
    )


def _cluster_info(chosen: Kubeconfig) -> dict[str, Any]:
    """For plugins that ask for it; a certificate authority in a file becomes data, as with kubectl."""
    cluster = chosen.cluster
    info = {name: cluster[name] for name in CLUSTER_MEMBERS if cluster.get(name)}
    authority = cluster.get("certificate-authority")
    if authority and "certificate-authority-data" not in info:
        content = (chosen.cluster_base / str(authority)).read_bytes()
        info["certificate-authority-data"] = base64.b64encode(content).decode()
    for extension in cluster.get("extensions") or ():
        if extension.get("name") == EXTENSION:
            info["config"] = extension.get("extension")
    return info


def _given(text: str, version: str) -> Given:
    """Raises ValueError, TypeError or AttributeError for anything but an ExecCredential with a login."""
    document = json.loads(text)
    if document.get("kind") != KIND or document.get("apiVersion") != version:
        raise ValueError(f"it is no {KIND} of {version}")
    status = document.get("status") or {}
    token, certificate = status.get("token"), status.get("clientCertificateData")
    key, until = status.get("clientKeyData"), status.get("expirationTimestamp")
    if not token and not certificate:
        raise ValueError("neither status.token nor status.clientCertificateData is there")
    if bool(certificate) != bool(key):
        raise ValueError("of status.clientCertificateData and status.clientKeyData one is missing")
    expires = datetime.fromisoformat(until.replace("Z", "+00:00")).timestamp() if until else None
    return Given(token or None, certificate or None, key or None, expires)
