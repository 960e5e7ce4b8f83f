"""Certificates and keys of a kubeconfig, as files: TLS takes nothing else, and entries may hold them."""

from __future__ import annotations

import atexit
import base64
import binascii
import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lws.kube.errors import ConfigurationError


class Inline:
    """A directory for what entries hold, which nobody else reads, and which goes with the process."""

    def __init__(self) -> None:
        self._directory = ""

    @property
    def directory(self) -> str:
        """Another one where it is gone: machines delete temporary files that are days old."""
        if not os.path.isdir(self._directory):
            self._directory = tempfile.mkdtemp(prefix="lws-")
            atexit.register(shutil.rmtree, self._directory, ignore_errors=True)
        return self._directory

    def path(self, entry: Mapping[str, Any], name: str, where: str) -> str | None:
        """Of the file that ``name`` names, or that holds its data, which count first, as kubectl has it.

        Raises ConfigurationError, which begins with ``where``, for data that are not base64 and for no file.
        """
        if data := entry.get(f"{name}-data"):
            return self._kept(data, f"{where}: {name}-data")
        path = entry.get(name)
        if path and not os.path.exists(path):
            raise ConfigurationError(f"{where}: {name} {path} does not exist")
        return path or None

    def discard(self, *paths: str | None) -> None:
        """Delete those that are here: a credential plugin may give hundreds of keys a day."""
        for path in filter(None, paths):
            if os.path.dirname(path) == self._directory:
                Path(path).unlink(missing_ok=True)

    def _kept(self, data: str, what: str) -> str:
        try:
            content = base64.b64decode("".join(data.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise ConfigurationError(f"{what} is not base64") from error
        try:
            return self._file(content)
        except OSError as error:
            raise ConfigurationError(
                f"{what} cannot be kept in a temporary file: {error.strerror}"
            ) from error

    def _file(self, content: bytes) -> str:
        path = Path(self.directory, hashlib.sha256(content).hexdigest())
        with contextlib.suppress(FileExistsError), open(path, "xb", opener=_private) as file:
            file.write(content)
        return str(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
