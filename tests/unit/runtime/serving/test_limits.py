"""A process opens as many files as it may, and its servers leave some to others."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from lws.runtime.serving import limits

RAISE = """
import resource
from lws.runtime.serving import raise_open_files
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
print(raise_open_files() == hard == resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    said = subprocess.run([sys.executable, "-c", RAISE], capture_output=True, text=True, check=True)
    assert said.stdout == "True\n"


def test_a_limit_that_may_not_be_raised_is_lived_with(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert limits.raise_open_files() == 1024


@pytest.mark.parametrize(
    ("soft", "connections"),
    [(resource.RLIM_INFINITY, 1024), (1_048_576, 1024), (4096, 1024), (1024, 256), (2, 1)],
)
def test_all_servers_together_leave_files_to_others(
    monkeypatch: pytest.MonkeyPatch, soft: int, connections: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    assert limits.fair_connections(1024) == connections
