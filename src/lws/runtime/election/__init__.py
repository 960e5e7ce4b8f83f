"""One leader among the replicas: the Lease as a state machine, and the elector that keeps it.

What a leader runs is told by whoever starts the elector, and may not live here.
"""

from __future__ import annotations

from lws.runtime.election.elector import LeaderElector, LeadershipLost, new_identity
from lws.runtime.election.lease import Election, Lease

__all__ = ["Election", "LeaderElector", "LeadershipLost", "Lease", "new_identity"]
