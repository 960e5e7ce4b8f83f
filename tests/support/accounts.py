"""Acting as the ServiceAccount of the manager: with the rights of ``manifests/rbac`` and no other."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from hack.controlplane import binaries
from lws.kube.client import Client
from support.cluster import ROOT, Cluster
from support.namespaces import SERVICE_ACCOUNTS
from support.rights import ACCOUNT, NAMESPACE

TOKEN_SECONDS = 24 * 3600
RIGHTS = ("default/namespace.yaml", "rbac", "volcano/role.yaml")


@cache
def kubectl() -> str:
    """The path of the one that belongs to the control plane."""
    return str(binaries.locate(say=print)["kubectl"])


def run_kubectl(cluster: Cluster, *arguments: str, text: str = "") -> str:
    """What it prints; AssertionError with what it says when it fails. ``text`` is its standard input."""
    done = subprocess.run(
        [kubectl(), f"--kubeconfig={cluster.kubeconfig}", *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def grant(cluster: Cluster, manifests: Sequence[str] = RIGHTS) -> None:
    """Apply the ServiceAccount and its roles, those for gang scheduling among them."""
    for name in manifests:
        path = ROOT / "manifests" / name
        run_kubectl(
            cluster, "apply", "--server-side", "--force-conflicts", "-k" if path.is_dir() else "-f", str(path)
        )


def token_of(client: Client, namespace: str = NAMESPACE, account: str = ACCOUNT) -> str:
    """A bearer token that outlives the run."""
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": TOKEN_SECONDS},
    }
    path = SERVICE_ACCOUNTS.path(namespace, account, "token")
    answer = client.connection.request("POST", path, body=msgspec.json.encode(request))
    return str(msgspec.json.decode(answer)["status"]["token"])


def account_kubeconfig(cluster: Cluster, path: Path) -> Path:
    """Write a kubeconfig of the manager's ServiceAccount, which must exist, to ``path``."""
    document: dict[str, Any] = yaml.safe_load(cluster.kubeconfig.read_text())
    token = token_of(cluster.client)
    document["users"] = [{"name": x["name"], "user": {"token": token}} for x in document["users"]]
    path.write_text(yaml.safe_dump(document))
    return path


def token_id(kubeconfig: Path) -> str:
    """As the audit log has it, from the payload of the token in the file."""
    token: str = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"]
    payload = token.split(".")[1]
    return f"JTI={json.loads(base64.urlsafe_b64decode(payload + '=='))['jti']}"
