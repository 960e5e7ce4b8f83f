"""Where servers listen, as Go writes it: ``:8443``, ``127.0.0.1:8081``, ``[::1]:8081``; ``0``: nowhere."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

OFF: Final = "0"
ALLOWED: Final = 'allowed: ":PORT" or "HOST:PORT" with a port from 1 to 65535, or "0" for off'

_ADDRESS: Final = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*):(?P<port>[0-9]{1,5})")


class Address(NamedTuple):
    """``host`` empty: every address of the machine, IPv4 and IPv6. ``port`` 0: a free one."""

    host: str
    port: int


def parse_address(text: str) -> Address | None:
    """None for off. Raises ValueError for anything else that is not an address."""
    if text == OFF:
        return None
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > 65535:
        raise ValueError(f"{text!r} is not an address to listen on")
    return Address(found["host"].strip("[]"), int(found["port"]))


def format_address(address: Address) -> str:
    """As ``parse_address`` reads it."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"
