"""A spec as the rules read it, or why none can (decision 186).

Admission and the schema let no such spec through, but there are ways past both. Whoever is asked anything
else about a set may rely on what is judged here: no rule raises for a spec without faults.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from lws.api import disaggregation as d
from lws.api.disaggregatedset import DisaggregatedSet, Role, RoleSpec
from lws.api.intorpercent import scalable_percent
from lws.api.leaderworkerset import IntOrString
from lws.planning.actions import Action
from lws.planning.disaggregated.revision import revision_of
from lws.planning.problems import invalid

MOST_SLICES: Final = 100
_ROLLING: Final = "rolloutStrategy.rollingUpdateConfiguration"


class Reading(NamedTuple):
    """``revision``: empty when there are ``faults``: one line each, the field first."""

    revision: str
    faults: tuple[str, ...] = ()


def read_set(ds: DisaggregatedSet) -> Reading:
    """All that is wrong with a spec, or its revision."""
    faults = tuple(_faults(ds))
    if faults:
        return Reading("", faults)
    try:
        return Reading(revision_of(ds.spec.roles))
    except ValueError as error:
        return Reading("", (str(error),))


def unreadable(ds: DisaggregatedSet, faults: tuple[str, ...]) -> tuple[Action, ...]:
    """What is told of a spec with ``faults``; nothing else is done for its set."""
    return invalid(ds, "; ".join(faults), api_version=d.API_VERSION, kind=d.KIND)


def _faults(ds: DisaggregatedSet) -> Iterator[str]:
    if not 1 <= ds.slices <= MOST_SLICES:
        yield f"spec.slices: {ds.slices} is no number from 1 to {MOST_SLICES}"
    names = [x.name for x in ds.spec.roles]
    if not names:
        yield "spec.roles: there is none"
    for name in dict.fromkeys(x for x in names if names.count(x) > 1):
        yield f"spec.roles[{name}]: there is more than one"
    for role in ds.spec.roles:
        yield from (f"spec.roles[{role.name}].spec{fault}" for fault in _role_faults(role))


def _role_faults(role: Role) -> Iterator[str]:
    """Each begins with what follows ``spec`` in the path of its field."""
    try:
        spec = role.read_spec()
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        yield f"{path.rstrip('`')}: {problem}"
        return
    if spec.replicas is not None and spec.replicas < 0:
        yield f".replicas: {spec.replicas} is negative"
    yield from _pace_faults(spec)


def _pace_faults(spec: RoleSpec) -> Iterator[str]:
    rolling = spec.rolling_update
    if rolling is None:
        return
    for field, value in (("maxSurge", rolling.max_surge), ("maxUnavailable", rolling.max_unavailable)):
        problem = None if value is None else _pace_fault(value)
        if problem is not None:
            yield f".{_ROLLING}.{field}: {value} {problem}"


def _pace_fault(value: IntOrString) -> str | None:
    """A text that is no share counts as 0, as upstream."""
    number = scalable_percent(value) if isinstance(value, str) else value
    if number is not None and number < 0:
        return "is negative"
    return "is too large" if number is not None and number >= 2**31 else None
