"""What a pod asks of the scheduler: the sum over its containers, by the rules of Kubernetes.

Works on plain pod specs, as templates hold them. A limit without a request counts as one, as the API server
makes it one when it admits the pod (docs/decisions/014): many ask for GPUs by limits alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lws.api.quantities import Quantity, parse_quantity

Resources = dict[str, Quantity]


def pod_requests(spec: Mapping[str, Any]) -> Resources:
    """Requests of one pod with this spec.

    Containers and sidecars (init containers that keep running) add up; an init container needs its own on top
    of the sidecars started before it, and the larger of both is asked for. Pod-level requests replace the sum
    for the resources they may name, pod-level limits only where there is none; overhead comes on top. Raises
    ValueError for what is no quantity.
    """
    needed = total(_requests(x) for x in spec.get("containers") or ())
    starting: Resources = {}
    sidecars: Resources = {}
    for container in spec.get("initContainers") or ():
        own = _requests(container)
        if container.get("restartPolicy") == "Always":
            needed, sidecars = total((needed, own)), total((sidecars, own))
            own = {}
        starting = _larger(starting, total((sidecars, own)))
    of_all = {**_pod_level(spec, "limits"), **_larger(needed, starting), **_pod_level(spec, "requests")}
    return total((of_all, _resource_list(spec.get("overhead"))))


def total(lists: Iterable[Mapping[str, Quantity]]) -> Resources:
    """Resource by resource, in the spelling of the first that is not zero."""
    summed: Resources = {}
    for one in lists:
        for name, quantity in one.items():
            summed[name] = summed[name].plus(quantity) if name in summed else quantity
    return summed


def _larger(first: Mapping[str, Quantity], second: Mapping[str, Quantity]) -> Resources:
    larger = dict(first)
    for name, quantity in second.items():
        if name not in larger or quantity.exceeds(larger[name]):
            larger[name] = quantity
    return larger


def _pod_level(spec: Mapping[str, Any], member: str) -> Resources:
    given = _resource_list((spec.get("resources") or {}).get(member))
    return {
        name: x for name, x in given.items() if name in ("cpu", "memory") or name.startswith("hugepages-")
    }


def _requests(container: Mapping[str, Any]) -> Resources:
    resources = container.get("resources") or {}
    return {**_resource_list(resources.get("limits")), **_resource_list(resources.get("requests"))}


def _resource_list(given: Mapping[str, Any] | None) -> Resources:
    return {name: parse_quantity(str(quantity)) for name, quantity in (given or {}).items()}
