"""What ``make release`` is made of: archives, layouts, notes, the one file. No network, no tools."""

from __future__ import annotations

import ast
import io
import json
import re
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from support.ociimage import Layout

from hack.controlplane.layout import ROOT, ClusterError
from hack.release import distributions, manifests, notes, oci, sbom, zipapp
from hack.release.archives import Entry, files_below, tar, unpack, zipped
from hack.release.debian import Package
from hack.release.image import Layer
from hack.release.wheels import RUNTIME_LOCK, _is_read
from lws import __version__

DOCKERFILE = (ROOT / "Dockerfile").read_text()
FACTS = oci.Facts("1.2.3", "abc", "2026-01-01T00:00:00Z", "localhost/lws")
DATE = (2026, 1, 1, 0, 0, 0)


def test_archives_depend_on_content_only(tmp_path: Path) -> None:
    tree = {"b/c": Entry(b"x", 0o755), "a": Entry(b"y"), "link": Entry(link="a", mode=0o777)}
    reverse = dict(reversed(tree.items()))
    assert tar(tree, time=7) == tar(reverse, time=7)
    assert zipped({"a": tree["a"]}, time=DATE) == zipped({"a": tree["a"]}, time=DATE)
    unpack(tree, tmp_path)
    assert files_below(tmp_path) == dict(sorted(tree.items()))
    with tarfile.open(fileobj=io.BytesIO(tar(tree, time=7, directories={"tmp": 0o1777}))) as archive:
        found = {x.name: (x.mode, x.mtime, x.uid, x.uname) for x in archive}
    assert found["tmp"] == (0o1777, 7, 0, "")
    assert found["b"] == found["b/c"] == (0o755, 7, 0, "")


def test_a_layout_is_what_a_runtime_reads(tmp_path: Path) -> None:
    layers = [
        Layer("one", tar({"etc/a": Entry(b"1")}, time=1)),
        Layer("two", tar({"b": Entry(b"2")}, time=1)),
    ]
    image = oci.build({"amd64": layers, "arm64": layers[:1]}, FACTS, time=1)
    (tmp_path / "image.tar").write_bytes(image.archive)
    layout = Layout.read(tmp_path / "image.tar")
    assert layout.digest == image.digest
    assert json.loads(layout.files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    layout.unpack("amd64", tmp_path / "root")
    assert (tmp_path / "root" / "etc" / "a").read_text() == "1"
    assert (tmp_path / "root" / "b").read_text() == "2"
    assert set(layout.manifests()) == {"amd64", "arm64"}


def test_the_image_is_run_as_the_dockerfiles_is() -> None:
    config = oci._config("amd64", [], FACTS)["config"]
    variables = dict(x.split("=", 1) for x in config["Env"])
    block = DOCKERFILE.split("\nENV ")[1].split("\nUSER ")[0]
    named = set(re.findall(r"\b([A-Z_]+)=", block))
    assert named == variables.keys() - {"PATH"}
    for name, value in re.findall(r"\b([A-Z_]+)=(/?\w[\w/]*)", block):
        assert variables[name] == value
    assert f"USER {config['User']}\n" in DOCKERFILE
    assert f"ENTRYPOINT {json.dumps(config['Entrypoint'])}" in DOCKERFILE
    exposed = re.findall(r"^EXPOSE (.+)$", DOCKERFILE, re.MULTILINE)[0].split()
    assert {f"{x}/tcp" for x in exposed} == set(config["ExposedPorts"])


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("kubernetes/client/configuration.py", True),
        ("kubernetes/client/models/__init__.py", True),
        ("kubernetes/client/models/v1_pod.py", False),
        ("kubernetes/client/api/core_v1_api.py", False),
        ("kubernetes/aio/__init__.py", False),
        ("kubernetes/config/kube_config_test.py", False),
        ("msgspec/_core.so", True),
        ("x-1.data/scripts/normalizer", False),
        ("x-1.dist-info/RECORD", False),
        ("x-1.dist-info/METADATA", True),
    ],
)
def test_what_of_a_wheel_is_left_out(name: str, read: bool) -> None:
    assert _is_read(name) is read


