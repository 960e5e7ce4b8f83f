"""Spelling of times: reconcilers.md, 4.8."""

from __future__ import annotations

import pytest

from lws.api.timestamps import canonical_time, epoch, instant, micro_time, rfc3339


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2026-08-21T10:20:30Z", "2026-08-21T10:20:30Z"),
        ("2026-08-21T10:20:30.999999999Z", "2026-08-21T10:20:30Z"),
        ("2026-08-21T01:20:30+02:00", "2026-08-20T23:20:30Z"),
        ("2026-08-21T23:50:30-00:15", "2026-08-22T00:05:30Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_canonical(text: str, canonical: str) -> None:
    assert canonical_time(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-08-21",
        "2026-08-21 10:20:30Z",
        "2026-08-21T10:20:30",
        "2026-13-21T10:20:30Z",
        "2026-08-21T10:20:60Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "2026-08-21T10:20:30Z\n",
    ],
)
def test_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is no RFC 3339 time"):
        canonical_time(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1970-01-01T00:00:00Z"), (1767225600.9, "2026-01-01T00:00:00Z"), (4e9, "2096-10-02T07:06:40Z")],
)
def test_seconds_since_1970(seconds: float, text: str) -> None:
    assert rfc3339(seconds) == text
    assert epoch(text) == int(seconds)


def test_what_is_no_time_is_long_ago() -> None:
    assert epoch("") == epoch("tomorrow") == 0.0
    assert epoch("2026-01-01T01:00:00+01:00") == epoch("2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("1970-01-01T00:00:01.5Z", 1.5, id="fraction"),
        pytest.param("1970-01-01T01:00:01+01:00", 1.0, id="zone"),
        pytest.param("1970-01-01T00:00:00,25Z", 0.25, id="comma"),
        pytest.param("2026-02-30T00:00:00Z", None, id="no-such-day"),
        pytest.param("1970-01-01", None, id="no-time"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_instant(text: str, seconds: float | None) -> None:
    assert instant(text) == seconds


def test_a_micro_time_is_read_back_as_it_was() -> None:
    assert micro_time(1_770_000_000.25) == "2026-02-02T02:40:00.250000Z"
    assert instant(micro_time(1_770_000_000.123456)) == 1_770_000_000.123456
