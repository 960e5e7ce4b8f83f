"""The way into the plugin; installed without its extra, it says in one line what is missing.

The command line is read before anything of the commands is imported: help, and a mistyped word, need none.
"""

from __future__ import annotations

import os
import sys

from lws.cli.arguments import parse

_INTERRUPTED = 130
_READER_GONE = 141
"""128 and the number of SIGINT, and of SIGPIPE: what a shell says of kubectl then."""


def main() -> int:
    """Run ``kubectl-lws``; the exit code."""
    try:
        try:
            return _run()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE
    except KeyboardInterrupt:  # whenever: most of a short command is the imports
        return _INTERRUPTED


def _run() -> int:
    if sys.argv[1:2] == ["__complete"]:
        from lws.cli.completion import main as complete  # noqa: PLC0415

        return complete(sys.argv[2:])
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
