"""Phases and reasons of groups that are not ready, in the order in which they are asked (beyond.md, 5.2)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

LONGEST: Final = 256
"""Characters of a message."""


class Phase(StrEnum):
    """What a group is about, in one word."""

    FAILED = "Failed"
    BACKING_OFF = "BackingOff"
    TERMINATING = "Terminating"
    UPDATING = "Updating"
    WAITING = "Waiting"
    STARTING = "Starting"


PHASES: Final = tuple(Phase)


class Reason(StrEnum):
    """The first that holds is a group's; they are written in the order in which they are asked."""

    MAX_RESTARTS = "MaxGroupRestartsExceeded"
    RESTART_BACK_OFF = "RestartBackOff"
    STUCK_TERMINATING = "PodStuckTerminating"
    REPLACING = "Replacing"
    IN_PLACE = "InPlace"
    HELD = "Held"
    SCHEDULING_GATED = "SchedulingGated"
    WAITING_FOR_CLAIM = "WaitingForClaim"
    UNSCHEDULABLE = "Unschedulable"
    WAITING_FOR_LEADER = "WaitingForLeader"
    FAILED_CREATE = "FailedCreate"
    IMAGE_PULL = "ImagePull"
    CREATE_CONTAINER = "CreateContainer"
    INITIALIZING = "Initializing"
    CRASH_LOOP = "CrashLoop"
    NOT_READY = "NotReady"
    WAITING_FOR_WORKERS = "WaitingForWorkers"

    @property
    def phase(self) -> Phase:
        return _PHASE_OF[self]

    @property
    def rank(self) -> int:
        """Of two reasons of a group the lower one is told."""
        return _RANK[self]

    @property
    def urgency(self) -> tuple[bool, int]:
        """Of two groups the lower one's is told: what needs somebody before what is on its way."""
        return (self.on_its_way, self.rank)

    @property
    def on_its_way(self) -> bool:
        """Every group meets it, and mostly not for long: it needs nobody yet."""
        return self in _ON_ITS_WAY

    @property
    def stands_still(self) -> bool:
        """Somebody means the group to wait, or its waiting has a bound of its own."""
        return self in _STANDING_STILL

    @property
    def on_record(self) -> bool:
        """Decided here and kept in the group's record: asked first, so found wherever it holds."""
        return self in _ON_RECORD


_PHASE_OF: Final = {
    Reason.MAX_RESTARTS: Phase.FAILED,
    Reason.RESTART_BACK_OFF: Phase.BACKING_OFF,
    Reason.STUCK_TERMINATING: Phase.TERMINATING,
    Reason.REPLACING: Phase.TERMINATING,
    Reason.IN_PLACE: Phase.UPDATING,
    Reason.HELD: Phase.WAITING,
    Reason.SCHEDULING_GATED: Phase.WAITING,
    Reason.WAITING_FOR_CLAIM: Phase.WAITING,
    Reason.UNSCHEDULABLE: Phase.WAITING,
    Reason.WAITING_FOR_LEADER: Phase.WAITING,
    Reason.FAILED_CREATE: Phase.STARTING,
    Reason.IMAGE_PULL: Phase.STARTING,
    Reason.CREATE_CONTAINER: Phase.STARTING,
    Reason.INITIALIZING: Phase.STARTING,
    Reason.CRASH_LOOP: Phase.STARTING,
    Reason.NOT_READY: Phase.STARTING,
    Reason.WAITING_FOR_WORKERS: Phase.STARTING,
}
_RANK: Final = {reason: rank for rank, reason in enumerate(Reason)}
_NAMED: Final = {str(reason): reason for reason in Reason}
_ON_ITS_WAY: Final = frozenset(
    {
        Reason.REPLACING,
        Reason.IN_PLACE,
        Reason.HELD,
        Reason.WAITING_FOR_LEADER,
        Reason.INITIALIZING,
        Reason.NOT_READY,
        Reason.WAITING_FOR_WORKERS,
    }
)
_ON_RECORD: Final = frozenset({Reason.MAX_RESTARTS, Reason.RESTART_BACK_OFF})
_STANDING_STILL: Final = frozenset({Reason.RESTART_BACK_OFF, Reason.HELD, Reason.SCHEDULING_GATED})


def reason_of(text: str) -> Reason | None:
    """A reason as a status has it; None for one that is not known here."""
    return _NAMED.get(text)


def urgency(reason: str) -> tuple[bool, int]:
    """Of a reason as a status has it; one that is not known here comes last."""
    known = reason_of(reason)
    return (True, len(Reason)) if known is None else known.urgency


class Standing(NamedTuple):
    """Of one group. ``message``: one line, without times and counts, which change by themselves."""

    reason: Reason
    message: str

    @property
    def phase(self) -> Phase:
        return self.reason.phase


def standing(reason: Reason, message: str) -> Standing:
    """With a message of bounded length on one line."""
    text = " ".join(message.split())
    return Standing(reason, text if len(text) <= LONGEST else text[: LONGEST - 3] + "...")
