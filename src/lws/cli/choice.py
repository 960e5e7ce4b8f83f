"""Which set a name without kind means: the LeaderWorkerSet, if there is one, else the DisaggregatedSet."""

from __future__ import annotations

import sys
from typing import Any

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.cli.kinds import DISAGGREGATEDSETS, LEADERWORKERSETS
from lws.cli.session import CommandError, Session, is_of_unknown_kind, not_installed
from lws.kube.errors import Forbidden, NotFound
from lws.kube.resources import Resource


def chosen_kind(session: Session, options: Any) -> str:
    """As the user says, else as the server has it; where it has both, a line on standard error says so.

    Raises CommandError when there is neither.
    """
    if options.kind:
        return str(options.kind)
    name = options.name
    plain, composed = (_there(session, x, name) for x in (LEADERWORKERSETS, DISAGGREGATEDSETS))
    if plain is None:
        raise CommandError(not_installed(LEADERWORKERSETS))
    if plain and composed:
        sys.stderr.write(f"note: lws/{name} is meant; there is a disaggregatedset, too: write ds/{name}\n")
    if not plain and not composed:
        kinds = f"{LEADERWORKERSETS.plural} or {DISAGGREGATEDSETS.plural}"
        raise CommandError(f"no {kinds} {name!r} found in namespace {session.namespace!r}")
    return c.KIND if plain else d.KIND


def _there(session: Session, resource: Resource, name: str) -> bool | None:
    """None: the server does not know the kind. One that does not show DisaggregatedSets speaks of sets."""
    try:
        session.client.get(resource, dict, name, session.namespace)
    except NotFound as error:
        return None if is_of_unknown_kind(error) else False
    except Forbidden:
        return resource is LEADERWORKERSETS
    return True
