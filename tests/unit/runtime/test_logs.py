"""Both layouts of operations.md, 1.10, what libraries say, and what must never come out."""

from __future__ import annotations

import datetime
import errno
import io
import json
import logging
import re
import sys
from typing import Any

import msgspec
import pytest
from support.loglines import captured

from lws.objects import Key, KubeObject, ObjectMeta
from lws.runtime import logs
from lws.runtime.logwriter import lost_lines

POD_TEMPLATE = {"spec": {"containers": [{"env": [{"name": "PASSWORD", "value": "hunter2"}]}]}}


def test_json_has_the_keys_of_the_field_in_their_order() -> None:
    with captured() as lines:
        logs.get_logger("setup").info("Starting manager", version="v1", ready=True, workers=3)
    (document,) = lines.documents
    assert list(document) == ["level", "ts", "logger", "msg", "version", "ready", "workers"]
    assert (document["level"], document["logger"], document["msg"]) == ("info", "setup", "Starting manager")
    assert datetime.datetime.fromisoformat(document["ts"]).utcoffset() == datetime.timedelta(0)


def test_console_is_tab_separated() -> None:
    with captured(format="console") as lines:
        logs.get_logger("controller-runtime.metrics").info("Serving metrics server", port=8443)
    time, *rest = lines.text.rstrip("\n").split("\t")
    assert datetime.datetime.fromisoformat(time).utcoffset() == datetime.timedelta(0)
    assert rest == ["INFO", "controller-runtime.metrics", "Serving metrics server", '{"port":8443}']


def test_console_without_fields_ends_with_the_message() -> None:
    with captured(format="console") as lines:
        logs.get_logger("setup").warning("Careful")
    assert lines.text.endswith("\tWARNING\tsetup\tCareful\n")


def test_console_keeps_a_message_on_its_line() -> None:
    with captured(format="console") as lines:
        logs.get_logger("x").info("one\n2026-01-01\tERROR\tforged")
    assert lines.text.count("\n") == 1


@pytest.mark.parametrize("format_", ["json", "console"])
def test_a_traceback_tells_where_but_never_the_variables(format_: logs.Format) -> None:
    with captured(format=format_) as lines:
        template = dict(POD_TEMPLATE)
        try:
            raise ValueError("broken", len(template))
        except ValueError:
            logs.get_logger("x").exception("Failed")
    assert "test_a_traceback_tells_where" in lines.text
    assert "hunter2" not in lines.text
    if format_ == "json":
        (document,) = lines.documents
        assert document["exception"][0]["exc_type"] == "ValueError"


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("2", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("WARNING", ["warning", "error"]),
        ("error", ["error"]),
        ("panic", []),
    ],
)
def test_levels(level: str, shown: list[str]) -> None:
    with captured(level=level) as lines:
        logger = logs.get_logger("x")
        for name in ("debug", "info", "warning", "error"):
            getattr(logger, name)("said")
    assert [line["level"] for line in lines.documents] == shown


@pytest.mark.parametrize("level", ["", "0", "-1", "loud", "1.5"])
def test_senseless_levels_are_refused(level: str) -> None:
    with pytest.raises(ValueError, match="log level"):
        logs.parse_level(level)


def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(ValueError, match="need json or console"):
        logs.configure(format="xml")  # type: ignore[arg-type]


def test_a_logger_made_early_follows_later_settings() -> None:
    logger = logs.get_logger("early")
    with captured(level="error") as first:
        logger.info("unheard")
    with captured(level="info") as second:
        logger.info("heard")
    assert first.text == ""
    assert [line["msg"] for line in second.documents] == ["heard"]


def test_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    with captured():
        logs.configure(format="json", stream=None)
        logs.get_logger("x").info("here")
    written = capsys.readouterr()
    assert written.out == ""
    assert json.loads(written.err)["msg"] == "here"


# Libraries


