"""What a LeaderWorkerSet is given, asked for and warned of when it is admitted: defaults, rules, warnings.

What its pods get may not live here (``webhooks.pods``).
"""

from __future__ import annotations

from lws.webhooks.sets.defaulting import default_leaderworkerset
from lws.webhooks.sets.validation import validate_create, validate_update
from lws.webhooks.sets.warnings import warn

__all__ = ["default_leaderworkerset", "validate_create", "validate_update", "warn"]
