"""The real kubectl with the plugin on its PATH, against a test's cluster and namespace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from hack.controlplane import binaries
from support.cluster import Cluster

SECONDS = 90


@cache
def kubectl_path() -> Path:
    return Path(binaries.locate(say=print)["kubectl"])


class Kubectl:
    """Runs ``kubectl`` as a user does; what fails must fail with the code that a test names."""

    def __init__(self, cluster: Cluster, namespace: str, *more: Path) -> None:
        """``more``: directories with programs."""
        self._namespace = namespace
        plugins = Path(sys.executable).parent  # kubectl-lws, as pip installs it
        self._environment = {
            **{name: os.environ[name] for name in ("HOME", "LANG", "PYTHONPATH") if name in os.environ},
            "KUBECONFIG": str(cluster.kubeconfig),
            "PATH": os.pathsep.join(
                [*map(str, more), str(plugins), str(kubectl_path().parent), "/usr/bin", "/bin"]
            ),
        }

    def __call__(self, *words: str, code: int = 0, stdin: str = "") -> str:
        """Standard output; with another ``code`` than 0 standard error, if anything is there."""
        done = subprocess.run(
            self._command(words),
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert done.returncode == code, f"{words}: code {done.returncode}: {done.stderr or done.stdout}"
        return (code and done.stderr) or done.stdout

    def lws(self, *words: str, code: int = 0, stdin: str = "") -> str:
        return self("lws", *words, code=code, stdin=stdin)

    def complete(self, *words: str) -> list[str]:
        """What the last word may become, by way of kubectl's own completion."""
        done = subprocess.run(
            [str(kubectl_path()), "__complete", "lws", "--namespace", self._namespace, *words],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=SECONDS,
        )
        return [x.split("\t")[0] for x in done.stdout.splitlines() if not x.startswith(":")]

    def json(self, *words: str, stdin: str = "") -> Any:
        """What a command of the plugin prints with ``-o json``."""
        return json.loads(self.lws(*words, "-o", "json", stdin=stdin))

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command(words), env=self._environment, stdout=subprocess.PIPE, text=True
        )

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return [str(kubectl_path()), *words, "--namespace", self._namespace]
