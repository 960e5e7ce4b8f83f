"""Log lines: one event, constant text, facts as fields. The only place where ``structlog`` is set up.

Two layouts (operations.md, 1.10): ``json`` with the keys ``level``, ``ts``, ``logger`` and ``msg``, and
``console``, tab separated: time, level, logger, message, the other fields as JSON. What libraries say through
the standard ``logging`` module comes out in the same layout, from warning up.

Objects never go into a log line, only what names them: whatever is passed as a field, documents come out as
their type. That keeps pod templates and secrets out even where a caller forgets.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import time
import uuid
from collections.abc import Callable, Hashable, MutableMapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Literal, TextIO, cast

import msgspec

from lws.objects import Key
from lws.runtime.leanimports import without
from lws.runtime.logwriter import LineWriter

with without("rich"):  # for a renderer that is not used here: a tenth of the memory of the whole process
    import structlog
    from structlog.processors import ExceptionRenderer, TimeStamper, add_log_level, format_exc_info
    from structlog.tracebacks import ExceptionDictTransformer
    from structlog.typing import EventDict, FilteringBoundLogger, Processor

__all__ = [
    "Format",
    "Logger",
    "TimeEncoding",
    "configure",
    "get_logger",
    "one_line",
    "parse_level",
    "reconciling",
]

Logger = FilteringBoundLogger
Format = Literal["json", "console"]
TimeEncoding = Literal["epoch", "millis", "nanos", "iso8601", "rfc3339", "rfc3339nano"]

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "panic": logging.CRITICAL,
}
_LIBRARIES = ("urllib3", "asyncio", "kubernetes")
_LONGEST_TEXT = 2000  # characters of one field; an API server may answer with a whole object in a message
_LONGEST_LIST = 20
_SECRET_FIELDS = frozenset({"authorization", "password", "token", "secret", "private_key", "client_key"})
_NAMING_FIELDS = {"namespace", "name"}


class _Handler(logging.StreamHandler[LineWriter]):
    """A type of its own, so that configuring again finds and replaces it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """A record that cannot be made a line is lost like one that cannot be written."""
        self.stream.lose()


def parse_level(text: str) -> int:
    """The ``logging`` level of ``debug``, ``info``, ``warning``, ``error``, ``panic`` or a number from 1 up.

    Numbers are zap's verbosity levels (``--zap-log-level=2``) and all mean debug. ValueError for all else.
    """
    name = text.strip().lower()
    if name in _LEVELS:
        return _LEVELS[name]
    if name.isdecimal() and name.strip("0"):
        return logging.DEBUG
    raise ValueError(f"log level {text!r}: need one of {', '.join(_LEVELS)}, or a number from 1 up")


def configure(
    *,
    format: Format,  # noqa: A002
    level: str = "info",
    stream: TextIO | None = None,
    time_encoding: TimeEncoding = "rfc3339nano",
    traceback_level: str = "debug",
) -> None:
    """Set the process's logging up, to ``stream`` (standard error). May be called again.

    Lines below ``traceback_level`` name an exception in one line, without its traceback.
    Loggers made by ``get_logger(...).bind(...)`` keep what was configured when they were made.
    """
    if format not in ("json", "console"):
        raise ValueError(f"log format {format!r}: need json or console")
    threshold = parse_level(level)
    prepare: list[Processor] = [_name_logger, add_log_level, _stamp(time_encoding)]
    shorten = _tracebacks_from(parse_level(traceback_level))
    finish: list[Processor] = [shorten, _guard, *(_JSON if format == "json" else _CONSOLE)]
    writer = LineWriter(stream or sys.stderr, lambda lost: _line_about(lost, [*prepare, *finish]))
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *prepare, *finish],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, writer)),
        cache_logger_on_first_use=False,
    )
    _route_libraries([structlog.stdlib.add_logger_name, *prepare], finish, writer)


def get_logger(name: str) -> Logger:
    """A logger for a part of the program. May be made before ``configure``; it follows it."""
    return cast(Logger, structlog.get_logger(logger_name=name))  # "logger" is a parameter of its own


def reconciling(controller: str, item: Hashable) -> AbstractContextManager[None]:
    """Within it, every line of this thread says what is reconciled, and carries an id of this very pass."""
    return structlog.contextvars.bound_contextvars(
        controller=controller,
        namespace=getattr(item, "namespace", ""),
        name=getattr(item, "name", None) or str(item),
        reconcileID=str(uuid.UUID(int=random.getrandbits(128), version=4)),  # no secret: no system call
    )


