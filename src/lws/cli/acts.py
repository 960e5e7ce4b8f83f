"""What can be done to a set of either kind by its name alone, and so to each that matches.

How it is done is in the module of each command.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from lws.cli import pause, restart, undo
from lws.cli.disaggregated import pause as roles_pause
from lws.cli.disaggregated import restart as roles_restart
from lws.cli.disaggregated import undo as roles_undo
from lws.cli.disaggregated.observing import see_outlines
from lws.cli.editing import ActionView, draw, stamped
from lws.cli.session import CommandError, Session, refusal
from lws.cli.tree import nothing
from lws.kube.errors import ApiError, DecodeError
from lws.objects import KubeObject

Act = Callable[[Session, str], ActionView]
ACTS: Final[Mapping[tuple[str, str], Act]] = {
    ("lws", "pause"): pause.pause,
    ("lws", "resume"): pause.resume,
    ("lws", "restart"): restart.roll,
    ("lws", "undo"): undo.undo,
    ("ds", "pause"): roles_pause.pause,
    ("ds", "resume"): roles_pause.resume,
    ("ds", "restart"): roles_restart.roll,
    ("ds", "undo"): roles_undo.undo,
}


class Found(NamedTuple):
    """A set. ``kind``: as of ``ACTS``."""

    namespace: str
    name: str
    kind: str


def matching(session: Session) -> list[Found]:
    """The very sets that ``list`` shows, in its order."""
    roles, alone = see_outlines(session)
    return sorted([*_found("ds", (x.ds for x in roles)), *_found("lws", alone)])


def _found(kind: str, sets: Iterable[KubeObject]) -> Iterable[Found]:
    return (Found(x.namespace, x.name, kind) for x in sets)


def run_all(session: Session, options: Any) -> int:
    """A line for each set as soon as it is done, or why it cannot be, which stops no other. Documents are
    written at the end.
    """
    found, done = matching(session), []
    for x in found:
        view = _carry_out(session, x, options.command)
        if view is not None:
            done.append(view)
            if not session.output.documents:
                session.show_line(view, draw(view, namespaced=not session.namespace))
    if session.output.documents or not found:
        session.show({"items": done}, nothing(session))
    return 0 if len(done) == len(found) else 1


def _carry_out(session: Session, one: Found, action: str) -> ActionView | None:
    """None: it could not be done. Raises TransportError: without a server nothing can."""
    here = session._replace(namespace=one.namespace, selector="")
    try:
        return stamped(session, ACTS[one.kind, action](here, one.name))
    except ApiError as error:
        why = refusal(error)
    except (CommandError, DecodeError) as error:
        why = str(error)
    name = one.name if session.namespace else f"{one.namespace}/{one.name}"
    sys.stderr.write(f"error: {one.kind}/{name}: {why}\n")
    return None
