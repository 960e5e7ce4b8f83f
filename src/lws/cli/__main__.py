"""The way into the plugin; installed without its extra, it says in one line what is missing."""

from __future__ import annotations

import sys


def main() -> int:
    """Run ``kubectl-lws``; the exit code."""
    try:
        from lws.cli.main import main as run  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "rich":
            raise
        sys.stderr.write("error: kubectl lws needs the Python package rich; install 'lws[kubectl]'\n")
        return 1
    return run()


if __name__ == "__main__":
    sys.exit(main())
