"""What the image holds, by layer: Debian's Python, the locked wheels, this package.

The paths and variables are the Dockerfile's, which makes the same image of another base. Bytecode is compiled
by the image's own Python in bubblewrap, so that it is the same whatever machine compiles it.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from hack.controlplane.layout import ROOT, ClusterError
from hack.release import wheels
from hack.release.archives import Entry, files_below, tar, unpack
from hack.release.debian import PYTHON, Base

ARCHITECTURES: Final = {"amd64": "x86_64", "arm64": "aarch64"}  # Debian's and the registry's name: Python's
OWN: Final = "opt/lws"
USER: Final = 65532
ACCOUNTS: Final = {
    "etc/passwd": f"root:x:0:0:root:/:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:/:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nnonroot:x:{USER}:\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",  # runtimes put theirs over it
    "etc/nsswitch.conf": "hosts: files dns\n",
}
DIRECTORIES: Final = {"tmp": 0o1777, "proc": 0o555, "sys": 0o555, "dev": 0o755, "run": 0o755}
COMPILE: Final = ("compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash")


class Layer(NamedTuple):
    """A tar archive, and what it is."""

    name: str
    content: bytes


def layers(architecture: str, base: Base, native: Base, *, time: int) -> list[Layer]:
    """``native``: the base that can run here, which compiles for all: bytecode knows no architecture."""
    system = dict(base.tree) | {name: Entry(text.encode()) for name, text in ACCOUNTS.items()}
    system |= {f"usr/bin/{name}": Entry(link=f"python{PYTHON}") for name in ("python", "python3")}
    packages = {f"{OWN}/{name}": entry for name, entry in dependencies(architecture).items()}
    own = package()
    system |= compiled(native, system, f"usr/lib/python{PYTHON}")
    packages |= compiled(native, packages, OWN)
    own |= compiled(native, own, OWN)
    return [
        Layer(f"Debian {PYTHON}", tar(system, time=time, directories=DIRECTORIES)),
        Layer("wheels", tar(packages, time=time)),
        Layer("lws", tar(own, time=time)),
    ]


def dependencies(architecture: str) -> dict[str, Entry]:
    """The locked packages, for Debian's C library."""
    names = tuple(f"{name}_{ARCHITECTURES[architecture]}" for name in wheels.GLIBC)
    return wheels.installed(wheels.RUNTIME_LOCK, python=PYTHON, platforms=names)


def package() -> dict[str, Entry]:
    """This package without the plugin, which is for people's own machines."""
    below = files_below(ROOT / "src" / "lws", prefix=f"{OWN}/lws/")
    left_out = ("/__pycache__/", f"{OWN}/lws/cli/")
    return {x: Entry(y.content) for x, y in below.items() if not any(part in x for part in left_out)}


def compiled(native: Base, tree: dict[str, Entry], directory: str) -> dict[str, Entry]:
    """The bytecode of ``tree`` below ``directory``, by path."""
    sources = {x: y for x, y in tree.items() if x.startswith(f"{directory}/") and x.endswith(".py")}
    with tempfile.TemporaryDirectory(prefix="lws-compile-") as name:
        root = Path(name)
        unpack(native.tree | sources, root)
        confined(root, [f"/usr/bin/python{PYTHON}", "-m", *COMPILE, f"/{directory}"])
        found = files_below(root / directory, prefix=f"{directory}/")
    return {x: y for x, y in found.items() if x.endswith(".pyc")}


def confined(root: Path, command: list[str]) -> None:
    """Run a program of the image with nothing of the machine around it. Raises ClusterError."""
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None:
        raise ClusterError("bwrap is not installed: apt-get install bubblewrap")
    mounts = ("--bind", str(root), "/", "--proc", "/proc", "--dev", "/dev")
    variables = ("--clearenv", "--setenv", "PYTHONHASHSEED", "0", "--setenv", "PYTHONDONTWRITEBYTECODE", "1")
    done = subprocess.run(
        [bubblewrap, "--unshare-all", "--die-with-parent", *mounts, *variables, *command],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = ((done.stderr or done.stdout).strip().splitlines() or ["it said nothing"])[-1]
        raise ClusterError(f"{command[0]} in the image ended with code {done.returncode}: {last}")


def native_architecture() -> str:
    machine = platform.machine()
    found = [name for name, python in ARCHITECTURES.items() if python == machine]
    if not found:
        raise ClusterError(f"images are made on {' and '.join(ARCHITECTURES.values())}, not on {machine}")
    return found[0]
