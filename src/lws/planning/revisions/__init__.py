"""Revisions: canonical snapshots of a set's template, and their life as ControllerRevisions.

The bytes and keys equal those of the upstream controller, so that changing from one controller or
version to the other restarts nothing.
"""

from lws.planning.revisions.lifecycle import (
    MAX_HISTORY,
    SETS,
    Marks,
    RevisionPlan,
    carried_key,
    former_revision,
    held,
    history_limit,
    labelled_revision,
    next_number,
    owned_revisions,
    plan_revision,
    plan_truncation,
    revision_document,
    revision_name,
    superfluous,
)
from lws.planning.revisions.shape import Shape, live_shape, shape_of
from lws.planning.revisions.template import Template, restore, template_of

__all__ = [
    "MAX_HISTORY",
    "SETS",
    "Marks",
    "RevisionPlan",
    "Shape",
    "Template",
    "carried_key",
    "former_revision",
    "held",
    "history_limit",
    "labelled_revision",
    "live_shape",
    "next_number",
    "owned_revisions",
    "plan_revision",
    "plan_truncation",
    "restore",
    "revision_document",
    "revision_name",
    "shape_of",
    "superfluous",
    "template_of",
]
