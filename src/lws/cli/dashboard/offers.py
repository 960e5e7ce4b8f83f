"""What a person may have done to a set from the page, and what that comes to. Pure.

Each is a command of ``kubectl lws``; what such a command would refuse is said beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from lws.api.workloads import ControllerRevision
from lws.cli.observing import Seen
from lws.cli.ownership import whole_of
from lws.cli.pause import is_paused
from lws.cli.session import CommandError
from lws.cli.undo import Past, target
from lws.objects import KubeObject
from lws.planning.revisions import SETS, Marks, owned_revisions

PAUSE, RESUME, RESTART, UNDO = "pause", "resume", "restart", "undo"
ACTIONS: Final = (PAUSE, RESUME, RESTART, UNDO)


class Offer(Struct, rename="camel"):
    """``text``: what will happen, or why it cannot."""

    action: str
    enabled: bool
    text: str


def offers_of_set(seen: Seen) -> list[Offer]:
    """Raises CommandError for a set whose spec cannot be read."""
    lws, own = seen.lws, owned_revisions(seen.lws, seen.revisions)
    paused = is_paused(lws)
    if whole := whole_of(lws):
        why = f"It is part of ds/{whole}, and goes with it."
        return [
            _pausing(paused=True) if paused else Offer(PAUSE, False, why),
            Offer(RESTART, False, why),
            Offer(UNDO, False, why),
        ]
    return [
        _pausing(paused=paused),
        _restarting("All groups are recreated by a roll, within maxUnavailable and maxSurge.", paused=paused),
        _undoing(lws, own, SETS, seen.revision.key, paused=paused),
    ]


def offers_of_roles(
    owner: KubeObject, own: Sequence[ControllerRevision], marks: Marks, key: str, *, paused: bool
) -> list[Offer]:
    """``own``: the revisions of a DisaggregatedSet; ``key``: of its present templates."""
    return [
        _pausing(paused=paused),
        _restarting("All roles are recreated together, by a rollout.", paused=paused),
        _undoing(owner, own, marks, key, paused=paused),
    ]


def _pausing(*, paused: bool) -> Offer:
    if paused:
        return Offer(RESUME, True, "The roll goes on where it stands.")
    return Offer(PAUSE, True, "No group is replaced from now on, until it is resumed.")


def _restarting(text: str, *, paused: bool) -> Offer:
    return Offer(RESTART, not paused, "It is paused: resume it first." if paused else text)


def _undoing(
    owner: KubeObject, own: Sequence[ControllerRevision], marks: Marks, key: str, *, paused: bool
) -> Offer:
    if paused:
        return Offer(UNDO, False, "It is paused: resume it first.")
    try:
        former = target(Past(owner, own, marks, key, lambda _: None), 0)
    except CommandError:
        return Offer(UNDO, False, "There is no former template that was kept.")
    label = former.labels.get(marks.revision, "")
    return Offer(UNDO, True, f"Its template goes back to revision {former.revision} ({label}), by a roll.")
