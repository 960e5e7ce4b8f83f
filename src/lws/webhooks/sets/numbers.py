"""The numbers of a LeaderWorkerSet for its rules and warnings: a missing one is the schema's default.

What a number must be may not live here.
"""

from __future__ import annotations

from typing import NamedTuple

from lws.api.intorpercent import scalable_percent, share
from lws.webhooks.documents import (
    IntOrString,
    LeaderWorkerSet,
    LeaderWorkerSetSpec,
    LeaderWorkerTemplate,
    RollingUpdateConfiguration,
    RolloutStrategy,
)


class Numbers(NamedTuple):
    """``size``: pods of a group. ``max_unavailable`` and ``max_surge``: as they are written."""

    replicas: int
    size: int
    max_unavailable: IntOrString
    max_surge: IntOrString
    partition: int

    @property
    def unavailable(self) -> int | None:
        """Groups, a share rounded down; None for text that gives no number (api.md, 1.7)."""
        return _scaled(self.max_unavailable, self.replicas, round_up=False)

    @property
    def surge(self) -> int | None:
        """Groups, a share rounded up; None for text that gives no number (api.md, 1.7)."""
        return _scaled(self.max_surge, self.replicas, round_up=True)

    @property
    def most_groups(self) -> int:
        """In a roll, surge included: the controller has as many surge groups as replicas at most."""
        return self.replicas + max(0, min(self.replicas, self.surge or 0))


def numbers_of(lws: LeaderWorkerSet) -> Numbers:
    spec = lws.spec or LeaderWorkerSetSpec()
    template = spec.leader_worker_template or LeaderWorkerTemplate()
    strategy = spec.rollout_strategy or RolloutStrategy()
    rolling = strategy.rolling_update_configuration or RollingUpdateConfiguration()
    return Numbers(
        replicas=1 if spec.replicas is None else spec.replicas,
        size=1 if template.size is None else template.size,
        max_unavailable=1 if rolling.max_unavailable is None else rolling.max_unavailable,
        max_surge=0 if rolling.max_surge is None else rolling.max_surge,
        partition=rolling.partition or 0,
    )


def _scaled(value: IntOrString, replicas: int, *, round_up: bool) -> int | None:
    if isinstance(value, int):
        return value
    percent = scalable_percent(value)
    return None if percent is None else share(percent, replicas, round_up=round_up)
