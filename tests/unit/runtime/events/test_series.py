"""Which events become which writes: repeats are counted, look-alikes told in one, memory bounded."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lws.objects import ObjectReference
from lws.runtime.events.series import MEMORY, Folder, Series, Sighting, cut

START = datetime(2026, 1, 1, tzinfo=UTC)
SET = ObjectReference(kind="LeaderWorkerSet", name="lws", namespace="team")
OTHER_SET = ObjectReference(kind="LeaderWorkerSet", name="other", namespace="team")


def pod(name: str) -> ObjectReference:
    return ObjectReference(kind="Pod", name=name)


class Told:
    """A Folder under a clock that is moved by hand; its writes are marked as done."""

    def __init__(self) -> None:
        self.now = 0.0
        tokens = itertools.count(1)
        self.clock: Callable[[], float] = lambda: self.now
        self.folder = Folder(self._read, lambda: f"{next(tokens):x}")

    def _read(self) -> float:
        return self.clock()

    def sighting(self, note: str = "Created", **changes: Any) -> Sighting:
        members = {
            "regarding": SET,
            "related": None,
            "type": "Normal",
            "reason": "GroupsProgressing",
            "action": "Create",
            "note": note,
            "time": START + timedelta(seconds=self.now),
        }
        return Sighting(**{**members, **changes})

    def flush(self, *sightings: Sighting) -> list[str]:
        """``<name> x<count>: <note>``, with ``new`` in front of what is written as a new object."""
        return self.write(self.folder.fold(sightings))

    def write(self, due: Sequence[Series]) -> list[str]:
        lines = []
        for series in due:
            new = "" if series.written else "new "
            lines.append(f"{new}{series.name} x{series.count}: {series.first.note}")
            series.written = series.count
        return lines


@pytest.fixture
def told() -> Told:
    return Told()


def test_one_event_is_one_object(told: Told) -> None:
    (series,) = told.folder.fold([told.sighting(related=pod("lws-0"))])
    assert series.document("leaderworkerset", "lws-manager-0") == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "lws.1", "namespace": "team"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "leaderworkerset",
        "reportingInstance": "lws-manager-0",
        "type": "Normal",
        "reason": "GroupsProgressing",
        "action": "Create",
        "note": "Created",
        "regarding": {"kind": "LeaderWorkerSet", "name": "lws", "namespace": "team"},
        "related": {"kind": "Pod", "name": "lws-0"},
    }


def test_events_of_cluster_scoped_objects_live_in_default(told: Told) -> None:
    (series,) = told.folder.fold([told.sighting(regarding=ObjectReference(kind="Node", name="n1"))])
    document = series.document("c", "i")
    assert document["metadata"] == {"name": "n1.1", "namespace": "default"}
    assert "related" not in document


def test_names_stay_within_what_the_api_server_takes(told: Told) -> None:
    name = "a" * 250 + ".bc"
    (series,) = told.folder.fold([told.sighting(regarding=ObjectReference(name=name))])
    assert series.name == "a" * 250 + ".1"
    assert len(series.name) <= 253


def test_a_repeat_starts_a_series_which_is_then_written_every_half_hour(told: Told) -> None:
    assert told.flush(told.sighting()) == ["new lws.1 x1: Created"]
    told.now = 60
    assert told.flush(told.sighting()) == ["lws.1 x2: Created"]
    written: list[str] = []
    while told.now < 3700:
        told.now += 60
        written += told.flush(told.sighting())
    assert written == ["lws.1 x32: Created", "lws.1 x62: Created"]


def test_the_series_says_when_it_was_last_seen(told: Told) -> None:
    told.flush(told.sighting())
    told.now = 61.5
    (series,) = told.folder.fold([told.sighting(), told.sighting()])
    assert series.series() == {"count": 3, "lastObservedTime": "2026-01-01T00:01:01.500000Z"}


def test_repeats_within_a_batch_are_one_object_with_a_count(told: Told) -> None:
    (series,) = told.folder.fold([told.sighting()] * 5)
    assert series.document("c", "i")["series"]["count"] == 5
    series.written = 5
    told.now = 10
    assert told.flush(told.sighting()) == []  # its count was just written


def test_six_quiet_minutes_end_a_series_with_its_final_count(told: Told) -> None:
    told.flush(told.sighting())
    told.now = 1
    told.flush(told.sighting())
    told.now = 2
    assert told.flush(told.sighting(), told.sighting()) == []
    told.now = 361
    assert told.flush() == []
    told.now = 363
    assert told.flush() == ["lws.1 x4: Created"]
    assert told.flush() == []
    assert told.flush(told.sighting()) == ["new lws.2 x1: Created"]


def test_every_repeat_puts_the_end_off(told: Told) -> None:
    told.flush(told.sighting())
    for _ in range(5):
        told.now += 300
        assert not any(line.startswith("new") for line in told.flush(told.sighting()))


@pytest.mark.parametrize(
    "changes",
    [
        {"regarding": OTHER_SET},
        {"type": "Warning"},
        {"reason": "GroupsUpdating"},
        {"action": "Update"},
        {"note": "x"},
        {"related": pod("p")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_events_that_differ_are_not_repeats(told: Told, changes: dict[str, Any]) -> None:
    lines = told.flush(told.sighting(), told.sighting(**changes))
    assert [line.split()[0] for line in lines] == ["new", "new"]


def created(told: Told, *names: str) -> list[Sighting]:
    return [told.sighting(f"Created worker StatefulSet {name}", related=pod(name)) for name in names]


def test_two_alike_are_told_apart(told: Told) -> None:
    assert told.flush(*created(told, "lws-0", "lws-1")) == [
        "new lws.1 x1: Created worker StatefulSet lws-0",
        "new lws.2 x1: Created worker StatefulSet lws-1",
    ]


def test_three_alike_are_told_in_one(told: Told) -> None:
    (series,) = told.folder.fold(created(told, "lws-0", "lws-1", "lws-2", "lws-3"))
    document = series.document("c", "i")
    assert document["note"] == "Created worker StatefulSet lws-0, and 3 more: lws-1, lws-2, lws-3"
    assert document["related"] == {"kind": "Pod", "name": "lws-0"}
    assert document["series"]["count"] == 4


def test_what_says_something_else_is_not_folded(told: Told) -> None:
    """A note that differs in more than the object it relates to is news of its own."""
    assert told.flush(*(told.sighting(f"moved to {n}") for n in range(3))) == [
        "new lws.1 x1: moved to 0",
        "new lws.2 x1: moved to 1",
        "new lws.3 x1: moved to 2",
    ]


def test_what_is_alike_but_for_its_reason_or_object_is_not_folded(told: Told) -> None:
    lines = told.flush(
        told.sighting("a"),
        told.sighting("b"),
        told.sighting("c", reason="FailedCreate", type="Warning"),
        told.sighting("d", regarding=OTHER_SET),
    )
    assert [line.split(": ")[1] for line in lines] == ["a", "b", "c", "d"]


def test_only_batches_are_folded(told: Told) -> None:
    for name in ("lws-0", "lws-1", "lws-2"):
        assert told.flush(*created(told, name))[0].endswith(name)


def test_a_repeat_of_any_folded_event_counts_for_all(told: Told) -> None:
    told.flush(*created(told, "a", "b", "c"))
    told.now = 1800
    told.flush()
    told.flush(*created(told, "a", "b", "c"))
    told.now += 10
    assert told.flush(*created(told, "c", "b")) == []
    told.now += 400
    assert told.flush() == ["lws.2 x5: Created worker StatefulSet a, and 2 more: b, c"]


def test_repeats_count_in_what_is_told_in_one(told: Told) -> None:
    assert told.flush(*created(told, "a", "b", "b", "c")) == [
        "new lws.1 x4: Created worker StatefulSet a, and 2 more: b, c"
    ]


def test_a_long_list_of_names_is_cut(told: Told) -> None:
    (series,) = told.folder.fold(created(told, *(f"lws-{n}" for n in range(500))))
    assert len(series.first.note.encode()) <= 1024
    assert series.first.note.startswith("Created worker StatefulSet lws-0, and 499 more: lws-1, lws-2, ")
    assert series.first.note.endswith("...")
    assert series.count == 500


def test_the_end_writes_what_the_server_does_not_know(told: Told) -> None:
    told.flush(told.sighting("quiet"), told.sighting("busy"))
    told.now = 1
    told.flush(told.sighting("busy"))
    told.now = 2
    assert told.flush(told.sighting("busy")) == []
    assert told.write(told.folder.finish()) == ["lws.2 x3: busy"]
    assert told.folder.finish() == []


@pytest.mark.parametrize("began", [0.0, 358.9, 359.6, 400.0])
def test_a_series_that_ends_while_the_process_does_is_written_too(began: float) -> None:
    """Whenever its quiet minutes run out: the clock goes on with each look at it."""
    told = Told()
    ticks = itertools.count(began, 0.4)
    told.flush(told.sighting("busy"))
    told.now = 1
    told.flush(told.sighting("busy"))
    told.flush(told.sighting("busy"))
    told.clock = lambda: next(ticks)
    assert told.write(told.folder.finish()) == ["lws.1 x3: busy"]


def test_what_was_never_written_is_not_patched(told: Told) -> None:
    (series,) = told.folder.fold([told.sighting()])
    assert series.written == 0
    assert told.folder.finish() == []


def test_memory_is_bounded(told: Told) -> None:
    for number in range(MEMORY + 500):
        told.flush(told.sighting(f"note {number}"))
    assert told.flush(told.sighting("note 0"))[0].startswith("new")  # forgotten
    assert len(told.folder._known) <= MEMORY


@pytest.mark.parametrize(
    ("note", "want"),
    [
        pytest.param("short", "short", id="short"),
        pytest.param("a" * 1024, "a" * 1024, id="just fits"),
        pytest.param("a" * 1025, "a" * 1021 + "...", id="one too many"),
        pytest.param("é" * 600, "é" * 510 + "...", id="never half a character"),
        pytest.param("a\ud800b", "a?b", id="no text"),
    ],
)
def test_notes_are_cut_by_bytes(note: str, want: str) -> None:
    assert cut(note) == want
    assert len(cut(note).encode()) <= 1024