def one_line(error: BaseException) -> str:
    """What went wrong, on one line of bounded length; also when the error cannot say it."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - the report of one failure must not become another
        text = ""
    return _bounded(text or type(error).__name__)


def _line_about(lost: int, processors: list[Processor]) -> str:
    """That so many lines were lost, in our layout, without a logger."""
    event: Any = {"event": "Log lines could not be written, and may be missing", "logger_name": "logs"}
    event["lines"] = lost
    for process in processors:
        event = process(None, "warning", event)
    return str(event)


def _route_libraries(prepare: list[Processor], finish: list[Processor], writer: LineWriter) -> None:
    """The standard ``logging`` module, from warning up, in our layout."""
    handler = _Handler(writer)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=prepare,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
        )
    )
    root = logging.getLogger()
    for former in [known for known in root.handlers if isinstance(known, _Handler)]:
        root.removeHandler(former)
    root.addHandler(handler)
    for name in (None, *_LIBRARIES):
        logging.getLogger(name).setLevel(logging.WARNING)


def _stamp(encoding: TimeEncoding) -> Processor:
    """What writes the time of a line, as zap names the ways to."""
    if encoding == "rfc3339nano":  # RFC 3339 with a fraction; microseconds are what the clock gives
        return TimeStamper("iso", utc=True, key="ts")
    read = _CLOCKS[encoding]

    def stamp(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["ts"] = read()
        return event

    return stamp


def _tracebacks_from(threshold: int) -> Processor:
    def shorten(_logger: Any, _method: str, event: EventDict) -> EventDict:
        if event.get("exc_info") and _LEVELS.get(event["level"], logging.CRITICAL) < threshold:
            error = event.pop("exc_info")
            if not isinstance(error, BaseException):
                error = error[1] if isinstance(error, tuple) else sys.exc_info()[1]
            if error is not None:
                event.setdefault("error", f"{type(error).__name__}: {one_line(error)}")
        return event

    return shorten


def _name_logger(_logger: Any, _method: str, event: EventDict) -> EventDict:
    name = event.pop("logger_name", None)
    if name is not None:
        event["logger"] = name
    return event


def _guard(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Let through what names things, and nothing that could hold a template or a secret."""
    for field, value in event.items():
        if field in _SECRET_FIELDS:
            event[field] = "(withheld)"
        elif type(value) is str:
            if len(value) > _LONGEST_TEXT:
                event[field] = _bounded(value)
        elif field != "exc_info":
            event[field] = _loggable(value)
    return event


def _loggable(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str | Key):
        return _bounded(str(value))
    if isinstance(value, BaseException):
        return one_line(value)
    if isinstance(value, list | tuple | set | frozenset) and len(value) <= _LONGEST_LIST:
        return [_loggable(member) for member in value]
    if isinstance(value, dict) and value.keys() <= _NAMING_FIELDS:
        return {field: _loggable(member) for field, member in value.items()}
    return f"({type(value).__name__}, withheld)"


def _bounded(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}... ({len(text)} characters)"


def _json_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    line = {field: event.pop(field, "") for field in ("level", "ts", "logger")}
    line["msg"] = event.pop("event", "")
    return _encode({**line, **event})


def _console_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    head = [str(event.pop("ts", "")), event.pop("level", "").upper(), event.pop("logger", "")]
    head.append(event.pop("event", "").replace("\n", "\\n"))
    traceback = event.pop("exception", None)
    if event:
        head.append(_encode(event))
    line = "\t".join(head)
    return line if traceback is None else f"{line}\n{traceback}"


def _encode(fields: MutableMapping[str, Any]) -> str:
    try:
        return msgspec.json.encode(fields).decode()
    except (UnicodeEncodeError, OverflowError):  # text that is not Unicode, numbers beyond 64 bits
        return json.dumps(fields, default=str)


_CLOCKS: dict[str, Callable[[], str | float]] = {
    "epoch": time.time,
    "millis": lambda: time.time_ns() / 1e6,
    "nanos": time.time_ns,
    "iso8601": lambda: datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    "rfc3339": lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
}

# Never with the frames' variables: they hold whole objects.
_JSON: list[Processor] = [ExceptionRenderer(ExceptionDictTransformer(show_locals=False)), _json_line]
_CONSOLE: list[Processor] = [format_exc_info, _console_line]
