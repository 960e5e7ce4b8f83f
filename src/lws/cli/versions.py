"""``kubectl lws version``: of this program, of the API server, and of the manager.

The manager says its version by a label of its Deployment; an older one, or upstream's, by its image alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from rich.text import Text

from lws.cli.session import Output, Session
from lws.kube.errors import Forbidden, NotFound
from lws.kube.resources import DEPLOYMENTS
from lws.kube.selectors import equals
from lws.kube.version import server_version
from lws.version import VERSION

NAMESPACE: Final = "lws-system"
_LABEL: Final = "app.kubernetes.io/version"
_MANAGERS: Final = equals("control-plane", "controller-manager")


class ManagerVersion(Struct, rename="camel"):
    """``version``: empty where only the image says which one it is."""

    namespace: str
    name: str
    version: str
    image: str


class VersionView(Struct, rename="camel", omit_defaults=True):
    """``note``: why nothing is known of the manager."""

    client_version: str
    server_version: str = ""
    managers: list[ManagerVersion] = []
    note: str = ""


def managers_in(deployments: Sequence[Mapping[str, Any]]) -> list[ManagerVersion]:
    """What Deployments of the manager say; other controllers have the same label."""
    return [_manager(x) for x in deployments if _is_ours(x["metadata"].get("labels") or {})]


def _is_ours(labels: Mapping[str, str]) -> bool:
    """By the name that manifests and chart give; who overrides that one keeps the chart's."""
    return labels.get("app.kubernetes.io/name") == "lws" or labels.get("helm.sh/chart", "").startswith("lws-")


def _manager(deployment: Mapping[str, Any]) -> ManagerVersion:
    metadata = deployment["metadata"]
    containers = deployment["spec"]["template"]["spec"]["containers"]
    manager = next((x for x in containers if x["name"] == "manager"), containers[0])
    text = (metadata.get("labels") or {}).get(_LABEL, "")
    version = f"v{text.removeprefix('v')}" if text else ""
    return ManagerVersion(metadata["namespace"], metadata["name"], version, manager.get("image", ""))


def describe(session: Session) -> VersionView:
    server = server_version(session.client.connection)
    found, note = _managers(session)
    return VersionView(VERSION, server.text if server is not None else "", found, note)


def _managers(session: Session) -> tuple[list[ManagerVersion], str]:
    """Of all namespaces; for who may not list those, of the one that the manifests have."""
    for namespace in ("", NAMESPACE):
        try:
            found = session.client.list(DEPLOYMENTS, dict, namespace, label_selector=_MANAGERS)
        except Forbidden:
            continue
        except NotFound:
            break
        managers = managers_in(found)
        return managers, "" if managers else "no Deployment of it is in this cluster"
    return [], f"you may not list deployments in namespace {NAMESPACE}"


def draw(view: VersionView) -> Text:
    """As ``kubectl version``."""
    lines = [f"Client Version: {view.client_version}"]
    if view.server_version:
        lines.append(f"Server Version: {view.server_version}")
    for x in view.managers:
        told = x.version or f"not told, image {x.image}"
        lines.append(f"Manager Version: {told} ({x.namespace}/{x.name})")
    if view.note:
        lines.append(f"Manager Version: not known: {view.note}")
    return Text("\n".join(lines))


def run_all(session: Session, _: Any) -> int:
    """Asks the server."""
    view = describe(session)
    session.show(view, draw(view))
    return 0


def run_alone(output: Output) -> int:
    """Asks nobody."""
    view = VersionView(VERSION)
    output.show(view, draw(view))
    return 0
