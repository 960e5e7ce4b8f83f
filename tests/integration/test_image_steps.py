"""The steps of the Dockerfile, without an engine: its own install commands, then a run as a stranger.

What needs an engine is left out: the bases, and that nothing else is in the image.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

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
        copied = False
        for command in run_commands():
            if "pip install" not in command and not copied:
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / "src" / "lws", root / "opt" / "lws" / "lws", ignore=ignore)
                copied = True
            subprocess.run(in_root(command, root), shell=True, check=True)
        yield root


def run_commands() -> list[str]:
    """The RUN instructions of the builder stage."""
    stage = DOCKERFILE.split("AS builder\n")[1].split("\nFROM ")[0].replace("\\\n", " ")
    return re.findall(r"^RUN (.+)$", stage, re.MULTILINE)


def in_root(command: str, root: Path) -> str:
    """The command with this interpreter, and ``root`` for /."""
    command = re.sub(r"\bpython\b", shlex.quote(sys.executable), command)
    return re.sub(r"(?<=\s)/(?=\w)", f"{root}/", command)


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
