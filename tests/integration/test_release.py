"""``make release``: the same bytes each time, and everything in it works.

The image's root file system runs in bubblewrap as its user, read-only, as the Deployment's one replica on the
real control plane. Only the machine's own architecture can run; of the other, files are looked at.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.accounts import run_kubectl
from support.cluster import ROOT, Cluster, running_cluster
from support.installation import FLAGS, Installation
from support.namespaces import make_namespace
from support.ociimage import Layout
from support.podgroups import apply_crd
from support.sets import Sets
from support.wholeness import await_whole

from hack.release.image import ARCHITECTURES, native_architecture
from lws import __version__
from lws.kube.resources import PODS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

USER = "65532"
MEGABYTE = 1_000_000
ELF_MACHINES = {"amd64": 62, "arm64": 183}  # of /usr/include/elf.h


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two, made one after the other in different directories, with other umasks and hash seeds."""
    for tool in ("mmdebstrap", "bwrap", "dpkg-deb"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed, which makes the image")
    first, second = (tmp_path_factory.mktemp(name) / "dist" for name in ("one", "two"))
    for directory, seed, umask in ((first, "1", 0o022), (second, "2", 0o077)):
        command = [sys.executable, "-m", "hack.release", "--dirty", "--output", str(directory)]
        subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT / 'src'}", "TZ": f"UTC{seed}"},
            umask=umask,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return first, second


@pytest.fixture(scope="module")
def dist(releases: tuple[Path, Path]) -> Path:
    return releases[0]


@pytest.fixture(scope="module")
def layout(dist: Path) -> Layout:
    return Layout.read(dist / f"lws-{__version__}-image.tar")


