"""``status --watch`` of a DisaggregatedSet on a terminal."""

from __future__ import annotations

import time
from typing import Any

from lws.cli.disaggregated import status, tree
from lws.cli.disaggregated.observing import see_roles
from lws.cli.live import follow, is_live
from lws.cli.progress import Following, Told
from lws.cli.session import Session


def run(session: Session, options: Any) -> int:
    """One DisaggregatedSet."""
    if not options.watch or not is_live(session):
        return status.run(session, options)

    def look() -> Told:
        seen = see_roles(session, options.name)
        return Told(status.describe(seen), tree.describe(seen, now=time.time()))

    picture = Following(look, status.draw, tree.root_of)
    return follow(session, tree.sources_of(options.name), picture, timeout=options.timeout)
