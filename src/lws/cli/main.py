"""The program ``kubectl-lws``: command line in, exit code out.

0: done. 1: it could not be done, and one line on standard error says why. 2: the command line is wrong,
also where that shows only once the kind of the set is known.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.cli import acts, history, images, listing, pause, plan, progress, restart, tree, undo, versions, why
from lws.cli.arguments import complain, parse
from lws.cli.choice import chosen_kind
from lws.cli.disaggregated import history as roles_history
from lws.cli.disaggregated import images as roles_images
from lws.cli.disaggregated import numbers as roles_numbers
from lws.cli.disaggregated import pause as roles_pause
from lws.cli.disaggregated import plan as roles_plan
from lws.cli.disaggregated import progress as roles_progress
from lws.cli.disaggregated import restart as roles_restart
from lws.cli.disaggregated import tree as roles_tree
from lws.cli.disaggregated import undo as roles_undo
from lws.cli.disaggregated import why as roles_why
from lws.cli.grammar import UsageError
from lws.cli.manifest import name_of_only_set, read_documents
from lws.cli.session import CommandError, Session, make_output, open_session, refusal
from lws.kube.errors import ApiError, BadRequest, KubeError

Run = Callable[[Session, Any], int]


def _dashboard(kind: str) -> Run:
    """Imported when it is asked for: it stands on what watches and serves, which other commands need not."""

    def run(session: Session, options: Any) -> int:
        from lws.cli.dashboard.command import run  # noqa: PLC0415

        return run(session, options, kind)

    return run


class Command(NamedTuple):
    """Who runs a command: for a LeaderWorkerSet, for a DisaggregatedSet, and where no set is named."""

    of_set: Run | None = None
    of_roles: Run | None = None
    of_all: Run | None = None


COMMANDS: Mapping[str, Command] = {
    "list": Command(of_all=listing.run_all),
    "set image": Command(images.run, roles_images.run),
    "version": Command(of_all=versions.run_all),
    "tree": Command(tree.run, roles_tree.run, roles_tree.run_all),
    "status": Command(progress.run, roles_progress.run),
    "history": Command(history.run, roles_history.run),
    "undo": Command(undo.run, roles_undo.run),
    "restart": Command(restart.run, roles_restart.run, acts.run_all),
    "pause": Command(pause.run_pause, roles_pause.run_pause, acts.run_all),
    "resume": Command(pause.run_resume, roles_pause.run_resume, acts.run_all),
    "why": Command(why.run, roles_why.run, roles_why.run_all),
    "plan": Command(plan.run, roles_plan.run),
    "dashboard": Command(_dashboard(c.KIND), _dashboard(d.KIND), _dashboard("")),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    return run(parse(arguments))


def run(options: Any) -> int:
    """Run the command of a command line that was understood; the exit code."""
    try:
        if options.command == "version" and options.client:
            return versions.run_alone(make_output(options))
        if options.command == "plan" and options.role:
            return roles_numbers.run(make_output(options), options)
        with open_session(options) as session:
            return _run(session, options)
    except UsageError as error:
        return complain(options.command, error)
    except (CommandError, KubeError) as error:
        return _fail(options, error)


def _run(session: Session, options: Any) -> int:
    command = COMMANDS[options.command]
    if options.command == "plan":
        options.documents = read_documents(options.filename)
        if not options.name:
            options.kind, options.name = name_of_only_set(options.filename, options.documents)
    if not options.name and command.of_all is not None:
        return command.of_all(session, options)
    run = command.of_set if chosen_kind(session, options) == c.KIND else command.of_roles
    assert run is not None
    return run(session, options)


def _fail(options: Any, error: CommandError | KubeError) -> int:
    if isinstance(error, BadRequest) and getattr(options, "selector", None):  # which only the server reads
        return complain(options.command, UsageError(f"argument -l: {error.message}"))
    sys.stderr.write(f"error: {refusal(error) if isinstance(error, ApiError) else error}\n")
    return 1
