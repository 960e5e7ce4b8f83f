"""Why a group is not ready: one phase, one reason and one sentence, from what the manager caches anyway."""

from lws.planning.reasons.groups import Waits, group_reason, waiting_groups
from lws.planning.reasons.standing import PHASES, Phase, Reason, Standing, reason_of, urgency
from lws.planning.reasons.worst import NOTHING_TOLD, Readiness, Told, sentence, with_phases, worst_of

__all__ = [
    "NOTHING_TOLD",
    "PHASES",
    "Phase",
    "Readiness",
    "Reason",
    "Standing",
    "Told",
    "Waits",
    "group_reason",
    "reason_of",
    "sentence",
    "urgency",
    "waiting_groups",
    "with_phases",
    "worst_of",
]
