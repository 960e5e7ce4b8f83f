"""Archives that depend on their content only: sorted, owned by root, all of one time."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple


class Entry(NamedTuple):
    """A file of an archive, or with ``link`` a symbolic link."""

    content: bytes = b""
    mode: int = 0o644
    link: str = ""


Tree = Mapping[str, Entry]  # by path, relative, without "./"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def files_below(root: Path, *, prefix: str = "") -> dict[str, Entry]:
    """Every file and link below ``root``; whether somebody may execute it is all that counts of its mode."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = f"{prefix}{path.relative_to(root).as_posix()}"
        if path.is_symlink():
            found[name] = Entry(link=str(path.readlink()), mode=0o777)
        elif path.is_file():
            found[name] = Entry(path.read_bytes(), 0o755 if path.stat().st_mode & 0o111 else 0o644)
    return found


def tar(tree: Tree, *, time: int, directories: Mapping[str, int] | None = None) -> bytes:
    """With the directories on the way, mode 0755 unless ``directories`` says otherwise."""
    modes = dict.fromkeys(_parents(tree), 0o755) | dict(directories or {})
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in sorted({*tree, *modes}):
            info = tarfile.TarInfo(name)
            info.mtime = time
            if name in modes:
                info.type, info.mode = tarfile.DIRTYPE, modes[name]
                archive.addfile(info)
                continue
            entry = tree[name]
            info.mode = entry.mode
            if entry.link:
                info.type, info.linkname = tarfile.SYMTYPE, entry.link
            else:
                info.size = len(entry.content)
            archive.addfile(info, io.BytesIO(entry.content))
    return out.getvalue()


def zipped(tree: Tree, *, time: tuple[int, int, int, int, int, int]) -> bytes:
    """``time``: of every entry; zip knows none before 1980."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(tree):
            info = zipfile.ZipInfo(name, time)
            info.external_attr = (0o100000 | tree[name].mode) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, tree[name].content, compresslevel=9)
    return out.getvalue()


def compressed(content: bytes) -> bytes:
    return gzip.compress(content, compresslevel=9, mtime=0)


def unpack(tree: Tree, root: Path) -> None:
    """The files as they would lie there, for programs that look at directories."""
    for name, entry in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.link:
            path.symlink_to(entry.link)
        else:
            path.write_bytes(entry.content)
            path.chmod(entry.mode)


def _parents(names: Iterable[str]) -> set[str]:
    every = {str(parent) for name in names for parent in Path(name).parents}
    return every - {"."}
