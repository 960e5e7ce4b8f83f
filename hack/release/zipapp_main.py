"""The start of ``kubectl-lws`` as one file: unpacks itself into the user's cache once, and runs from there.

Python imports no compiled module from a zip. ``BUILD`` is put in when the file is made. Older Pythons must be
able to read this far, to say that they are too old.
"""

from __future__ import annotations

import os
import sys

BUILD = "unknown"
OLDEST = (3, 11)
COMPLETES = "kubectl_complete-lws"  # what kubectl looks for: a link to this file under another name


def main() -> int:
    if sys.version_info < OLDEST:
        return fail(f"it needs Python 3.11 or newer, and this is {sys.version.split()[0]}")
    from importlib.machinery import EXTENSION_SUFFIXES

    machine = os.uname().machine
    name = "-".join((BUILD, sys.implementation.cache_tag or "unknown", sys.platform, machine))
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    target = os.path.join(home, "kubectl-lws", name)
    if not os.path.isdir(target):
        native = f"{machine}/_core{EXTENSION_SUFFIXES[0]}"
        try:
            target = unpack(target, native)
        except KeyError:
            return fail(f"this file has nothing for {native} of {sys.platform}; pip install kubectl-lws")
        except ImportError as error:
            return fail(f"this Python lacks a module of its standard library: {error}")
    sys.path[0] = target
    if os.path.basename(sys.argv[0]) == COMPLETES:
        from lws.cli.completion import main as complete

        return complete()
    from lws.cli.__main__ import main as run

    return run()


def unpack(target: str, native: str) -> str:
    """Wholly or not at all, whoever else is at it. Where the cache cannot be written, for this run only."""
    import shutil
    import tempfile

    parent = os.path.dirname(target)
    try:
        os.makedirs(parent, 0o700, exist_ok=True)
        fresh = tempfile.mkdtemp(dir=parent)
    except OSError:
        fresh = tempfile.mkdtemp(prefix="kubectl-lws-")
        import atexit

        atexit.register(shutil.rmtree, fresh, ignore_errors=True)
        fill(fresh, native)
        return fresh
    try:
        fill(fresh, native)
        os.rename(fresh, target)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not os.path.isdir(target):
            raise
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return target


def fill(directory: str, native: str) -> None:
    """The modules, and the one compiled module for this Python. Raises KeyError where there is none."""
    import io
    import lzma
    import tarfile
    import zipfile

    with zipfile.ZipFile(os.path.abspath(sys.argv[0])) as archive:
        packed = lzma.decompress(archive.read("native.tar.xz"))
        members = [x for x in archive.namelist() if x.startswith("site/")]
        with tarfile.open(fileobj=io.BytesIO(packed)) as every:
            compiled = every.extractfile(every.getmember(native))
            assert compiled is not None
            core = compiled.read()
        for name in members:
            path = os.path.join(directory, *name.split("/")[1:])
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(archive.read(name))
    with open(os.path.join(directory, "msgspec", native.split("/")[1]), "wb") as file:
        file.write(core)


def fail(reason: str) -> int:
    sys.stderr.write(f"error: kubectl lws: {reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
