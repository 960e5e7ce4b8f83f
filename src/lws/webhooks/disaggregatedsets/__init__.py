"""What a DisaggregatedSet is asked for and warned of when it is admitted: rules and warnings.

It has no defaults but its schema's. What its LeaderWorkerSets are asked for is ``webhooks.sets``'s to say.
"""

from __future__ import annotations

from lws.webhooks.disaggregatedsets.validation import validate
from lws.webhooks.disaggregatedsets.warnings import warn

__all__ = ["validate", "warn"]
