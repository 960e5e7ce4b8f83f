"""What a set that is updated in place must obey, and what its author may not have meant (beyond.md, 1.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from lws.api import constants as c
from lws.webhooks.documents import LeaderWorkerSetSpec, LeaderWorkerTemplate, RollingUpdateConfiguration
from lws.webhooks.errors import FieldError, invalid

_ROLLING_UPDATE: Final = "spec.rolloutStrategy.rollingUpdateConfiguration"
_POLICIES: Final = (c.POD_UPDATE_RECREATE, c.POD_UPDATE_IN_PLACE)
LONGEST_GRACE: Final = 3600
SHORTEST_DEADLINE: Final = 30


def in_place_violations(spec: LeaderWorkerSetSpec) -> Iterator[FieldError]:
    """The schema says the same, where it is installed; the times without the policy it cannot refuse."""
    rolling = _rolling_update(spec)
    policy, times = rolling.pod_update_policy, rolling.in_place_update
    if policy not in (None, *_POLICIES):
        yield invalid(f"{_ROLLING_UPDATE}.podUpdatePolicy", policy, f"must be {' or '.join(_POLICIES)}")
    if times is None:
        return
    path = f"{_ROLLING_UPDATE}.inPlaceUpdate"
    if policy != c.POD_UPDATE_IN_PLACE:
        detail = f"must not be set unless podUpdatePolicy is {c.POD_UPDATE_IN_PLACE}"
        yield invalid(path, policy or c.POD_UPDATE_RECREATE, detail)
    grace, deadline = times.grace_period_seconds, times.deadline_seconds
    if grace is not None and not 0 <= grace <= LONGEST_GRACE:
        yield invalid(f"{path}.gracePeriodSeconds", grace, f"must be from 0 to {LONGEST_GRACE}")
    if deadline is not None and deadline < SHORTEST_DEADLINE:
        detail = f"must be greater than or equal to {SHORTEST_DEADLINE}"
        yield invalid(f"{path}.deadlineSeconds", deadline, detail)


def in_place_warnings(spec: LeaderWorkerSetSpec) -> Iterator[str]:
    """A tag that is pushed anew is no change of the template, and updates nothing."""
    if _rolling_update(spec).pod_update_policy != c.POD_UPDATE_IN_PLACE:
        return
    template = spec.leader_worker_template or LeaderWorkerTemplate()
    for role, pods in (
        ("leaderTemplate", template.leader_template),
        ("workerTemplate", template.worker_template),
    ):
        for path, image in _images(pods):
            if not _pinned(image):
                yield (
                    f"spec.leaderWorkerTemplate.{role}.spec.{path}.image: an image without tag or digest, or"
                    " with the tag latest: what is pushed under it later updates no group"
                )


def _images(pods: Any) -> Iterator[tuple[str, str]]:
    """Whatever the schema would not let through is passed over."""
    spec = pods.get("spec") if isinstance(pods, dict) else None
    for kind in ("initContainers", "containers"):
        containers = spec.get(kind) if isinstance(spec, dict) else None
        for index, one in enumerate(containers if isinstance(containers, list) else ()):
            image = one.get("image") if isinstance(one, dict) else None
            if isinstance(image, str) and image:
                yield f"{kind}[{index}]", image


def _pinned(image: str) -> bool:
    """It has a digest, or a tag that is not the one that always moves; a port is no tag."""
    name, at, _ = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return bool(at) or tag not in ("", "latest")


def _rolling_update(spec: LeaderWorkerSetSpec) -> RollingUpdateConfiguration:
    strategy = spec.rollout_strategy
    return (strategy and strategy.rolling_update_configuration) or RollingUpdateConfiguration()
