"""Scenarios that wait more than they work, played at the same time, each still a test of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

Outcomes = dict[str, "Future[None]"]


@contextlib.contextmanager
def played(
    request: pytest.FixtureRequest, test: str, play: Callable[[str], None], *, at_once: int
) -> Iterator[Outcomes]:
    """What becomes of ``play(name)`` for each ``name`` that the function ``test`` of the file gets.

    For a module fixture; the test itself only says ``outcomes[name].result()``.
    """
    names = names_of(request, test)
    with ThreadPoolExecutor(at_once) as pool:
        yield {name: pool.submit(play, name) for name in names}
        pool.shutdown(cancel_futures=True)


def names_of(request: pytest.FixtureRequest, test: str) -> list[str]:
    """Each ``name`` that the function ``test`` of the file gets in this run."""
    return [
        str(item.callspec.params["name"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and (item.path, item.originalname) == (request.path, test)
    ]
