"""``kubectl-lws`` in one file, which needs only Python: the plugin's modules and locked packages.

One of them, msgspec, is compiled: its builds for all platforms and Pythons lie in an archive of their own,
which is small because they are so alike. Another one, pydantic, would make the file five times as large, and
the official client only derives classes from it that are never used here: a stand-in takes its place.
"""

from __future__ import annotations

import lzma
import re
import tempfile
from pathlib import Path
from typing import Final

from hack.controlplane.layout import ROOT, ClusterError
from hack.release import wheels
from hack.release.archives import Entry, sha256, tar, zipped
from hack.release.distributions import plugin

LOCK: Final = ROOT / "requirements.plugin.lock"
MAIN: Final = Path(__file__).with_name("zipapp_main.py")
STAND_IN: Final = Path(__file__).with_name("pydantic_stand_in.py")
SHEBANG: Final = b"#!/usr/bin/env python3\n"
PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
LEFT_OUT: Final = {  # what the client's second half, or colours that we do not use, would need
    "_cffi_backend",
    "_yaml",
    "aiohappyeyeballs",
    "aiohttp",
    "aiohttp_retry",
    "aiosignal",
    "annotated_types",
    "attr",
    "attrs",
    "frozenlist",
    "markdown_it",
    "mdurl",
    "multidict",
    "propcache",
    "pydantic",
    "pydantic_core",
    "pygments",
    "typing_inspection",
    "tzdata",
    "yarl",
}
COMPILED: Final = "msgspec"
MACHINES: Final = {
    "x86_64": (wheels.GLIBC, wheels.MUSL, ("macosx_10_9", "macosx_10_13", "macosx_11_0")),
    "aarch64": (wheels.GLIBC, wheels.MUSL),
    "arm64": (("macosx_11_0",),),
}


def build(*, time: int, date: tuple[int, int, int, int, int, int]) -> bytes:
    """The file. ``time`` and ``date``: of what is in it."""
    tree = {f"site/{name}": entry for name, entry in modules().items()}
    content = tar(natives(), time=time)
    tree["native.tar.xz"] = Entry(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))
    digest = sha256(b"".join(name.encode() + tree[name].content for name in sorted(tree)))[:16]
    main = MAIN.read_text().replace('BUILD = "unknown"', f'BUILD = "{digest}"')
    tree["__main__.py"] = Entry(main.encode())
    return SHEBANG + zipped(tree, time=date)


def modules() -> dict[str, Entry]:
    """What is the same everywhere: our modules, and those of packages, without compiled ones and stubs."""
    tree = wheels.installed(LOCK, python=PYTHONS[0], platforms=_names(MACHINES["x86_64"][0], "x86_64"))
    theirs = {name: entry for name, entry in tree.items() if _is_wanted(name)}
    return theirs | dict(plugin().tree) | {"pydantic.py": Entry(STAND_IN.read_bytes())}


def _is_wanted(name: str) -> bool:
    package = name.partition("/")[0]
    return not (
        package in LEFT_OUT or ".dist-info" in package or name.endswith((".so", ".pyi", ".c", ".pyx"))
    )


def natives() -> dict[str, Entry]:
    """msgspec's compiled module by machine and by the suffix that Python looks for."""
    found: dict[str, Entry] = {}
    with tempfile.TemporaryDirectory(prefix="lws-lock-") as directory:
        lock = Path(directory, "lock")
        lock.write_text(only(LOCK.read_text(), COMPILED))
        for machine, systems in MACHINES.items():
            for names in systems:
                for python in PYTHONS:
                    tree = wheels.installed(lock, python=python, platforms=_names(names, machine))
                    found |= {
                        f"{machine}/{name.rpartition('/')[2]}": entry
                        for name, entry in tree.items()
                        if re.match(rf"{COMPILED}/_core\..*so$", name)
                    }
    return found


def only(lock: str, package: str) -> str:
    """The lines of a lock file that pin one package."""
    pinned = re.search(rf"^{package}==.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
    if pinned is None:
        raise ClusterError(f"{LOCK.name} does not pin {package}: make lock")
    return pinned[0]


def _names(systems: tuple[str, ...], machine: str) -> tuple[str, ...]:
    return tuple(f"{system}_{machine}" for system in systems)
