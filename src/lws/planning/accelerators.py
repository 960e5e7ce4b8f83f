"""Whether a pod asks for accelerators (api.md, 5.6). Environment variables for them are the webhook's."""

from __future__ import annotations

from lws.api.quantities import parse_quantity
from lws.api.workloads import Container, Pod, Quantity


def requests_tpus(pod: Pod) -> bool:
    """Whether any container or init container requests TPUs. Raises ValueError for what is no quantity."""
    return any(_requests(x) for x in (*pod.spec.containers, *pod.spec.init_containers))


def _requests(container: Container) -> bool:
    """The limit is non-zero or, if it is absent or zero, the request is."""
    resources = container.resources
    return not _is_zero(resources.limits.tpu) or not _is_zero(resources.requests.tpu)


def _is_zero(quantity: Quantity | None) -> bool:
    """A quantity, not a text: ``0m`` is zero and ``500m`` is not."""
    return quantity is None or parse_quantity(str(quantity)).mantissa == 0
