"""The program ``kubectl-lws``: command line in, exit code out.

0: done. 1: it could not be done, and one line on standard error says why. 2: the command line is wrong.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from lws.cli import history, pause, plan, restart, status, tree, undo, why
from lws.cli.arguments import parse
from lws.cli.session import CommandError, Session, open_session
from lws.kube.errors import ApiError, KubeError

COMMANDS: Mapping[str, Callable[[Session, Any], int]] = {
    "tree": tree.run,
    "status": status.run,
    "history": history.run,
    "undo": undo.run,
    "restart": restart.run,
    "pause": pause.run_pause,
    "resume": pause.run_resume,
    "why": why.run,
    "plan": plan.run,
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    options = parse(arguments)
    try:
        with open_session(options) as session:
            return COMMANDS[options.command](session, options)
    except ApiError as error:
        return _fail(f"the API server refuses: {error.message or error}")
    except (CommandError, KubeError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _fail(reason: str) -> int:
    sys.stderr.write(f"error: {reason}\n")
    return 1
