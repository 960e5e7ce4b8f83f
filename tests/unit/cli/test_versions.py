"""``version``: what is said of the server and of the manager, and what where nobody may look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from support.apiserver import ApiServer, json_answer, status_answer

from hack.controlplane.layout import ROOT
from lws import __version__
from lws.version import VERSION

Run = Callable[..., int]
LABEL = "app.kubernetes.io/version"
EVERYWHERE, OURS = "/apis/apps/v1/deployments", "/apis/apps/v1/namespaces/lws-system/deployments"


OURS_BY_NAME = {"app.kubernetes.io/name": "lws"}


def deployment(labels: dict[str, str]) -> dict[str, Any]:
    containers = [{"name": "proxy", "image": "p"}, {"name": "manager", "image": "registry/lws:v1"}]
    return {
        "metadata": {"name": "lws-controller-manager", "namespace": "lws-system", "labels": labels},
        "spec": {"template": {"spec": {"containers": containers}}},
    }


@pytest.mark.parametrize(
    ("path", "found", "told"),
    [
        (EVERYWHERE, [deployment({**OURS_BY_NAME, LABEL: "0.2.0"})], "v0.2.0 (lws-system/lws-"),
        (OURS, [deployment({"helm.sh/chart": "lws-0.2.0", LABEL: "v0.2.0"})], "v0.2.0 (lws-system/lws-"),
        (
            EVERYWHERE,
            [deployment(OURS_BY_NAME), deployment({LABEL: "0.9"})],
            "not told, image registry/lws:v1 (lws-system/lws-",
        ),
        (EVERYWHERE, [], "not known: no Deployment of it is in this cluster"),
        ("", [], "not known: you may not list deployments in namespace lws-system"),
    ],
    ids=["labelled", "one namespace only", "by its image", "none", "no rights"],
)
def test_versions(
    server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str], *, path: str, found: list[Any], told: str
) -> None:
    server.on("GET", "/version", json_answer({"gitVersion": "v1.36.3"}))
    for one in (EVERYWHERE, OURS):
        refused = status_answer(403, reason="Forbidden")
        server.on("GET", one, json_answer({"items": found}) if one == path else refused)
    assert run("version") == 0
    client, api, manager = capsys.readouterr().out.splitlines()
    assert (client, api) == (f"Client Version: {VERSION}", "Server Version: v1.36.3")
    assert manager.startswith(f"Manager Version: {told}")


def test_of_the_client_nobody_is_asked(
    server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("version", "--client") == 0
    assert capsys.readouterr().out == f"Client Version: {VERSION}\n"
    assert not server.requests


def test_the_manifests_say_the_version() -> None:
    manifest = yaml.safe_load((ROOT / "manifests/manager/deployment.yaml").read_text())
    assert manifest["metadata"]["labels"][LABEL] == __version__
