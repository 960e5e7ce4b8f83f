"""For all tests."""

from __future__ import annotations

import pytest

from lws.objects import prepare_types


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fidelity", type=int, default=2, help="histories of each kind that are played on the model, too"
    )


def pytest_collection_finish() -> None:
    """Tests decode on several threads, too; every module they use is imported by now."""
    prepare_types()
