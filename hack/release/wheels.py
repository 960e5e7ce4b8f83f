"""The wheels of a lock file for a platform, installed as they would be there. Nothing of them runs."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from hack.controlplane.binaries import cache_root
from hack.controlplane.layout import ROOT, ClusterError
from hack.release.archives import Entry

RUNTIME_LOCK: Final = ROOT / "requirements.runtime.lock"
GLIBC: Final = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34")  # Debian 12 has 2.36
MUSL: Final = ("musllinux_1_1", "musllinux_1_2")
# Of the official client, which reads kubeconfigs and makes connections: all API objects and calls, its second
# half for asyncio, and tests, 110 of its 126 MB. It imports them by name only, so nobody looks.
_NEVER_IMPORTED: Final = re.compile(
    r"kubernetes/(?:aio/|client/(?:models|api)/(?!__init__\.py$)|[\w/]+_test\.py$|[\w/]*test_\w+\.py$)"
)


_DATA: Final = re.compile(r"^[^/]+\.data/(?:purelib|platlib)/")


def download(lock: Path, *, python: str, platforms: tuple[str, ...]) -> Path:
    """A directory with the wheels, kept in the cache. Raises ClusterError with what pip said last."""
    words = "\n".join((lock.read_text(), python, *platforms))
    kept = cache_root() / f"wheels-{hashlib.sha256(words.encode()).hexdigest()[:16]}"
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as fresh:
            _pip(
                "download",
                "--no-deps",
                "--requirement",
                str(lock),
                "--require-hashes",
                "--dest",
                fresh,
                *_for(python, platforms),
            )
            shutil.copytree(fresh, kept.with_suffix(".new"), dirs_exist_ok=True)
        kept.with_suffix(".new").rename(kept)
    return kept


def installed(lock: Path, *, python: str, platforms: tuple[str, ...]) -> dict[str, Entry]:
    """What ``site-packages`` would hold, without bytecode and without what only pip reads.

    A wheel is a zip of that; their hashes were checked when they came.
    """
    tree: dict[str, Entry] = {}
    for wheel in sorted(download(lock, python=python, platforms=platforms).glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                place = _DATA.sub("", name)
                if not place.endswith("/") and _is_read(place):
                    tree[place] = Entry(archive.read(name))
    return tree


def _is_read(name: str) -> bool:
    """Not scripts and the like of packages, nor RECORD, which is for pip and no longer true."""
    if ".data/" in name or name.rpartition("/")[2] == "RECORD":
        return False
    return not _NEVER_IMPORTED.match(name)


def _for(python: str, platforms: tuple[str, ...]) -> list[str]:
    named = [f"--platform={platform}" for platform in platforms]
    return ["--only-binary=:all:", f"--python-version={python}", "--implementation=cp", *named]


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"pip: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
