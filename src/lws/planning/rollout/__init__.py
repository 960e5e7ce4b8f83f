"""How far a roll may go, which leaders go next, and when a roll began and ended.

What the leader StatefulSet looks like may not live here (``planning.leader``).
"""

from __future__ import annotations

from lws.planning.rollout.numbers import (
    Rollout,
    RolloutNumbers,
    group_deletion,
    next_partition,
    partition_move,
    past_groups_down,
    rollout_numbers,
    rollout_parameters,
    surge_shortfall,
)
from lws.planning.rollout.record import (
    COMPLETED,
    OUTCOMES,
    RolloutPlan,
    followed,
    plan_rollout_record,
    rollout_document,
)
from lws.planning.rollout.replacement import plan_replacements, rebuilds_as, spare_groups

__all__ = [
    "COMPLETED",
    "OUTCOMES",
    "Rollout",
    "RolloutNumbers",
    "RolloutPlan",
    "followed",
    "group_deletion",
    "next_partition",
    "partition_move",
    "past_groups_down",
    "plan_replacements",
    "plan_rollout_record",
    "rebuilds_as",
    "rollout_document",
    "rollout_numbers",
    "rollout_parameters",
    "spare_groups",
    "surge_shortfall",
]
