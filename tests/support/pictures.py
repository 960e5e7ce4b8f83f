"""What the dashboard's informers would hold, made up; and pods that have no place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lws.api.disaggregatedset import DisaggregatedSet
from lws.api.leaderworkerset import LeaderWorkerSet
from lws.cli.dashboard.kinds import Event
from lws.cli.dashboard.places import Ground
from lws.cli.dashboard.watching import Blind
from lws.cli.observing import Seen
from lws.objects import Key

NOWHERE: Final[dict[str, Any]] = {
    "phase": "Pending",
    "conditions": [{"type": "PodScheduled", "status": "False", "message": "no rack is free"}],
}


class Pictures:
    """What informers would hold, with a count of looks. One set; every name has it."""

    def __init__(self, seen: Seen) -> None:
        self.seen_now: Seen | None = seen
        self.looks = 0
        self.blind: list[Blind] = []
        self.synced = True
        self.ground = Ground()
        self.warnings: list[Event] = []

    @property
    def shown(self) -> tuple[list[LeaderWorkerSet], list[DisaggregatedSet]]:
        return ([self.seen_now.lws] if self.seen_now is not None else []), []

    def seen(self, _: Key) -> Seen | None:
        self.looks += 1
        return self.seen_now

    def events(self, names: Callable[[str], bool]) -> Any:
        return [x for x in self.warnings if names(x.involved_object.name)]
