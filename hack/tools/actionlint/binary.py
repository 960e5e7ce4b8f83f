"""Where ``actionlint`` comes from: the cache, or a build into it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from hack.controlplane import binaries, toolchain

MODULE = Path(__file__).parent
PACKAGE = "github.com/rhysd/actionlint/cmd/actionlint"


def locate(*, say: Callable[[str], None], environ: Mapping[str, str] = os.environ) -> Path:
    """The path of ``actionlint``, built first where that is needed. Raises ClusterError."""
    cache = binaries.cache_directory(environ, MODULE)

    def build(directory: Path) -> None:
        go = toolchain.find_go((MODULE / "go.mod").read_text(), directory.parent, say)
        command = ["build", "-trimpath", "-buildvcs=false", "-o", str(directory / "actionlint"), PACKAGE]
        toolchain.run_go(go, command, MODULE, say, packages=100, what="actionlint")

    binaries.fill(cache, ["actionlint"], build, say)
    return cache / "actionlint"
