"""Waiting for a certificate that somebody else puts into a directory."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from support.loglines import capture_logs

from lws.webhooks.certificates.files import CertificateFiles


def write(directory: Path, *names: str, content: str = "x") -> None:
    for name in names:
        (directory / name).write_text(content)


def test_nothing_is_said_of_files_that_are_there(tmp_path: Path) -> None:
    write(tmp_path, "tls.crt", "tls.key")
    files = CertificateFiles(tmp_path)
    with capture_logs() as lines:
        files.start()
        assert files.wait_ready(60.0)
    assert lines == []


@pytest.mark.parametrize(
    ("there", "empty", "missing"),
    [
        pytest.param([], [], ["tls.crt", "tls.key"], id="none"),
        pytest.param(["tls.key"], [], ["tls.crt"], id="one"),
        pytest.param(["tls.crt"], ["tls.key"], ["tls.key"], id="an empty one"),
    ],
)
def test_what_is_missing_is_told(
    tmp_path: Path, there: list[str], empty: list[str], missing: list[str]
) -> None:
    write(tmp_path, *there)
    write(tmp_path, *empty, content="")
    paths = [str(tmp_path / name) for name in missing]
    files = CertificateFiles(tmp_path)
    with capture_logs() as lines:
        files.start()
    assert [line["missing"] for line in lines] == [paths]
    assert not files.wait_ready(0.0)
    assert files.why_not_ready().startswith(f"missing or empty: {', '.join(paths)}; mount the Secret")


def test_files_that_come_are_found_and_told_once(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    files.start()
    write(tmp_path, "tls.crt", "tls.key")
    with capture_logs() as lines:
        assert files.wait_ready(0.0)
        assert files.wait_ready(0.0)
    assert [line["event"] for line in lines] == ["The webhook certificate is there"]


def test_stop_ends_the_waiting(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    waiting = threading.Thread(target=files.wait_ready, args=(600.0,), daemon=True)
    waiting.start()
    files.stop()
    waiting.join(10.0)
    assert not waiting.is_alive()
