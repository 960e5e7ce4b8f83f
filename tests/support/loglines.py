"""What the code under test logs, and the process's logging as it was afterwards."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from structlog.testing import LogCapture
from structlog.typing import EventDict, WrappedLogger

from lws.runtime import logs


class Lines:
    """Everything logged so far."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def documents(self) -> list[dict[str, Any]]:
        """Of JSON lines: one document each."""
        return [json.loads(line) for line in self.text.splitlines()]

    def saying(self, message: str) -> list[dict[str, Any]]:
        """Of JSON lines: those with this message."""
        return [line for line in self.documents if line["msg"] == message]


@contextmanager
def captured(*, format: logs.Format = "json", level: str = "debug", **others: Any) -> Iterator[Lines]:  # noqa: A002
    """Configure logging into ``Lines``, or ``stream``, and undo it at the end."""
    root, lines = logging.getLogger(), Lines()
    handlers, threshold = list(root.handlers), root.level
    logs.configure(**{"format": format, "level": level, "stream": lines.stream, **others})
    try:
        yield lines
    finally:
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(threshold)


class _OfThreads(LogCapture):
    def __init__(self, strangers: set[threading.Thread]) -> None:
        super().__init__()
        self._strangers = strangers

    def __call__(self, logger: WrappedLogger, method_name: str, event_dict: EventDict) -> EventDict:
        if threading.current_thread() in self._strangers:
            raise structlog.DropEvent
        return super().__call__(logger, method_name, event_dict)


@contextmanager
def capture_logs() -> Iterator[list[EventDict]]:
    """What is logged by this thread and by those that are begun meanwhile.

    structlog's own takes the lines of the whole process, so those of what earlier tests left running, too.
    """
    strangers = {*threading.enumerate()} - {threading.current_thread()}
    capture, before = _OfThreads(strangers), structlog.get_config()["processors"]
    former = before.copy()
    try:
        before[:] = [capture]  # in place: loggers that are bound already hold this very list
        yield capture.entries
    finally:
        before[:] = former
