"""``kubectl lws pause`` and ``resume``: hold a roll by the partition, and give the set its own one back.

The partition of a paused set is beyond every index that a set can have, so that groups which a scale-up
creates meanwhile come from the last template that was rolled out completely, as all others do that are made
anew (docs/decisions/061).
"""

from __future__ import annotations

from typing import Any, Final

from lws.api import constants as c
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.cli.editing import ActionView, Change, Patch, edit, tell
from lws.cli.kinds import LEADERWORKERSETS
from lws.cli.observing import Seen, see
from lws.cli.ownership import check_alone
from lws.cli.session import Session
from lws.planning.observed import number_in

HELD: Final = 1_000_000
"""The partition of a paused set: the most groups that a set may have."""


def pausing(seen: Seen) -> tuple[Patch | None, str]:
    """Remember the set's partition, and raise it. A set that is paused has nothing to remember.

    Raises CommandError for a part of a DisaggregatedSet.
    """
    lws = seen.lws
    check_alone(lws, "pause {ds}")
    if is_paused(lws):
        if lws.partition == HELD:
            return None, "already paused"
        return _partition(HELD), "paused again: somebody had changed its partition"
    own = lws.rolling_update.partition
    kept = {c.PAUSED_PARTITION_ANNOTATION: "" if own is None else str(own)}
    return _partition(HELD) | {"metadata": {"annotations": kept}}, "paused"


def resuming(seen: Seen) -> tuple[Patch | None, str]:
    """Give it its own partition back, unless somebody has set another one meanwhile: that is kept."""
    lws = seen.lws
    if not is_paused(lws):
        return None, "is not paused"
    forget: Patch = {"metadata": {"annotations": {c.PAUSED_PARTITION_ANNOTATION: None}}}
    if lws.partition != HELD:
        return forget, f"resumed: its partition was changed to {lws.partition} meanwhile, and stays so"
    kept = lws.annotations[c.PAUSED_PARTITION_ANNOTATION]
    own = number_in(kept)
    return _partition(own) | forget, f"resumed: its partition is {own or 0}"


def is_paused(lws: LeaderWorkerSet) -> bool:
    return c.PAUSED_PARTITION_ANNOTATION in lws.annotations


def _partition(value: int | None) -> Patch:
    return {"spec": {"rolloutStrategy": {"rollingUpdateConfiguration": {"partition": value}}}}


def pause(session: Session, name: str) -> ActionView:
    return edit(session, Change(LEADERWORKERSETS, "pause"), lambda: see(session, name), pausing)


def resume(session: Session, name: str) -> ActionView:
    return edit(session, Change(LEADERWORKERSETS, "resume"), lambda: see(session, name), resuming)


def run_pause(session: Session, options: Any) -> int:
    return tell(session, pause(session, options.name))


def run_resume(session: Session, options: Any) -> int:
    return tell(session, resume(session, options.name))
