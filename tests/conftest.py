"""For all tests."""

from __future__ import annotations

from lws.objects import prepare_types


def pytest_collection_finish() -> None:
    """Tests decode on several threads, too; every module they use is imported by now."""
    prepare_types()