@pytest.mark.parametrize("library", ["urllib3.connectionpool", "asyncio", "kubernetes.client", "anything"])
def test_what_libraries_say_comes_out_from_warning_up(library: str) -> None:
    with captured(level="debug") as lines:
        logger = logging.getLogger(library)
        logger.debug("GET /api/v1/secrets/x")
        logger.info("chatter")
        logger.warning("Connection pool is full, discarding connection: %s", "host")
    (line,) = lines.documents
    assert (line["level"], line["logger"]) == ("warning", library)
    assert line["msg"] == "Connection pool is full, discarding connection: host"


def test_a_library_s_exception_has_its_traceback() -> None:
    with captured() as lines:
        try:
            raise OSError("gone")
        except OSError:
            logging.getLogger("asyncio").exception("Failed")
    (line,) = lines.documents
    assert line["exception"][0]["exc_value"] == "gone"


def test_configuring_again_replaces_and_does_not_repeat() -> None:
    with captured() as first, captured() as second:
        logging.getLogger("urllib3").warning("once")
    assert (first.text, len(second.documents)) == ("", 1)


# The context of a reconcile


def test_lines_within_a_reconcile_say_whose_and_which() -> None:
    with captured() as lines:
        logger = logs.get_logger("sets")
        for _ in range(2):
            with logs.reconciling("sets", Key("ns", "a")):
                logger.info("inside")
        logger.info("outside")
    first, second, outside = lines.documents
    assert (first["controller"], first["namespace"], first["name"]) == ("sets", "ns", "a")
    assert first["reconcileID"] != second["reconcileID"]
    assert set(outside) == {"level", "ts", "logger", "msg"}


def test_a_key_that_is_no_object_is_named_by_its_text() -> None:
    with captured() as lines, logs.reconciling("certs", 7):
        logs.get_logger("x").info("inside")
    (line,) = lines.documents
    assert (line["namespace"], line["name"]) == ("", "7")


# What may come out


class Template(msgspec.Struct):
    spec: dict[str, Any]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Key("ns", "a"), "ns/a"),
        (None, None),
        (1.5, 1.5),
        (["a", "b"], ["a", "b"]),
        ({"namespace": "ns", "name": "a"}, {"namespace": "ns", "name": "a"}),
        (OSError("connection\nrefused"), "connection refused"),
        (POD_TEMPLATE, "(dict, withheld)"),
        ([POD_TEMPLATE], ["(dict, withheld)"]),
        ({"name": POD_TEMPLATE}, {"name": "(dict, withheld)"}),
        (Template(POD_TEMPLATE), "(Template, withheld)"),
        (KubeObject(ObjectMeta(name="a")), "(KubeObject, withheld)"),
        (b"hunter2", "(bytes, withheld)"),
        (["hunter2"] * 21, "(list, withheld)"),
        ("x" * 3000, "x" * 2000 + "... (3000 characters)"),
        (2**70, 2**70),
        ("\udc80", "\udc80"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_what_names_things_comes_out(value: Any, shown: Any) -> None:
    with captured() as lines:
        logs.get_logger("x").info("said", value=value)
    assert lines.documents[0]["value"] == shown


@pytest.mark.parametrize("field", ["token", "authorization", "password", "private_key"])
def test_secrets_are_withheld_by_name(field: str) -> None:
    with captured() as lines:
        logs.get_logger("x").info("said", **{field: "hunter2"})
    assert "hunter2" not in lines.text


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("a\n\tb"), "a b"),
        (ValueError(), "ValueError"),
        (SilentError(), "SilentError"),
        (ValueError("y" * 2001), "y" * 2000 + "... (2001 characters)"),
    ],
    ids=["folded", "empty", "silent", "long"],
)
def test_one_line(error: Exception, text: str) -> None:
    assert logs.one_line(error) == text


