"""The command line, as far as it needs no cluster."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.controlplane import layout, main
from hack.controlplane.layout import ROOT, Settings
from hack.controlplane.ports import numbered


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """``main`` takes over two signals of the process; the test runner gets its own back."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_no_cluster_has_no_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["status", "--dir", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(r"error: no cluster in .*: start one with `up --dir .*`\n", said.err)


def test_down_without_a_cluster_leaves_the_files_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kubeconfig").write_text("mine")
    assert main.main(["down", "--dir", str(tmp_path)]) == 0
    assert "nothing to do" in capsys.readouterr().err
    assert (tmp_path / "kubeconfig").read_text() == "mine"


def test_status_lists_what_is_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    binaries = dict.fromkeys(layout.COMPONENTS, "/nowhere/x")
    layout.save(Settings(directory=str(tmp_path), ports=numbered(20000), binaries=binaries))
    assert main.main(["status", "--dir", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["COMPONENT", "PID", "STATE", "PORT"]
    assert [line.split()[:3] for line in lines[1:]] == [[name, "-", "down"] for name in layout.COMPONENTS]


def test_down_clears_up_after_a_crash(tmp_path: Path) -> None:
    directory = tmp_path / "cluster"
    made = layout.create_directory(directory)
    layout.save(Settings(directory=str(directory), made_directories=made))
    (directory / "etcd").mkdir()
    assert main.main(["down", "--dir", str(directory)]) == 0
    assert not directory.exists()
    assert main.main(["down", "--dir", str(directory)]) == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--nodes", "0"], "from 1 to 1000"),
        (["--kcm-qps", "-1"], "above 0"),
        (["--start-delay", "soon"], "write 5s"),
        (["--arg", "kube-apiserver"], "COMPONENT=--FLAG=VALUE"),
        (["--port-base", "many"], "invalid int"),
        (["--dir", __file__], "is no directory"),
    ],
)
def test_options_are_checked_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(["up", "--dir", str(tmp_path / "cluster"), *arguments])
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "cluster").exists()


def test_keys_and_data_are_kept_out_of_the_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["up", "--dir", str(ROOT / "docs")]) == 1
    assert "name a directory elsewhere" in capsys.readouterr().err


def test_up_does_not_overwrite_what_it_finds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main.binaries, "locate", lambda **_: {})
    (tmp_path / "kubeconfig").write_text("mine")
    assert main.main(["up", "--dir", str(tmp_path)]) == 1
    assert "choose an empty directory" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["kubeconfig"]


@pytest.mark.parametrize(
    "command",
    [
        [str(ROOT / "hack/cluster"), "status"],
        [sys.executable, str(ROOT / "hack/controlplane"), "status"],
    ],
    ids=["command", "python"],
)
def test_every_name_of_the_command_works(tmp_path: Path, command: list[str]) -> None:
    answer = subprocess.run(
        [*command, "--dir", str(tmp_path)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("error: no cluster in")
