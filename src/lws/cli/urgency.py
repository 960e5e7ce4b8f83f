"""How a finding is shown: whether somebody has to do something, or it is on its way, or meant so."""

from __future__ import annotations

from typing import Final

from lws.cli.drawing import BAD, BUSY, QUIET

_BY_DESIGN: Final = frozenset({"Partition", "Paused"})
_ON_ITS_WAY: Final = frozenset(
    {
        "CreatingWorkers",
        "NoLeader",
        "NoWorkers",
        "Replacing",
        "RollingOut",
        "RolloutPending",
        "Scaling",
        "Scheduling",
        "Starting",
        "Terminating",
        "Updating",
    }
)


def style_of(reason: str) -> str:
    """Red: somebody has to do something. Yellow: it is on its way. Dim: it is meant so."""
    if reason in _BY_DESIGN:
        return QUIET
    return BUSY if reason in _ON_ITS_WAY else BAD
