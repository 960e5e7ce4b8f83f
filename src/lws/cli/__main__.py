"""The way into the plugin; installed without its extra, it says in one line what is missing.

The command line is read before anything of the commands is imported: help, and a mistyped word, need none.
"""

from __future__ import annotations

import sys

from lws.cli.arguments import parse


def main() -> int:
    """Run ``kubectl-lws``; the exit code."""
    options = parse(None)
    try:
        from lws.cli.main import run  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "rich":
            raise
        sys.stderr.write("error: kubectl lws needs the Python package rich; pip install kubectl-lws\n")
        return 1
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
