"""``kubectl lws pause`` and ``resume`` of DisaggregatedSets: an annotation, which the controller obeys.

There is no partition to raise: upstream knows no pause of these sets (docs/decisions/181).
"""

from __future__ import annotations

from typing import Any

from lws.api import disaggregation as d
from lws.cli.disaggregated.observing import SeenRoles, see_alone
from lws.cli.editing import ActionView, Change, Patch, edit, tell
from lws.cli.kinds import DISAGGREGATEDSETS
from lws.cli.session import Session


def pausing(seen: SeenRoles) -> tuple[Patch | None, str]:
    if seen.ds.paused:
        return None, "already paused"
    return _annotation(d.PAUSED), "paused"


def resuming(seen: SeenRoles) -> tuple[Patch | None, str]:
    if d.PAUSED_ANNOTATION not in seen.ds.annotations:
        return None, "is not paused"
    return _annotation(None), "resumed"


def _annotation(value: str | None) -> Patch:
    return {"metadata": {"annotations": {d.PAUSED_ANNOTATION: value}}}


def pause(session: Session, name: str) -> ActionView:
    return edit(session, Change(DISAGGREGATEDSETS, "pause"), lambda: see_alone(session, name), pausing)


def resume(session: Session, name: str) -> ActionView:
    return edit(session, Change(DISAGGREGATEDSETS, "resume"), lambda: see_alone(session, name), resuming)


def run_pause(session: Session, options: Any) -> int:
    return tell(session, pause(session, options.name))


def run_resume(session: Session, options: Any) -> int:
    return tell(session, resume(session, options.name))
