"""How far a roll goes, by what the caches show, and by what the server says where that is not enough.

The rules are in ``planning.rollout``; what is applied by them is made elsewhere.
"""

from __future__ import annotations

from lws.controllers.livereads import LiveReader
from lws.planning.groups import Groups
from lws.planning.observed import ObservedSet
from lws.planning.revisions import RevisionPlan
from lws.planning.rollout import Rollout, past_groups_down, rollout_parameters


def roll_on(
    observed: ObservedSet, groups: Groups, revision: RevisionPlan, *, floor: int, live: LiveReader
) -> Rollout:
    """Partition and replicas to apply. Raises ValueError as ``rollout_parameters`` does.

    Groups that a window passes because they are down are looked at on the server: there may be more of them
    than may be down at once, and an old cache would have them all go (docs/decisions/249).
    """
    lws, leader = observed.lws, observed.leader
    states = groups.states(revision.key, leader.spec.replicas if leader is not None else 0)
    rollout = rollout_parameters(lws, leader, states, template_changed=revision.changed, floor=floor)
    further = past_groups_down(lws, rollout, states, floor=floor)
    passed = (groups.by_index[x].leader for x in range(further.partition, rollout.partition))
    return rollout if any(live.may_be_ready(observed, x) for x in passed) else further
