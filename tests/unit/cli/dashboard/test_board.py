"""What a reader is told: the last state of what changed, once."""

from __future__ import annotations

from typing import Any

import msgspec

from lws.cli.dashboard.board import Board


def news(board: Board, had: dict[str, int], *topics: str) -> tuple[dict[str, Any], list[str]] | None:
    patch = board.news(topics or ("t",), had)
    if patch is None:
        return None
    document = msgspec.json.decode(msgspec.json.encode(patch))
    return document["put"], document["gone"]


def test_a_reader_has_everything_first_and_then_what_changed() -> None:
    board, had = Board(), dict[str, int]()
    board.publish("t", {"a": 1, "b": 2})
    assert news(board, had) == ({"a": 1, "b": 2}, [])
    assert news(board, had) is None
    board.publish("t", {"a": 1, "b": 3, "c": 4})
    assert news(board, had) == ({"b": 3, "c": 4}, [])


def test_however_much_happened_it_is_told_once() -> None:
    board, had = Board(), dict[str, int]()
    for n in range(100):
        board.publish("t", {"a": n})
    assert news(board, had) == ({"a": 99}, [])


def test_what_is_gone_is_told_and_forgotten() -> None:
    board, had = Board(), dict[str, int]()
    board.publish("t", {"a": 1, "b": 2})
    news(board, had)
    board.publish("t", {"b": 2})
    assert news(board, had) == ({}, ["a"])
    assert list(had) == ["b"]


def test_what_went_and_came_back_is_news() -> None:
    board, had = Board(), dict[str, int]()
    for documents in ({"a": 1}, {}, {"a": 1}):
        board.publish("t", documents)
    assert news(board, had) == ({"a": 1}, [])
    board.publish("t", {})
    board.publish("t", {"a": 1})
    assert news(board, had) == ({"a": 1}, [])


def test_topics_are_apart() -> None:
    board, had = Board(), dict[str, int]()
    board.publish("t", {"a": 1})
    board.publish("u", {"b": 2})
    assert news(board, had, "t", "u") == ({"a": 1, "b": 2}, [])
    board.drop("u")
    assert news(board, had, "t", "u") == ({}, ["b"])


def test_readers_are_woken_by_changes_only() -> None:
    board, woken = Board(), list[int]()

    def wake() -> None:
        woken.append(1)

    board.join(wake)
    board.publish("t", {"a": 1})
    board.publish("t", {"a": 1})
    assert len(woken) == 1
    board.leave(wake)
    board.publish("t", {"a": 2})
    assert len(woken) == 1
