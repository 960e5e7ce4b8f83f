"""Which Kubernetes an API server is. What follows from it is for callers to say."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec
from msgspec import Struct

from lws.kube.connection import Connection
from lws.kube.errors import DecodeError, one_line

_PATH = "/version"
_TIMEOUT = 30.0  # seconds, repeats included


class ServerVersion(NamedTuple):
    """``text`` is the server's own spelling: ``v1.36.3``, ``v1.29.1-gke.1589000``."""

    major: int
    minor: int
    text: str


class _Info(Struct, rename="camel"):
    git_version: str = ""


def server_version(connection: Connection) -> ServerVersion | None:
    """Ask the server; None when it names no version of a known form. Raises KubeError."""
    body = connection.request("GET", _PATH, timeout=_TIMEOUT)
    try:
        text = msgspec.json.decode(body, type=_Info).git_version
    except (msgspec.DecodeError, UnicodeError) as error:
        raise DecodeError(f"{_PATH}: the answer does not decode: {one_line(str(error))}") from error
    found = re.match(r"v?(\d+)\.(\d+)", text)  # "minor" beside it may read 27+, this never does
    return ServerVersion(int(found[1]), int(found[2]), text) if found else None
