"""A LeaderWorkerSet that is part of a DisaggregatedSet is changed through that (docs/decisions/247).

What the command would do to a set that stands alone may not live here.
"""

from __future__ import annotations

from lws.api import disaggregation as d
from lws.cli.session import CommandError
from lws.objects import KubeObject, controller_of
from lws.planning.disaggregated.names import role_of


def whole_of(lws: KubeObject) -> str:
    """The name of the DisaggregatedSet that it is part of; empty: it stands alone."""
    owner = controller_of(lws)
    is_part = owner is not None and owner.kind == d.KIND and owner.api_version.partition("/")[0] == d.GROUP
    return owner.name if owner is not None and is_part else ""


def check_alone(lws: KubeObject, instead: str) -> None:
    """Raises CommandError for one that is part of a DisaggregatedSet.

    ``instead``: what is to be run, with ``{ds}`` and ``{role}``.
    """
    if whole := whole_of(lws):
        command = instead.format(ds=f"ds/{whole}", role=role_of(lws))
        raise CommandError(f"{lws.name} is part of disaggregatedset {whole}: run 'kubectl lws {command}'")
