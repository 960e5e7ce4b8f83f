"""An informer beside the shared ones, as a part of the process: nothing waits for it but who asks it."""

from __future__ import annotations

from typing import Generic

from lws.objects import ObjectT
from lws.runtime.informers import STOP_TIMEOUT, Informer


class Watched(Generic[ObjectT]):
    """Starts, stops and is looked after as its one informer is."""

    def __init__(self, informer: Informer[ObjectT]) -> None:
        self.informer = informer

    def start(self) -> None:
        """Begin to watch."""
        self.informer.start()

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """At any time."""
        self.informer.stop(timeout)

    @property
    def alive(self) -> bool:
        """Whether the watch goes on, or was never begun."""
        return self.informer.alive

    def check(self) -> None:
        """A liveness check, as the cache's."""
        self.informer.check()

    def silences(self) -> dict[str, float]:
        """By resource: seconds since the server last said anything about it."""
        return {self.informer.resource.plural: self.informer.silence}
