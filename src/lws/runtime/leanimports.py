"""Importing a package without an optional one that it would take in wherever that happens to be installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from types import ModuleType
from typing import cast


@contextmanager
def without(name: str) -> Iterator[None]:
    """Within it, ``name`` cannot be imported, as if it were not installed; no change if it was before."""
    modules = cast(MutableMapping[str, ModuleType | None], sys.modules)
    if name in modules:
        yield
        return
    modules[name] = None  # what the import system documents for "not to be found"
    try:
        yield
    finally:
        del modules[name]
