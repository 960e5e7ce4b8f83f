"""The steps of the Dockerfile, without an engine: its own install commands, then a run as a stranger.

What needs an engine is left out: the bases, and that nothing else is in the image.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane import binaries

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
STRANGER = 65532


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """What the builder stage makes of the lock file and the source."""
    with tempfile.TemporaryDirectory(prefix="lws-image-") as name:
        root = Path(name)
        root.chmod(0o755)
        (root / "opt").mkdir()
        shutil.copy(ROOT / "requirements.runtime.lock", root)
        install, *rest = run_commands("builder")
        run_step(install, root)
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "src" / "lws", root / "opt" / "lws" / "lws", ignore=ignore)
        for command in rest:
            run_step(command, root)
        yield root


def run_commands(stage: str) -> list[str]:
    """The RUN instructions of a stage."""
    text = DOCKERFILE.split(f" AS {stage}\n")[1].split("\nFROM ")[0].replace("\\\n", " ")
    return re.findall(r"^RUN (.+)$", text, re.MULTILINE)


def run_step(command: str, root: Path) -> None:
    """One instruction, with what pip would look for on the network at hand."""
    offline = {}
    if found := re.search(r"--requirement /(\S+)", command):
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels(ROOT / found[1]))}
    subprocess.run(in_root(command, root), shell=True, check=True, env={**os.environ, **offline})


def wheels(lock: Path) -> Path:
    """The wheels of a lock file for this interpreter: downloaded once, kept beside the control plane.

    Most of an installation's time goes into the index pages, and their hashes are checked again anyway.
    """
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    kept = binaries.cache_root() / f"wheels-{digest}"
    if not kept.is_dir():
        fresh = Path(tempfile.mkdtemp(dir=made(kept.parent)))
        words = [
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--require-hashes",
        ]
        subprocess.run([sys.executable, *words, "--dest", fresh, "--requirement", lock], check=True)
        fresh.rename(kept)
    return kept


def made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def in_root(command: str, root: Path) -> str:
    """The command with this interpreter, and ``root`` for /."""
    command = re.sub(r"(?<=\s)/(?=\w)", f"{root}/", command)
    return re.sub(r"(?<![\w/-])python(?= )", shlex.quote(sys.executable), command)


def environment(root: Path) -> dict[str, str]:
    settings = dict(re.findall(r"\b([A-Z_]+)=(/?\w\S*)", DOCKERFILE.split("\nENV ")[1].split("\nUSER ")[0]))
    return {name: value.replace("/opt/lws", f"{root}/opt/lws") for name, value in settings.items()}


def interpreter_for_strangers() -> str:
    """One of this very version, as wheels are made for one, that any user may run."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (Path(sys.executable).resolve(), Path("/usr/bin", f"python{version}")):
        if os.geteuid() == 0 and _runs(candidate):
            return str(candidate)
    pytest.skip(f"root, and a Python {version} that other users may run, are needed")


def _runs(candidate: Path) -> bool:
    try:
        done = subprocess.run([candidate, "-c", ""], user=STRANGER, group=STRANGER, cwd="/", check=False)
    except OSError:
        return False
    return done.returncode == 0


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program of the image as the image's user; ``-S``: without what is installed on this machine."""
    return subprocess.run(
        [interpreter_for_strangers(), "-S", *arguments],
        env=environment(root),
        user=STRANGER,
        group=STRANGER,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_image_is_what_a_build_without_a_target_makes() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert last.startswith("${BASE_IMAGE}\n")
    assert "USER 65532:65532\n" in last
    assert "ENTRYPOINT " in last


def test_the_entry_point_runs_as_a_stranger(image: Path) -> None:
    done = run(image, "-m", "lws", "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Version: v")


def test_everything_can_be_imported_and_nothing_written(image: Path) -> None:
    walk = (
        "import importlib, os, pkgutil, lws\n"
        "for module in pkgutil.walk_packages(lws.__path__, 'lws.'):\n"
        "    if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
        "assert not os.access(lws.__path__[0], os.W_OK)\n"
        "print(os.getuid())"
    )
    done = run(image, "-c", walk)
    assert (done.stdout.strip(), done.stderr) == (str(STRANGER), "")


def test_no_development_package_is_in_it(image: Path) -> None:
    present = {path.name for path in (image / "opt" / "lws").iterdir()}
    assert present >= {"lws", "msgspec", "kubernetes"}
    assert not present & {"pytest", "mypy", "hypothesis", "ruff", "uv", "setuptools", "pip"}


@pytest.fixture(scope="module")
def sboms(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """What the SBOM stage writes, in two places with two seeds."""
    root = tmp_path_factory.mktemp("sbom")
    for name in ("requirements.sbom.lock", "requirements.runtime.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    install, write = run_commands("sbom-builder")
    run_step(install, root)
    found = []
    for seed in ("1", "2"):
        (root / "sbom.cdx.json").unlink(missing_ok=True)
        command = f"PYTHONHASHSEED={seed}; export PYTHONHASHSEED; {write}"
        run_step(command, root)
        found.append((root / "sbom.cdx.json").read_bytes())
    return found


def test_the_sbom_lists_every_package_with_its_version_and_hashes(sboms: list[bytes]) -> None:
    assert {name: listed(x) for name, x in components(sboms[0]).items()} == locked()


def test_the_sbom_names_what_it_is_of(sboms: list[bytes]) -> None:
    subject = json.loads(sboms[0])["metadata"]["component"]
    assert (subject["name"], subject["version"]) == ("lws-controller", project_version())


def test_the_sbom_is_the_same_each_time(sboms: list[bytes]) -> None:
    assert sboms[0] == sboms[1]


def project_version() -> str:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


Locked = tuple[str, frozenset[str]]


def components(sbom: bytes) -> dict[str, dict[str, Any]]:
    document = json.loads(sbom)
    assert document["bomFormat"] == "CycloneDX"
    return {x["name"]: x for x in document["components"]}


def listed(component: dict[str, Any]) -> Locked:
    references = component.get("externalReferences", [])
    hashes = [x["content"] for reference in references for x in reference.get("hashes", [])]
    assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
    return component["version"], frozenset(hashes)


def locked() -> dict[str, Locked]:
    """Version and hashes of each package in the lock file."""
    text = (ROOT / "requirements.runtime.lock").read_text().replace("\\\n", " ")
    lines = re.findall(r"^([\w.-]+)==(\S+)(.*)$", text, re.MULTILINE)
    return {name: (version, frozenset(re.findall(r"sha256:(\w+)", rest))) for name, version, rest in lines}
