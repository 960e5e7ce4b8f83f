"""What is written where, and that nothing else is ever removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from hack.controlplane import layout
from hack.controlplane.layout import ClusterError, Settings


def test_settings_are_read_back(tmp_path: Path) -> None:
    settings = Settings(directory=str(tmp_path), ports={"etcd": 1}, nodes=3, extra=[("etcd", "--x=y")])
    layout.save(settings)
    assert layout.load(tmp_path) == settings


def test_a_directory_without_a_cluster_has_no_settings(tmp_path: Path) -> None:
    assert layout.load(tmp_path) is None
    assert layout.load(tmp_path / "missing") is None


def test_another_s_settings_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / layout.SETTINGS).write_text("[]")
    with pytest.raises(ClusterError, match="cannot be read"):
        layout.load(tmp_path)


def test_removing_takes_all_that_was_made(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    made = layout.create_directory(directory)
    for name in layout.written_names():
        (directory / name).touch()
    layout.remove(directory, made)
    assert list(tmp_path.iterdir()) == []


def test_removing_leaves_what_others_put_there(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    made = layout.create_directory(directory)
    (directory / "manager.log").write_text("mine")
    (directory / "etcd" / "member").mkdir(parents=True)
    layout.remove(directory, made)
    assert [path.name for path in directory.iterdir()] == ["manager.log"]


def test_removing_keeps_a_directory_that_was_there_before(tmp_path: Path) -> None:
    made = layout.create_directory(tmp_path)
    layout.remove(tmp_path, made)
    assert made == []
    assert tmp_path.is_dir()


def test_the_settings_go_last() -> None:
    assert layout.written_names()[-1] == layout.SETTINGS  # an interrupted `down` can be repeated
