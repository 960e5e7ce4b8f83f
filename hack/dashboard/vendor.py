"""``make vendor``: the files of npm packages that the page stands on, as ``package-lock.json`` pins them.

npm fetches the packages and checks their integrity; what the page uses of them is copied as it is, with its
licence. ``vendor.json`` says of what the copies are, so that a test needs no network to find one that is not
of the package that is locked. ``--check`` copies nothing and says whether all is as locked.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
LOCK: Final = HERE / "package-lock.json"
TARGET: Final = HERE.parents[1] / "src" / "lws" / "cli" / "dashboard" / "static" / "vendor"
RECORD: Final = TARGET / "vendor.json"
FILES: Final = {
    "lit-html": ("LICENSE", "lit-html.js", "directive.js", "directive-helpers.js", "directives/repeat.js")
}


class VendorError(Exception):
    """What is wrong, in one line."""


def fetch(directory: Path) -> dict[str, bytes]:
    """The files by path below ``vendor``, from packages whose integrity npm has checked."""
    for name in ("package.json", LOCK.name):
        shutil.copy(HERE / name, directory / name)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise VendorError("npm is not installed: install the package npm") from error
    if done.returncode:
        raise VendorError(f"npm ci: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
    return {
        f"{package}/{name}": (directory / "node_modules" / package / name).read_bytes()
        for package, names in FILES.items()
        for name in names
    }


def record(files: dict[str, bytes], lock: dict[str, Any]) -> dict[str, Any]:
    """Of which packages the files are, and their digests."""
    packages = {name: lock["packages"][f"node_modules/{name}"] for name in FILES}
    return {
        "packages": {
            name: {x: package[x] for x in ("version", "integrity", "license")}
            for name, package in packages.items()
        },
        "files": {name: sha256(content).hexdigest() for name, content in sorted(files.items())},
    }


def vendored() -> dict[str, bytes]:
    """The copies that are here, without their record."""
    found = (x for x in TARGET.rglob("*") if x.is_file() and x != RECORD)
    return {x.relative_to(TARGET).as_posix(): x.read_bytes() for x in found}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="say whether the copies are those of the lock")
    check = parser.parse_args().check
    try:
        with tempfile.TemporaryDirectory(prefix="lws-vendor-") as directory:
            files = fetch(Path(directory))
    except VendorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if check:
        same = files == vendored()
        print("as locked" if same else "the copies differ from the locked packages: make vendor")
        return 0 if same else 1
    shutil.rmtree(TARGET, ignore_errors=True)
    for name, content in files.items():
        (TARGET / name).parent.mkdir(parents=True, exist_ok=True)
        (TARGET / name).write_bytes(content)
    text = json.dumps(record(files, json.loads(LOCK.read_text())), indent=2)
    RECORD.write_text(f"{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
