"""Waits between the tries of a request, recorded instead of slept."""

from __future__ import annotations

import threading

from lws.kube.connection import Connection


class Waits(threading.Event):
    """Stands in for the event a Connection waits on between tries: notes the seconds, sleeps none."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        return self.is_set()


def record_waits(connection: Connection) -> Waits:
    waits = Waits()
    connection._interrupted = waits
    return waits
