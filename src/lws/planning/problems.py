"""What is known to keep a set from going on, and how its condition ``Stalled`` puts it.

Each pass finds the problems of its own object anew; which of them are known, of which group and since when,
is remembered by the shell. Nothing here decides what is done about one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.objects import KubeObject
from lws.planning.actions import Action, Delete, Problem, Record, Requeue, reference

_NAMED: Final = 3
"""Groups or objects that a message names: one that grew with each further one would be written with each."""
_LONGEST: Final = 2048
"""Characters of a message that are shown; the API server may quote whole objects."""

INVALID_RETRY: Final = 300.0
"""Seconds until another look at what only an edit can mend, and an edit is seen at once."""

FAILING_GRACE: Final = 30.0
"""Seconds for which passes may fail before it is told: an API server that restarts is back by then."""

_REFUSED: Final = {
    "Service": c.REASON_SERVICE_REFUSED,
    "ControllerRevision": c.REASON_REVISION_REFUSED,
    "StatefulSet": c.REASON_WORKERS_REFUSED,
    "ResourceClaim": c.REASON_WAITING_FOR_CLAIM,
    c.KIND: d.REASON_CHILD_REFUSED,
    d.SCALER_KIND: d.REASON_SCALER_REFUSED,
}


class SetProblems(NamedTuple):
    """Problems of a set itself, and of its groups by their index."""

    own: Sequence[Problem] = ()
    groups: Mapping[int, Sequence[Problem]] = {}

    @property
    def any(self) -> bool:
        return bool(self.own or self.groups)

    @property
    def unmet(self) -> bool:
        """Whether something of the spec is not carried out although every group may be ready."""
        told = (*self.own, *(x for found in self.groups.values() for x in found))
        return any(x.unmet for x in told)


NO_PROBLEMS: Final = SetProblems()


def refused(document: Mapping[str, Any], words: str) -> Problem:
    """That the API server takes this document neither now nor, by itself, later. ``words``: its own."""
    kind, metadata = document["kind"], document["metadata"]
    if metadata.get("labels", {}).get(c.ROLE_LABEL) == c.ROLE_LEADER:
        return Problem(c.REASON_LEADER_REFUSED, f"The API server refuses the leader StatefulSet: {words}")
    reason = _REFUSED.get(kind, c.REASON_POD_GROUP_REFUSED)
    # Pods run, or are seen not to, whatever becomes of the object that stands for their gang.
    unmet = reason != c.REASON_POD_GROUP_REFUSED
    name = metadata["name"]
    return Problem(reason, f"The API server refuses {kind} {name}: {words}", unmet=unmet, subject=name)


def gate_refused(pod: str, words: str) -> Problem:
    """That a leader's condition cannot be written. ``words``: the API server's."""
    what = f"the condition {c.GROUP_READY_GATE} of pod {pod}"
    return Problem(c.REASON_GATE_REFUSED, f"The API server refuses {what}: {words}")


def mark_refused(kind: str, name: str, words: str) -> Problem:
    """That a leader does not get what has its group stop at once. ``words``: the API server's."""
    message = f"The API server refuses the termination policy of {kind} {name}: {words}"
    return Problem(c.REASON_TERMINATION_REFUSED, message, unmet=False)


def failing(words: str) -> Problem:
    """That no pass gets to its end, though nobody refuses anything: a webhook is down, for instance."""
    message = f"The controller cannot finish its work, and tries again: {words}"
    return Problem(c.REASON_RECONCILE_FAILING, message, grace=FAILING_GRACE)


def deletion_refused(action: Delete, words: str) -> Problem:
    """That the API server does not let an object go. ``words``: its own."""
    message = f"The API server refuses to delete {action.kind} {action.key.name}: {words}"
    return Problem(c.REASON_DELETION_REFUSED, message, unmet=action.unmet)


def invalid(
    obj: KubeObject,
    fault: str,
    *,
    unmet: bool = True,
    api_version: str = c.API_VERSION,
    kind: str = c.KIND,
) -> tuple[Action, ...]:
    """For a set whose spec came past admission and that no rule can read. ``fault``: one line, the field
    first.
    """
    problem = Problem(c.REASON_INVALID_SPEC, fault, unmet=unmet)
    told = Record(reference(api_version, kind, obj), "Warning", problem.reason, "Update", fault)
    return (problem, told, Requeue(INVALID_RETRY))


def summary(problems: SetProblems) -> tuple[str, str]:
    """Reason and message of the condition: the set's own problems first, then those of groups, by reason."""
    by_reason: dict[str, list[tuple[int, Problem]]] = {}
    for index in sorted(problems.groups):
        for one in problems.groups[index]:
            by_reason.setdefault(one.reason, []).append((index, one))
    reasons = [x.reason for x in problems.own] + list(by_reason)
    told = _told_once(problems.own)
    told += [_told(found) for found in by_reason.values()]
    message = "; ".join(told)
    return reasons[0], message if len(message) <= _LONGEST else message[: _LONGEST - 3] + "..."


def _told_once(problems: Sequence[Problem]) -> list[str]:
    """Messages; of objects that have the same problem the first one's, and then their names."""
    alike: dict[tuple[str, str], list[Problem]] = {}
    for one in problems:
        words = one.message.replace(one.subject, "") if one.subject else one.message
        alike.setdefault((one.reason, words), []).append(one)
    return [x[0].message + _likewise([y.subject for y in x[1:] if y.subject]) for x in alike.values()]


def _likewise(names: Sequence[str]) -> str:
    if not names:
        return ""
    named = ", ".join(names[:_NAMED])
    return f"; likewise {named}" + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _told(found: Sequence[tuple[int, Problem]]) -> str:
    """Of the first group all that is in its way; of the others that it is the same kind."""
    first = found[0][0]
    messages = [problem.message for index, problem in found if index == first]
    return f"{_groups(list(dict.fromkeys(index for index, _ in found)))}: {'; '.join(messages)}"


def _groups(indexes: Sequence[int]) -> str:
    if len(indexes) == 1:
        return f"group {indexes[0]}"
    named = ", ".join(str(x) for x in indexes[:_NAMED])
    return f"groups {named} and others" if len(indexes) > _NAMED else f"groups {named}"
