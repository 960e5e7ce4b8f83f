"""The page's library is the package that ``hack/dashboard/package-lock.json`` pins, byte for byte."""

from __future__ import annotations

import json
from hashlib import sha256

from hack.dashboard.vendor import FILES, HERE, LOCK, RECORD, record, vendored


def test_copies_are_those_that_were_made_from_the_locked_packages() -> None:
    """A lock that was changed without ``make vendor`` has another integrity than the record, and a copy that
    was edited another digest. ``make vendor`` itself compares with the packages (tests/integration).
    """
    assert json.loads(RECORD.read_text()) == record(vendored(), json.loads(LOCK.read_text()))


def test_nothing_is_there_that_nobody_locked() -> None:
    assert sorted(vendored()) == sorted(
        f"{package}/{name}" for package, names in FILES.items() for name in names
    )


def test_every_library_has_its_licence() -> None:
    for package in FILES:
        assert b"Copyright" in vendored()[f"{package}/LICENSE"]


def test_the_lock_names_no_registry_and_exact_versions() -> None:
    assert "://" not in LOCK.read_text()
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    assert sorted(wanted) == sorted(FILES)
    assert all(version[0].isdigit() for version in wanted.values())


def test_digests_are_of_content() -> None:
    name, content = next(iter(vendored().items()))
    assert json.loads(RECORD.read_text())["files"][name] == sha256(content).hexdigest()
