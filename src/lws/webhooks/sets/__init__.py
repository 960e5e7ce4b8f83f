"""What a LeaderWorkerSet is given and asked for when it is admitted: defaults, and rules with their paths.

What its pods get may not live here (``webhooks.pods``).
"""

from __future__ import annotations

from lws.webhooks.sets.defaulting import default_leaderworkerset
from lws.webhooks.sets.validation import validate_create, validate_update

__all__ = ["default_leaderworkerset", "validate_create", "validate_update"]