@pytest.mark.parametrize(
    ("encoding", "shape"),
    [
        ("rfc3339", r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"'),
        ("rfc3339nano", r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"'),
        ("iso8601", r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"'),
        ("epoch", r"\d{10}\.\d+"),
        ("millis", r"\d{13}\.\d+"),
        ("nanos", r"\d{19}"),
    ],
)
def test_times_are_written_as_asked(encoding: logs.TimeEncoding, shape: str) -> None:
    with captured(time_encoding=encoding) as lines:
        logs.get_logger("x").info("now")
    assert re.search(rf'"ts":{shape},', lines.text)
    with captured(format="console", time_encoding=encoding) as lines:
        logs.get_logger("x").info("now")
    assert re.match(shape.replace('"', "") + "\tINFO\tx\tnow\n", lines.text)


@pytest.mark.parametrize(
    ("level", "with_traceback"), [("info", ["error", "info"]), ("error", ["error"]), ("panic", [])]
)
def test_tracebacks_from_a_level_on(level: str, with_traceback: list[str]) -> None:
    with captured(traceback_level=level) as lines:
        log = logs.get_logger("x")
        try:
            raise OSError("gone")
        except OSError as error:
            log.exception("by itself")
            log.info("given", exc_info=error)
            logging.getLogger("urllib3").warning("from a library", exc_info=True)
    assert sorted({line["level"] for line in lines.documents if "exception" in line} - {"warning"}) == (
        with_traceback
    )
    for line in lines.documents:
        assert ("exception" in line) != (line.get("error") == "OSError: gone")


class BadStream(io.StringIO):
    """A stream on a disk that is full, until it is not."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error: Exception | None = error

    def write(self, text: str) -> int:
        if self.error is not None:
            raise self.error
        return super().write(text)


FAULTS = [
    pytest.param(OSError(errno.ENOSPC, "No space left on device"), id="disk full"),
    pytest.param(BrokenPipeError(errno.EPIPE, "Broken pipe"), id="reader gone"),
    pytest.param(BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), id="reader asleep"),
    pytest.param(ValueError("I/O operation on closed file."), id="closed"),
]


class TestLinesThatCannotBeWritten:
    @pytest.mark.parametrize("format_", ["json", "console"])
    @pytest.mark.parametrize("fault", FAULTS)
    def test_are_counted_and_told_once_writing_works_again(
        self, fault: Exception, format_: logs.Format
    ) -> None:
        stream = BadStream(fault)
        with captured(format=format_, stream=stream):
            before = lost_lines()
            logs.get_logger("x").info("lost")
            logs.get_logger("x").error("lost", exc_info=fault)
            logging.getLogger("urllib3").warning("lost")
            assert lost_lines() - before == 3
            stream.error = None
            logs.get_logger("x").info("fine")
            logs.get_logger("x").info("fine")
        lines = stream.getvalue().splitlines()
        assert ["fine" in line for line in lines] == [True, False, True]
        assert "Log lines could not be written, and may be missing" in lines[1]
        assert re.search(r'"lines": ?3', lines[1])

    def test_that_cannot_be_flushed_count_once(self) -> None:
        stream = io.StringIO()
        stream.flush = lambda: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full"))  # type: ignore[method-assign]
        with captured(stream=stream):
            before = lost_lines()
            logs.get_logger("x").info("lost")
        assert lost_lines() - before == 1

    def test_because_the_program_was_started_without_standard_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stderr", None)
        with captured(stream=None):
            before = lost_lines()
            logs.get_logger("x").info("lost")
        assert lost_lines() - before == 1

    def test_a_library_whose_record_is_no_line(self) -> None:
        record = logging.LogRecord("urllib3", logging.WARNING, "", 0, "%d of %d", (1,), None)
        with captured() as lines:
            before = lost_lines()
            (ours,) = (x for x in logging.getLogger().handlers if isinstance(x, logs._Handler))
            ours.handle(record)
            assert lost_lines() - before == 1
            logs.get_logger("x").info("fine")
        assert [line["msg"] for line in lines.documents] == [
            "fine",
            "Log lines could not be written, and may be missing",
        ]
