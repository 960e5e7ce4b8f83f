"""What a set must obey that has subgroups, and of a change of them (api.md, 4.3 and 4.4).

Which pod belongs to which may not live here (``webhooks.pods.subgroups``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from lws.api import constants as c
from lws.webhooks.documents import SubGroupPolicy
from lws.webhooks.errors import FieldError, invalid, required

# Upstream spells this path with a capital S, unlike the member itself; messages stay the same (api.md, 6 #7).
_SUBGROUP_SIZE: Final = "spec.leaderWorkerTemplate.SubGroupPolicy.subGroupSize"
_SUBGROUP_EXCLUSIVE: Final = f"metadata.annotations.{c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION}"
_IMMUTABLE: Final = "field is immutable"


def subgrouping(
    policy: SubGroupPolicy | None, size: int, annotations: Mapping[str, str]
) -> Iterator[FieldError]:
    """Rules 16 to 20."""
    if policy is not None:
        yield from _subgroup_size(policy, size)
    elif c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION in annotations:
        value = annotations[c.SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION]
        yield invalid(_SUBGROUP_EXCLUSIVE, value, "must not be set without subGroupPolicy")


def _subgroup_size(policy: SubGroupPolicy, size: int) -> Iterator[FieldError]:
    """Rules 16 to 19; a missing size and 0 leave nothing to divide by."""
    subgroup = policy.sub_group_size
    if subgroup is None:
        yield required(_SUBGROUP_SIZE, "subGroupPolicy must have a subGroupSize")
        return
    if subgroup < 1:
        yield invalid(_SUBGROUP_SIZE, subgroup, "must be greater than or equal to 1")
    if subgroup == 0:
        return
    if size % subgroup != 0 and (size - 1) % subgroup != 0:
        yield invalid(_SUBGROUP_SIZE, subgroup, f"must divide size ({size}) or size - 1 without remainder")
    if size < subgroup:
        yield invalid(_SUBGROUP_SIZE, subgroup, f"must be less than or equal to size ({size})")
    if policy.sub_group_policy_type == c.SUBGROUP_LEADER_EXCLUDED and (size - 1) % subgroup != 0:
        detail = (
            f"must divide size - 1 ({size - 1}) without remainder when subGroupPolicyType is LeaderExcluded"
        )
        yield invalid(_SUBGROUP_SIZE, subgroup, detail)


def subgroup_change(new: SubGroupPolicy | None, old: SubGroupPolicy | None) -> Iterator[FieldError]:
    """Rules U1 to U3. A size that is missing now is reported as such, not as changed."""
    if new is not None and old is not None:
        if new.sub_group_size is not None and new.sub_group_size != old.sub_group_size:
            yield invalid(_SUBGROUP_SIZE, new.sub_group_size, _IMMUTABLE)
    elif new is not None:
        detail = "must not be set: subGroupPolicy cannot be added to an existing LeaderWorkerSet"
        yield invalid(_SUBGROUP_SIZE, new.sub_group_size, detail)
    elif old is not None:
        detail = "must stay: subGroupPolicy cannot be removed from an existing LeaderWorkerSet"
        yield invalid(_SUBGROUP_SIZE, old.sub_group_size, detail)
