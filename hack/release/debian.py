"""The base of the image: files of Debian's own packages, fetched and verified by mmdebstrap and apt.

Nothing of a package runs, so another architecture's base is made as easily as the machine's own. Packages
that only tools of the system need are left out, and of the others what no program reads.
"""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from hack.controlplane.layout import ClusterError
from hack.release.archives import Entry

SUITE: Final = "bookworm"
PYTHON: Final = "3.11"  # the suite's, and one on which all tests run
SOURCES: Final = ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list")
WANTED: Final = (f"python{PYTHON}-minimal", f"libpython{PYTHON}-stdlib")
KEPT: Final = {
    "libbz2-1.0",
    "libc6",
    "libcrypt1",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    "liblzma5",
    f"libpython{PYTHON}-minimal",
    f"libpython{PYTHON}-stdlib",
    "libssl3",
    "libuuid1",
    "media-types",
    f"python{PYTHON}-minimal",
    "zlib1g",
}
_LIBRARY: Final = f"usr/lib/python{PYTHON}"
_NOBODY_READS: Final = re.compile(
    r"usr/share/(?!doc/[^/]+/copyright$)(doc|man|info|locale|lintian|bug|binfmts|applications|pixmaps)/"
    r"|usr/lib/(?:[^/]+/)?gconv/|usr/lib/mime/|usr/bin/(?!python)|usr/sbin/|sbin/|var/|etc/init"
    rf"|{_LIBRARY}/(?:test|idlelib|lib2to3|ensurepip|pydoc_data|tkinter|turtledemo|curses|dbm|sqlite3)/"
    # What is left of these needs a library of a package that is not kept.
    rf"|{_LIBRARY}/lib-dynload/(?:_sqlite3|_dbm|_gdbm|_curses|_curses_panel|readline|nis|_tkinter)\."
)


class Package(NamedTuple):
    """A package whose files are in the image. ``control``: as dpkg keeps it; ``sha256``: of the archive."""

    name: str
    version: str
    control: str
    sha256: str


class Base(NamedTuple):
    """The packages and their files, by path."""

    packages: tuple[Package, ...]
    tree: dict[str, Entry]


def fetch(architecture: str, *, sources: Path | None = None) -> Base:
    """``architecture``: Debian's name. Raises ClusterError in one line where a tool or package is missing."""
    found = sources or next((Path(x) for x in SOURCES if Path(x).exists()), None)
    if found is None:
        raise ClusterError(f"none of {', '.join(SOURCES)} is here: name Debian's apt sources (--apt-sources)")
    with tempfile.TemporaryDirectory(prefix="lws-debian-") as directory:
        command = [
            "mmdebstrap",
            "--quiet",
            "--variant=extract",
            f"--architectures={architecture}",
            f"--include={','.join(WANTED)}",
            f"--extract-hook=sync-out /var/cache/apt/archives {directory}",
            SUITE,
            "/dev/null",
            str(found),
        ]
        _run(command)
        return _base(sorted(Path(directory).glob("*.deb")))


def _run(command: list[str]) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise ClusterError(f"{command[0]} is not installed: apt-get install {command[0]}") from error
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        raise ClusterError(f"{command[0]} ended with code {done.returncode}: {last}")
    return done.stdout


def _base(archives: list[Path]) -> Base:
    packages, tree = [], dict[str, Entry]()
    for archive in archives:
        package = _package(archive)
        if package.name in KEPT:
            packages.append(package)
            tree |= _files(_run(["dpkg-deb", "--fsys-tarfile", str(archive)]))
    missing = KEPT - {x.name for x in packages}
    if missing:
        raise ClusterError(f"the apt sources gave no {', '.join(sorted(missing))}")
    # Scanners look there for what is installed where dpkg is not.
    tree |= {f"var/lib/dpkg/status.d/{x.name}": Entry(x.control.encode()) for x in packages}
    return Base(tuple(packages), tree)


def _package(archive: Path) -> Package:
    control = _run(["dpkg-deb", "--field", str(archive)]).decode()
    fields = dict(re.findall(r"^(Package|Version): (.+)$", control, re.MULTILINE))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    return Package(fields["Package"], fields["Version"], control, digest)


def _files(archive: bytes) -> Iterator[tuple[str, Entry]]:
    """What somebody may read, of one package."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for member in opened:
            name = member.name.removeprefix("./")
            if _NOBODY_READS.match(name) or member.isdir():
                continue
            if member.issym():
                yield name, Entry(link=member.linkname, mode=0o777)
            elif member.islnk():
                raise ClusterError(f"{name} is a hard link, which nobody has thought of")
            elif content := opened.extractfile(member):
                yield name, Entry(content.read(), member.mode & 0o755)
