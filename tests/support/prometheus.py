"""A real Prometheus, and promtool: those that are installed, or Debian's package unpacked into the cache.

Nothing is installed and no root is needed: the two programs need the C library alone. ``programs()`` skips
the test, with the reason, on a machine that has neither them nor the means to fetch them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
import pytest
import yaml

from hack.controlplane import binaries
from support.manager import http_get
from support.ports import free_port
from support.waiting import until

PACKAGE = "prometheus"
NAMES = ("prometheus", "promtool")
SECONDS = 300.0  # for the download


class Programs(NamedTuple):
    """Paths of the executables."""

    prometheus: str
    promtool: str


class Missing(Exception):  # noqa: N818 - it says so
    """Why there is no Prometheus, in one line."""


@cache
def programs() -> Programs:
    """Those on the PATH, else those in the cache, fetched first where that is needed."""
    found = [shutil.which(name) for name in NAMES]
    if found[0] and found[1]:
        return Programs(found[0], found[1])
    kept = binaries.cache_root() / "debian-prometheus"
    try:
        _fill(kept)
    except Missing as why:
        pytest.skip(f"no Prometheus here: {why}")
    return Programs(*(str(kept / name) for name in NAMES))


def _fill(kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if all(os.access(kept / name, os.X_OK) for name in NAMES):
            return
        with tempfile.TemporaryDirectory(dir=kept.parent) as room:
            package = _download(Path(room))
            _run("dpkg-deb", "--extract", package, "unpacked", cwd=Path(room))
            shutil.rmtree(kept, ignore_errors=True)
            (Path(room) / "unpacked" / "usr" / "bin").rename(kept)


def _download(room: Path) -> str:
    """The package's file name. Without package lists on the machine, with lists of its own."""
    try:
        _run("apt-get", "download", PACKAGE, cwd=room)
    except Missing:
        own = [f"--option=Dir::State::Lists={room}/lists", f"--option=Dir::Cache={room}/cache"]
        for directory in ("lists/partial", "cache/archives/partial"):
            (room / directory).mkdir(parents=True)
        _run("apt-get", *own, "--option=APT::Sandbox::User=root", "update", cwd=room)
        _run("apt-get", *own, "download", PACKAGE, cwd=room)
    return next(x.name for x in room.glob("*.deb"))


def _run(*command: str, cwd: Path) -> None:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=SECONDS, check=False)
    except FileNotFoundError as error:
        raise Missing(f"{command[0]} is missing: install the Debian package {PACKAGE}") from error
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{' '.join(command)} took more than {SECONDS:g} s") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise Missing(f"{' '.join(command)} failed: {' '.join(said)}")


def rules_file(manifest: Path, directory: Path) -> Path:
    """What a PrometheusRule says, as a rule file."""
    file = directory / "rules.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(manifest.read_text())["spec"]))
    return file


class Prometheus:
    """One that runs; ``query`` asks it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant vector, each with its labels and value."""
        return list(self._ask("query", query=expression)["result"])

    def value(self, expression: str) -> float | None:
        """Of the only series; None when there is none."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    def targets(self) -> list[dict[str, Any]]:
        return list(self._ask("targets")["activeTargets"])

    def rules(self) -> list[dict[str, Any]]:
        """All rules it has loaded."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def ready(self) -> bool:
        try:
            return http_get(f"{self._url}/-/ready").status == 200
        except OSError:
            return False

    def _ask(self, what: str, **parameters: str) -> dict[str, Any]:
        answer = http_get(f"{self._url}/api/v1/{what}?{urlencode(parameters)}")
        assert answer.status == 200, answer
        data: dict[str, Any] = msgspec.json.decode(answer.body)["data"]
        return data


@contextlib.contextmanager
def running_prometheus(directory: Path, configuration: dict[str, Any]) -> Iterator[Prometheus]:
    """Started with this configuration, its data and log in ``directory``; ended whatever happens."""
    port = free_port()
    (directory / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    command = [
        programs().prometheus,
        f"--config.file={directory}/prometheus.yaml",
        f"--storage.tsdb.path={directory}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        one = Prometheus(f"http://127.0.0.1:{port}")
        until("Prometheus to be ready", lambda: process.poll() is not None or one.ready())
        assert process.poll() is None, (directory / "prometheus.log").read_text()
        yield one
    finally:
        process.terminate()
        process.wait(30)
