"""``status`` of a DisaggregatedSet with its groups: ``-o wide``, or ``--watch`` on a terminal."""

from __future__ import annotations

import time
from typing import Any

from lws.cli.disaggregated import status, tree
from lws.cli.disaggregated.observing import see_roles
from lws.cli.progress import Following, Told, is_pictured, show
from lws.cli.session import Session


def run(session: Session, options: Any) -> int:
    """One DisaggregatedSet."""
    if not is_pictured(session, options):
        return status.run(session, options)

    def look() -> Told:
        seen = see_roles(session, options.name)
        return Told(status.describe(seen), tree.describe(seen, now=time.time()))

    picture = Following(look, status.draw_whole, tree.root_of)
    return show(session, options, picture, tree.sources_of(options.name))
