"""What this build is called: in ``--version``, in the first log line, and to API servers.

An image says of which commit and when it was built, through two environment variables.
"""

from __future__ import annotations

import os
import platform
from typing import Final

from lws import __version__

VERSION: Final = f"v{__version__}"
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}  # from Python's names to Go's


def commit() -> str:
    """The commit of this build, or ``unknown``."""
    return os.environ.get("LWS_GIT_COMMIT", "") or "unknown"


def build_date() -> str:
    """When this build was made, or ``N/A``."""
    return os.environ.get("LWS_BUILD_DATE", "") or "N/A"


def version_text() -> str:
    """What ``--version`` prints."""
    return f"Version: {VERSION}\nBuild Date: {build_date()}\nGit Commit: {commit()}"


def user_agent(part: str = "") -> str:
    """``lws/<version> (<os>/<architecture>) <commit>``, then what of this program is asking."""
    machine = platform.machine()
    system = f"{platform.system().lower()}/{_ARCHITECTURES.get(machine, machine)}"
    return f"lws/{VERSION} ({system}) {commit()[:7]}{part}"
