"""Where the tests' ``helm`` comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from hack.controlplane import binaries
from hack.controlplane.layout import ClusterError
from hack.tools.helm import binary

MODULE = "require (\n\thelm.sh/helm/v3 v3.21.4 // indirect\n\tk8s.io/client-go v0.36.3 // indirect\n)\n"


def silent(_line: str) -> None:
    return None


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Replaces the build by one that makes an empty program; lists where it was called for."""
    calls: list[Path] = []

    def build(directory: Path, _say: binary.Say) -> None:
        calls.append(directory)
        (directory / "helm").touch(mode=0o755)

    monkeypatch.setattr(binary, "_build", build)
    return calls


def test_a_build_happens_once_and_leaves_the_control_plane_alone(tmp_path: Path, builds: list[Path]) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    found = binary.locate(say=silent, environ=environ)
    assert binary.locate(say=silent, environ=environ) == found
    assert len(builds) == 1
    assert found.parent.parent == binaries.cache_root(environ)
    assert found.parent != binaries.cache_directory(environ)


def test_assets_that_hold_one_are_used(tmp_path: Path, builds: list[Path]) -> None:
    (tmp_path / "helm").touch(mode=0o755)
    environ = {"KUBEBUILDER_ASSETS": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert binary.locate(say=silent, environ=environ) == tmp_path / "helm"
    assert builds == []


def test_helm_knows_its_version_and_that_of_kubernetes() -> None:
    flags = binary.linker_flags(MODULE)
    assert "internal/version.version=v3.21.4" in flags
    assert "pkg/chartutil.k8sVersionMinor=36" in flags
    assert "pkg/lint/rules.k8sVersionMinor=36" in flags


def test_a_module_without_helm_is_an_error() -> None:
    with pytest.raises(ClusterError, match="restore it from git"):
        binary.linker_flags("module x\n")


def test_the_module_of_the_project_is_complete() -> None:
    assert "k8sVersionMinor" in binary.linker_flags((binary.MODULE / "go.mod").read_text())
