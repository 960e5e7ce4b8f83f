"""JSON that is nested too deeply for the decoder, with its depths cut off.

The API server takes ten thousand levels, for instance in a revision's data; the decoder not even a thousand.
One such object, anybody's, must not end the watch of all others. What it means may not be decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar

from msgspec import Raw

T = TypeVar("T")

DEPTH: Final = 100
"""Levels that are kept: many more than any object has that means anything."""

_TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}\[\]]', re.DOTALL)


def decoded(decode: Callable[[bytes | Raw], T], data: bytes | Raw) -> T:
    """What ``decode`` makes of ``data``, or, where that is nested too deeply, of what is left of it."""
    try:
        return decode(data)
    except RecursionError:
        return decode(shallow(bytes(data)))


def shallow(data: bytes) -> bytes:
    """With null in the place of everything that is nested deeper than ``DEPTH`` levels."""
    kept, depth, start = [], 0, 0
    for match in _TOKENS.finditer(data):
        token = match[0]
        if token in (b"{", b"["):
            depth += 1
            if depth == DEPTH + 1:
                kept.append(data[start : match.start()])
        elif token in (b"}", b"]"):
            if depth == DEPTH + 1:
                kept.append(b"null")
                start = match.end()
            depth -= 1
    return b"".join([*kept, data[start:]])
