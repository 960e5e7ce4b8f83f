"""``hack/run`` that writes every number of a status at once: for tests that look at each of them.

Otherwise they wait for company (docs/decisions/007). A program of its own, with the flags of ``hack/run``.
"""

from __future__ import annotations

import sys

from hack.tools import run
from lws.controllers import leaderworkerset
from lws.controllers.statuspace import StatusPace
from lws.planning.actions import PatchStatus


class Hasty(StatusPace):
    """Nothing waits."""

    def delay(self, uid: str, patch: PatchStatus, *, meets: bool = False) -> float:
        return 0.0


if __name__ == "__main__":
    leaderworkerset.StatusPace = Hasty  # type: ignore[misc]
    sys.exit(run.main())
