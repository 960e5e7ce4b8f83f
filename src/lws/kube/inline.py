"""Certificates and keys of a kubeconfig, as files: TLS takes nothing else, and entries may hold them."""

from __future__ import annotations

import atexit
import base64
import binascii
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from lws.kube.errors import ConfigurationError


class Inline:
    """A directory for what entries hold, which nobody else reads, and which goes with the process."""

    @cached_property
    def directory(self) -> str:
        directory = tempfile.mkdtemp(prefix="lws-")
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        return directory

    def path(self, entry: Mapping[str, Any], name: str, where: str) -> str | None:
        """Of the file that ``name`` names, or that holds its data, which count first, as kubectl has it.

        Raises ConfigurationError, which begins with ``where``, for data that are not base64 and for no file.
        """
        if data := entry.get(f"{name}-data"):
            return self._kept(str(data), f"{where}: {name}-data")
        path = entry.get(name)
        if path and not Path(str(path)).exists():
            raise ConfigurationError(f"{where}: {name} {path} does not exist")
        return str(path) if path else None

    def discard(self, *paths: str | None) -> None:
        """Delete those that are here: a credential plugin may give hundreds of keys a day."""
        for path in filter(None, paths):
            if os.path.dirname(path) == self.directory:
                Path(path).unlink(missing_ok=True)

    def _kept(self, data: str, what: str) -> str:
        try:
            content = base64.b64decode("".join(data.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise ConfigurationError(f"{what} is not base64") from error
        path = Path(self.directory, hashlib.sha256(content).hexdigest())
        if not path.exists():
            path.write_bytes(content)
        return str(path)
