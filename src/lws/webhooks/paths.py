"""Which webhook is served under which path, as the webhook configurations name them (operations.md, 2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lws.webhooks import handlers
from lws.webhooks.admission import Webhook
from lws.webhooks.pods import GatesLeaders, no_gates

MUTATE_SET: Final = "/mutate-leaderworkerset-x-k8s-io-v1-leaderworkerset"
VALIDATE_SET: Final = "/validate-leaderworkerset-x-k8s-io-v1-leaderworkerset"
VALIDATE_DISAGGREGATED_SET: Final = "/validate-disaggregatedset-x-k8s-io-v1-disaggregatedset"
MUTATE_POD: Final = "/mutate--v1-pod"
VALIDATE_POD: Final = "/validate--v1-pod"


def webhooks(gang: str | None, gates_leaders: GatesLeaders = no_gates) -> Mapping[str, Webhook]:
    """Each path with what answers there; arguments as for :func:`handlers.pod_mutator`."""
    return {
        MUTATE_SET: handlers.mutate_leaderworkerset,
        VALIDATE_SET: handlers.validate_leaderworkerset,
        VALIDATE_DISAGGREGATED_SET: handlers.validate_disaggregatedset,
        MUTATE_POD: handlers.pod_mutator(gang, gates_leaders),
        VALIDATE_POD: handlers.validate_pod,
    }
