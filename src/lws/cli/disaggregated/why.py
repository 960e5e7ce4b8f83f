"""``kubectl lws why`` of DisaggregatedSets: the role, group and pod that hold them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Group as Lines
from rich.console import RenderableType

from lws.api import disaggregation as d
from lws.api.workloads import Node
from lws.cli import why as sets
from lws.cli.causes import Events
from lws.cli.disaggregated.causes import roles_causes, troubled
from lws.cli.disaggregated.observing import SeenRoles, see_everything, see_roles
from lws.cli.disaggregated.status import progress
from lws.cli.drawing import count
from lws.cli.session import CommandError, Session
from lws.cli.tree import nothing
from lws.cli.why import WhyView, draw, nodes_of, warnings


def describe(seen: SeenRoles, events: Events, *, now: float, nodes: Sequence[Node] | None = None) -> WhyView:
    """``now``: seconds since 1970. ``nodes``: as for ``group_causes``."""
    causes = roles_causes(seen, events, now=now, nodes=nodes)
    return WhyView(seen.ds.namespace, seen.ds.name, not causes, _summary(seen), causes, d.KIND)


def _summary(seen: SeenRoles) -> str:
    roles = progress(seen)
    ready, updated = sum(x.ready for x in roles), sum(x.updated for x in roles)
    groups = count(sum(x.wanted or 0 for x in roles), "group")
    return f"{ready} of {groups} ready, {updated} updated"


def look(session: Session, seen: SeenRoles, nodes: Sequence[Node] | None) -> WhyView:
    """With the events that are asked for, and by the time it is. ``nodes``: as for ``group_causes``."""
    events = {uid: x for one in troubled(seen) for uid, x in warnings(session, one).items()}
    return describe(seen, events, now=time.time(), nodes=nodes)


def run(session: Session, options: Any) -> int:
    """One DisaggregatedSet. The code is 0 whatever is found."""
    seen = see_roles(session, options.name)
    view = look(session, seen, nodes_of(session, seen.sets))
    session.show(view, draw(view, wide=session.output.format == "wide"))
    return 0


def look_anyway(session: Session, seen: SeenRoles, nodes: Sequence[Node] | None) -> WhyView:
    """As ``look``, for one of many, of which none must hide another."""
    try:
        return look(session, seen, nodes)
    except CommandError as error:
        return sets.unreadable(seen.ds, d.KIND, error)


def with_blanks(drawn: Iterable[RenderableType]) -> Iterator[RenderableType]:
    """A blank line between two sets."""
    for place, x in enumerate(drawn):
        if place:
            yield ""
        yield x


def run_all(session: Session, _: Any) -> int:
    """All sets there are, as ``tree`` has them."""
    roles, alone = see_everything(session)
    nodes = nodes_of(session, [*(y for x in roles for y in x.sets), *alone])
    views = [look_anyway(session, x, nodes) for x in roles]
    views += [sets.look_anyway(session, x, nodes) for x in alone]
    wide = session.output.format == "wide"
    drawn = Lines(*with_blanks(draw(x, namespaced=not session.namespace, wide=wide) for x in views))
    session.show({"items": views}, drawn if views else nothing(session))
    return 0
