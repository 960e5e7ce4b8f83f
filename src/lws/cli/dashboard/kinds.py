"""Objects that only the dashboard looks at. No rules here."""

from __future__ import annotations

from lws.api import workloads
from lws.cli import kinds


class InvolvedObject(workloads.InvolvedObject, frozen=True, omit_defaults=True):
    kind: str = ""


class Event(kinds.Event, frozen=True, rename="camel"):
    """A core event with what it is about. ``count``: how often it was seen, where that is told here."""

    involved_object: InvolvedObject = InvolvedObject()
    count: int | None = None
