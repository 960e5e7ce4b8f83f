"""Revision keys: a short hash of a revision's data, the same as upstream's (reconcilers.md, 4.3)."""

from __future__ import annotations

from typing import Final

_OFFSET: Final = 0x811C9DC5
_PRIME: Final = 0x01000193
_MASK: Final = 0xFFFFFFFF
# Digits as letters that make no words: 'bcdfghjklmnpqrstvwxz2456789'[ord(digit) % 27].
_SAFE: Final = str.maketrans("0123456789", "456789bcdf")


def fnv1_32(data: bytes) -> int:
    """32-bit FNV-1: multiply, then xor (FNV-1a does it the other way round)."""
    value = _OFFSET
    for byte in data:
        value = (value * _PRIME & _MASK) ^ byte
    return value


def revision_key(data: bytes) -> str:
    """The key of revision data: their hash in decimal, each digit replaced by a safe character."""
    return str(fnv1_32(data)).translate(_SAFE)
