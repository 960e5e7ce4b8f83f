"""What stands in a command line, and how each is read. Every reader raises ValueError, one line."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from lws.api import constants as c
from lws.api import disaggregation as d

_KINDS: Final = {
    "": "",
    **dict.fromkeys(("lws", "leaderworkerset", "leaderworkersets"), c.KIND),
    **dict.fromkeys(("ds", "dset", "disaggregatedset", "disaggregatedsets"), d.KIND),
}
_GROUPS: Final = {c.KIND: c.GROUP, d.KIND: d.GROUP}
_DURATION: Final = re.compile(r"([0-9]{1,15})(ms|s|m|h)?")
_YEAR: Final = 365 * 24 * 3600.0
"""Seconds; whoever waits longer waits for ever, and no clock of the system can count it."""
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_IMAGE: Final = re.compile(r"(?:(leader|worker)/)?([a-z0-9]([-a-z0-9]*[a-z0-9])?|\*)=(\S+)")


class Target(NamedTuple):
    """A set as the user names it. ``kind``: empty where that is not said."""

    kind: str
    name: str


class NewImage(NamedTuple):
    """``part``: ``leader`` or ``worker``; empty: both. ``container``: ``*`` is all of them."""

    part: str
    container: str
    image: str


def target(text: str) -> Target:
    """``NAME`` or ``KIND/NAME``, as kubectl takes and prints them."""
    kind, _, name = text.rpartition("/")
    plain, _, group = kind.partition(".")
    known = _KINDS.get(plain)
    if known is None or group not in ("", _GROUPS.get(known)) or not re.fullmatch("[a-z0-9.-]+", name):
        raise ValueError(f"{text!r} is no name of a LeaderWorkerSet or DisaggregatedSet")
    return Target(known, name)


def is_roles(target: Target) -> bool:
    """Whether the name is no name, but the kind of a DisaggregatedSet."""
    return not target.kind and _KINDS.get(target.name) == d.KIND


def part(text: str) -> str:
    """A group's index, or a role's name."""
    if not re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", text):
        raise ValueError(f"{text!r} is neither a group nor a role")
    return text


def role(text: str) -> Any:
    """A role in numbers. Help does without what reads it: half a second of imports on a small machine."""
    from lws.cli.disaggregated.numbers import read_role  # noqa: PLC0415

    return read_role(text)


def number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,10}", text):
        raise ValueError(f"{text!r} is no number of 0 or more")
    return int(text)


def port(text: str) -> int:
    """0: any that is free."""
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        raise ValueError(f"{text!r} is no port")
    return int(text)


def seconds(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no duration; write 90s, 5m or 1h")
    return min(int(match[1]) * _SECONDS[match[2]], _YEAR)


def new_image(text: str) -> NewImage:
    """``[leader/|worker/]CONTAINER=IMAGE``."""
    match = _IMAGE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not CONTAINER=IMAGE, leader/CONTAINER=IMAGE or worker/CONTAINER=IMAGE")
    return NewImage(match[1] or "", match[2], match[4])
