"""What a pod of a group gets when it is admitted: identity, subgroup, placement, environment, TPU variables.

What a set must look like may not live here (``webhooks.sets``).
"""

from __future__ import annotations

from lws.webhooks.pods.mutation import GatesLeaders, mutate_pod, mutation_stages, no_gates

__all__ = ["GatesLeaders", "mutate_pod", "mutation_stages", "no_gates"]