def test_the_stand_in_has_every_name_that_the_client_takes_from_pydantic() -> None:
    """And what of the client is in the one file imports none of the packages that are left out."""
    spec = find_spec("kubernetes")
    assert spec is not None
    assert spec.submodule_search_locations
    root = Path(spec.submodule_search_locations[0])
    wanted: set[str] = set()
    for path in root.rglob("*.py"):
        if not _is_read(f"kubernetes/{path.relative_to(root).as_posix()}"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                package = node.module.partition(".")[0]
                assert package not in zipapp.LEFT_OUT - {"pydantic"} or node.level, path
                wanted |= {x.name for x in node.names} if node.module == "pydantic" else set()
            elif isinstance(node, ast.Import):
                assert not {x.name.partition(".")[0] for x in node.names} & zipapp.LEFT_OUT, path
    offered = {x for x in vars(__import__("hack.release.pydantic_stand_in", fromlist=["x"])) if x[0] != "_"}
    assert wanted
    assert wanted <= offered


def test_the_plugins_modules_need_no_others() -> None:
    names = {x.removesuffix(".py").replace("/", ".") for x in distributions.plugin().tree}
    manager = {x.removesuffix(".py").replace("/", ".") for x in distributions.manager().tree}
    for name, entry in distributions.plugin().tree.items():
        for node in ast.walk(ast.parse(entry.content)) if name.endswith(".py") else ():
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lws."):
                assert node.module not in manager, (name, node.module)
    assert not names & manager


def test_a_wheel_says_what_it_needs(tmp_path: Path) -> None:
    name, content = distributions.wheel(distributions.manager(), time=DATE)
    assert name == f"lws_controller-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(io.BytesIO(content)) as wheel:
        metadata = wheel.read(f"lws_controller-{__version__}.dist-info/METADATA").decode()
    assert f"Requires-Dist: kubectl-lws=={__version__}\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata


def test_the_plugins_wheel_has_what_kubectl_looks_for() -> None:
    plugin = distributions.plugin()
    scripts = {name: x.partition(":")[0].replace(".", "/") for name, x in plugin.scripts.items()}
    assert set(scripts) == {"kubectl-lws", "kubectl_complete-lws"}
    assert {f"{x}.py" for x in scripts.values()} <= {*plugin.tree}


@pytest.mark.parametrize("text", ["", "## 1.2.3\n\n", "## 1.2.30\n\nfoo\n"])
def test_a_version_without_notes_is_no_release(text: str) -> None:
    with pytest.raises(ClusterError, match=r"CHANGELOG.md says nothing of 1\.2\.3"):
        notes.section("1.2.3", text)


def test_notes_are_of_the_version_alone() -> None:
    text = "# Changes\n\n## 1.2.3 (soon)\n\n- a\n\n## 1.2.2\n\n- b\n"
    assert notes.section("1.2.3", text) == "- a"
    said = notes.notes(__version__, "localhost/lws@sha256:0").decode()
    assert said.endswith("Image: `localhost/lws@sha256:0`\n")
    assert f"lws-{__version__}.tgz" in said


def test_the_sbom_gets_debians_packages() -> None:
    package = Package("zlib1g", "1:1.2.13", "Package: zlib1g\n", "0" * 64)
    document = json.loads(sbom.merged({"components": [{"name": "x"}]}, {"arm64": [package]}))
    assert [x["name"] for x in document["components"]] == ["x", "zlib1g"]
    assert document["components"][1]["purl"] == "pkg:deb/debian/zlib1g@1%3A1.2.13?arch=arm64&distro=bookworm"


def test_the_chart_is_filled_in() -> None:
    name, content = manifests.chart("registry.example/lws", "sha256:" + "0" * 64, time=1)
    assert name == f"lws-{__version__}.tgz"
    with tarfile.open(fileobj=io.BytesIO(content)) as chart:
        names = chart.getnames()
        values = chart.extractfile("lws/values.yaml")
        assert values is not None
        assert "    repository: registry.example/lws\n" in values.read().decode()
    assert {"lws/Chart.yaml", "lws/README.md", "lws/templates/deployment.yaml"} <= set(names)
    assert not [x for x in names if "/." in x]


def test_where_the_files_are_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In pyproject.toml: the chart's alerts lead there, and the wheels name it (MAINTENANCE.md)."""
    address = "https://git.example/o/lws/blob/main"
    table = distributions.project()
    table["project"]["urls"] = {"Files": address}
    monkeypatch.setattr(distributions, "project", lambda: table)
    _, content = manifests.chart("registry.example/lws", "sha256:" + "0" * 64, time=1)
    with tarfile.open(fileobj=io.BytesIO(content)) as chart:
        values = chart.extractfile("lws/values.yaml")
        assert values is not None
        assert yaml.safe_load(values)["prometheus"]["runbooks"] == address
    name, wheel = distributions.wheel(distributions.plugin(), time=DATE)
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        (metadata,) = [x for x in archive.namelist() if x.endswith("/METADATA")]
        assert f"Project-URL: Files, {address}\n" in archive.read(metadata).decode(), name


def test_nobody_is_led_to_a_host_that_nobody_has() -> None:
    values = (manifests.CHART / "values.yaml").read_text()
    assert manifests.with_runbooks(values, "") == values
    assert yaml.safe_load(values)["prometheus"]["runbooks"] == ""
    with pytest.raises(ClusterError, match=r"no prometheus\.runbooks to fill in"):
        manifests.with_runbooks("prometheus: {runbooks: x}", "https://git.example")


def test_one_line_of_a_lock() -> None:
    lock = "a==1 \\\n    --hash=sha256:1\n    # via x\nmsgspec==2 \\\n    --hash=sha256:2\nz==3\n"
    assert zipapp.only(lock, "msgspec") == "msgspec==2 \\\n    --hash=sha256:2\n"
    with pytest.raises(ClusterError, match="make lock"):
        zipapp.only(lock, "other")


def test_the_locks_agree() -> None:
    def pins(path: Path) -> dict[str, str]:
        return dict(re.findall(r"^([a-z0-9_-]+)==(\S+)", path.read_text(), re.MULTILINE))

    plugin, runtime = pins(zipapp.LOCK), pins(RUNTIME_LOCK)
    assert {x: y for x, y in plugin.items() if x in runtime and runtime[x] != y} == {}
    names = {x.partition(">")[0].lower() for x in distributions.plugin().requires}
    assert names <= plugin.keys()