@pytest.fixture(scope="module")
def root(layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's root file system."""
    directory = tmp_path_factory.mktemp("image") / "root"
    assert layout.unpack(native_architecture(), directory) <= 120 * MEGABYTE
    return directory


def test_the_same_bytes_again(releases: tuple[Path, Path]) -> None:
    digests = [
        {x.name: hashlib.sha256(x.read_bytes()).hexdigest() for x in each.iterdir()} for each in releases
    ]
    assert digests[0] == digests[1]


def test_the_sums_are_right_and_of_everything(dist: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=dist, check=True)
    summed = {x.split()[1] for x in (dist / "SHA256SUMS").read_text().splitlines()}
    assert {x.name for x in dist.iterdir()} - summed == {"SHA256SUMS", "RELEASE_NOTES.md"}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_program_and_library_is_of_the_architecture(
    layout: Layout, tmp_path: Path, architecture: str
) -> None:
    assert layout.unpack(architecture, tmp_path / "root") <= 120 * MEGABYTE
    headers = [
        path.read_bytes()[:20]
        for path in (tmp_path / "root").rglob("*")
        if path.is_file() and not path.is_symlink() and path.stat().st_size > 20
    ]
    machines = {int.from_bytes(x[18:20], "little") for x in headers if x.startswith(b"\x7fELF")}
    assert machines == {ELF_MACHINES[architecture]}
    config = layout.config(architecture)
    assert (config["architecture"], config["config"]["User"]) == (architecture, f"{USER}:{USER}")


def confined(root: Path, layout: Layout, *mounts: str | Path, network: bool = False) -> list[str]:
    """The image as its runtime would run it: its user, its variables, nothing to be written."""
    config = layout.config(native_architecture())["config"]
    variables = [x.split("=", 1) for x in config["Env"]]
    return [
        *("bwrap", "--unshare-all", "--die-with-parent", "--uid", USER, "--gid", USER, "--cap-drop", "ALL"),
        *(["--share-net"] if network else []),
        *("--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),
        *map(str, mounts),
        *(word for name, value in variables for word in ("--setenv", name, value)),
    ]


def test_the_image_can_import_everything_and_write_nothing(root: Path, layout: Layout) -> None:
    walk = (
        "import importlib, os, pkgutil, lws\n"
        "for module in pkgutil.walk_packages(lws.__path__, 'lws.'):\n"
        "    if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
        "assert not any(os.access(x, os.W_OK) for x in ('/', '/opt/lws', '/usr', '/etc'))\n"
        "print(os.getuid(), importlib.util.find_spec('lws.cli'))"
    )
    done = subprocess.run(
        [*confined(root, layout), "python", "-c", walk], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == (f"{USER} None", "")


def test_all_bytecode_is_there(root: Path, layout: Layout) -> None:
    """A read-only root would have everything compiled anew at each start."""
    walk = (
        "import os, sys, lws.app\n"
        "cached = [getattr(x, '__cached__', None) for x in sys.modules.values()]\n"
        "print([x for x in cached if x and not os.path.exists(x)])"
    )
    done = subprocess.run(
        [*confined(root, layout), "python", "-c", walk], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def own_cluster(tmp_path_factory: pytest.TempPathFactory, dist: Path) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("clusters") / "own", "--nodes=2", *FLAGS) as cluster:
        apply_crd(cluster.client)
        yield cluster


def test_the_image_runs_a_set(own_cluster: Cluster, root: Path, layout: Layout, tmp_path: Path) -> None:
    def python(directory: Path, kubeconfig: Path) -> list[str]:
        mounts = ("--bind", directory, directory, "--ro-bind", kubeconfig, kubeconfig)
        return [*confined(root, layout, *mounts, network=True), "python"]

    installation = Installation(own_cluster, tmp_path, python=python)
    try:
        installation.scale(1)
        sets = Sets(own_cluster.client, make_namespace(own_cluster.client))
        lws = sets.create(replicas=2, size=2)
        await_whole(lws)
    finally:
        installation.close()
    pods = own_cluster.client.list(PODS, dict, sets.namespace)
    variables = {x["name"] for x in pods[0]["spec"]["containers"][0]["env"]}
    assert "LWS_LEADER_ADDRESS" in variables


def test_the_one_file_is_what_the_api_server_takes(own_cluster: Cluster, dist: Path, layout: Layout) -> None:
    documents = list(yaml.load_all((dist / "install.yaml").read_bytes(), yaml.CSafeLoader))
    images = [
        container["image"]
        for x in documents
        if x["kind"] == "Deployment"
        for container in x["spec"]["template"]["spec"]["containers"]
    ]
    assert images == [f"localhost/lws-python@{layout.digest}"]
    applied = run_kubectl(
        own_cluster, "apply", "--server-side", "--force-conflicts", "-f", str(dist / "install.yaml")
    )
    assert len(applied.splitlines()) == len(documents)


def test_the_chart_names_the_image(dist: Path, layout: Layout) -> None:
    with tarfile.open(dist / f"lws-{__version__}.tgz") as chart:
        values = yaml.safe_load(chart.extractfile("lws/values.yaml").read())  # type: ignore[union-attr]
        assert "lws/README.md" in chart.getnames()
    manager = values["image"]["manager"]
    assert (manager["repository"], manager["digest"]) == ("localhost/lws-python", layout.digest)


def test_the_sbom_names_wheels_and_debian_packages(dist: Path) -> None:
    document = json.loads((dist / f"lws-{__version__}.cdx.json").read_bytes())
    purls = [x["purl"] for x in document["components"]]
    assert any(x.startswith("pkg:pypi/msgspec@") for x in purls)
    for architecture in ARCHITECTURES:
        assert any(x.startswith("pkg:deb/debian/libc6@") and f"arch={architecture}" in x for x in purls)
    assert len(purls) == len(set(purls))


def test_no_file_is_in_both_distributions(dist: Path) -> None:
    plugin, manager = (
        {x for x in zipfile.ZipFile(wheel).namelist() if "dist-info" not in x}
        for wheel in sorted(dist.glob("*.whl"))
    )
    assert not plugin & manager
    below = {f"lws/{x.relative_to(ROOT / 'src/lws')}" for x in (ROOT / "src/lws").rglob("*.py")}
    assert below <= plugin | manager


def test_both_distributions_install_and_start(dist: Path, tmp_path: Path) -> None:
    """Without what they need, which the lock files have: this looks at the wheels alone."""
    target = tmp_path / "site"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--target",
        str(target),
    ]
    subprocess.run([*pip, *map(str, dist.glob("*.whl"))], check=True)
    programs = (("kubectl-lws", "--help"), ("kubectl_complete-lws", "tr"), ("lws-manager", "--version"))
    for program, flag in programs:
        done = subprocess.run(
            [target / "bin" / program, flag],
            env=os.environ | {"PYTHONPATH": str(target)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


class TestPluginInOneFile:
    @pytest.fixture
    def program(self, dist: Path, tmp_path: Path) -> list[str]:
        """With a cache of its own, and nothing that is installed here."""
        (tmp_path / "cache").mkdir()
        cache = f"XDG_CACHE_HOME={tmp_path / 'cache'}"
        return ["env", "-i", cache, sys.executable, "-I", str(dist / "kubectl-lws")]

    def test_is_small_and_quick(self, dist: Path, program: list[str]) -> None:
        assert (dist / "kubectl-lws").stat().st_size <= 5 * MEGABYTE
        seconds = []
        for _ in range(5):
            began = time.monotonic()
            done = subprocess.run([*program, "--help"], capture_output=True, text=True, check=True)
            seconds.append(time.monotonic() - began)
            assert done.stdout.startswith("kubectl lws looks at")
        assert min(seconds) <= 0.25, seconds

    def test_completes_under_the_name_that_kubectl_looks_for(
        self, dist: Path, program: list[str], tmp_path: Path
    ) -> None:
        link = tmp_path / "kubectl_complete-lws"
        link.symlink_to(dist / "kubectl-lws")
        done = subprocess.run([*program[:-1], str(link), "st"], capture_output=True, text=True, check=True)
        assert [x.split("\t")[0] for x in done.stdout.splitlines()] == ["status", ":4"]

    def test_reaches_a_cluster(self, own_cluster: Cluster, program: list[str]) -> None:
        done = subprocess.run(
            [*program, "tree", "--kubeconfig", str(own_cluster.kubeconfig), "-n", "no-such"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")

    def test_works_where_nothing_can_be_kept(self, dist: Path, tmp_path: Path) -> None:
        no_directory = tmp_path / "file"
        no_directory.write_text("")
        environment = {"XDG_CACHE_HOME": str(no_directory), "TMPDIR": str(tmp_path)}
        command = [sys.executable, "-I", str(dist / "kubectl-lws"), "--version"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert {x.name for x in tmp_path.iterdir()} == {"file"}
