"""A set that rolls as the worked tables have it: by upstream's rules, on a cluster with the gate on.

``support.rollout_world`` with nothing in between: the controller sees everything, and pods that are deleted
are gone at once. New pods are not ready before a test says so.
"""

from __future__ import annotations

from typing import Any

from lws.planning.rollout import Rollout
from support.rollout_parts import LeaderSet
from support.rollout_world import World


class RollingSet(World):
    """At rest on template ``a``, every group ready; its spec is a test's to change."""

    def __init__(self, replicas: int, **numbers: Any) -> None:
        super().__init__(replicas, **numbers, gate=True, replacing=False)

    @property
    def applied(self) -> LeaderSet:
        """The leader StatefulSet."""
        assert self.leader_set is not None
        return self.leader_set

    def reconcile(self) -> Rollout:
        """One pass of the controller; the StatefulSet controller has not acted on it yet."""
        self.look_at_all()
        super().reconcile()
        return Rollout(self.applied.partition, self.applied.replicas)

    def act(self) -> None:
        """Everything that the StatefulSet controller can do now."""
        before = None
        while before != (state := (self.leader_set, dict(self.groups))):
            before = state
            self.sync()
            self.gone(*self.leaving)
        self.look_at_all()

    def lose(self, ordinal: int) -> None:
        """The leader is gone; ``act`` makes it anew."""
        self.tear_down(ordinal)
        self.gone(ordinal)

    def row(self) -> str:
        """A letter for each group: ``o`` outdated, ``x`` and down; ``N`` updated, ``n`` and down."""
        letters = {(False, True): "o", (False, False): "x", (True, True): "N", (True, False): "n"}
        return "".join(letters[x.key == self.key, x.ready] for _, x in sorted(self.groups.items()))
