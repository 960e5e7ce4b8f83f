"""``kubectl lws undo`` of DisaggregatedSets: former templates, and so the former revision (decision 183).

The number of the revision is the controller's to raise, when it sees the templates back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lws.api.workloads import ControllerRevision
from lws.cli.disaggregated.history import Kept, roles_of, see_kept
from lws.cli.disaggregated.restart import check_paused
from lws.cli.editing import ActionView, Change, tell, write
from lws.cli.kinds import DISAGGREGATEDSETS
from lws.cli.manifest import Document, live_document
from lws.cli.session import Session
from lws.cli.undo import Past, roll_back
from lws.planning.disaggregated.history import MARKS

_TEMPLATE = "leaderWorkerTemplate"


def restored(present: Sequence[Document], stored: Sequence[Document]) -> list[Document]:
    """The ``stored`` roles in their order. Of one that is there only the template goes back: its size and the
    numbers of its rollout stay. One that is gone comes back as it was.
    """
    now: Mapping[Any, Document] = {x["name"]: x for x in present}
    return [_restored(now[x["name"]], x) if x["name"] in now else x for x in stored]


def _restored(present: Document, stored: Document) -> Document:
    spec = {name: x for name, x in (present.get("spec") or {}).items() if name != _TEMPLATE}
    template = (stored.get("spec") or {}).get(_TEMPLATE)
    if template is not None:
        spec[_TEMPLATE] = template
    return {**present, "spec": spec}


def past_of(session: Session, kept: Kept) -> Past:
    """Raises CommandError for a set that is paused."""
    ds = kept.seen.ds
    check_paused(ds)

    def way(revision: ControllerRevision) -> Callable[[], None] | None:
        if revision.labels.get(MARKS.revision) == kept.seen.revision:
            return None
        stored = roles_of(revision)
        live = live_document(session, DISAGGREGATEDSETS, ds.name)
        roles = restored(live["spec"]["roles"], stored)
        return lambda: write(session, DISAGGREGATEDSETS, ds, {"spec": {"roles": roles}})

    return Past(ds, kept.own, MARKS, kept.seen.revision, way)


def undo(session: Session, name: str, number: int = 0) -> ActionView:
    """Of one DisaggregatedSet. ``number``: of the revision; 0: the last one with other templates."""
    change = Change(DISAGGREGATEDSETS, "undo")
    return roll_back(change, lambda: past_of(session, see_kept(session, name)), number)


def run(session: Session, options: Any) -> int:
    return tell(session, undo(session, options.name, options.to_revision))
