"""Certificates and keys of a kubeconfig: in files that its entries name, or in the entries themselves.

Looked for here, and read elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from typing import Any

from lws.kube.errors import ConfigurationError
from lws.kube.trust import Source


def source(entry: Mapping[str, Any], name: str, where: str) -> Source | None:
    """The data of ``name``, which count first, or the path of its file.

    Raises ConfigurationError, which begins with ``where``, for data that are not base64 and for no file.
    """
    if data := entry.get(f"{name}-data"):
        return _decoded(data, f"{where}: {name}-data")
    path = entry.get(name)
    if path and not os.path.exists(path):
        raise ConfigurationError(f"{where}: {name} {path} does not exist")
    return path or None


def _decoded(data: str, what: str) -> bytes:
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigurationError(f"{what} is not base64") from error
