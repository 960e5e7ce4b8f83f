"""A package that is kept out of an import, and only for that long."""

from __future__ import annotations

import importlib
import sys

import pytest

from lws.runtime.leanimports import without

UNUSED = "this"  # a module of the standard library that nothing else imports


def test_it_is_not_found_within_and_found_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    with without(UNUSED), pytest.raises(ModuleNotFoundError):
        importlib.import_module(UNUSED)
    assert UNUSED not in sys.modules
    assert importlib.import_module(UNUSED).__name__ == UNUSED
    assert capsys.readouterr().out
    del sys.modules[UNUSED]


def test_what_is_imported_already_stays() -> None:
    with without("json"):
        assert importlib.import_module("json") is sys.modules["json"]
    assert sys.modules["json"] is not None


def test_a_failing_import_within_changes_nothing() -> None:
    with pytest.raises(ZeroDivisionError), without(UNUSED):
        raise ZeroDivisionError
    assert UNUSED not in sys.modules
