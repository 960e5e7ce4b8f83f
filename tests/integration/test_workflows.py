"""The CI files: what actionlint says to them, and that they publish what ``make release`` writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.cluster import ROOT

from hack.tools.actionlint import binary

pytestmark = pytest.mark.integration

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
QUIET = ("-shellcheck=", "-pyflakes=")  # those of the machine, if any, would decide otherwise elsewhere


def lint(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = [binary.locate(say=print), *QUIET, *paths]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_nothing_is_wrong_with_them() -> None:
    assert {x.name for x in WORKFLOWS} == {"release.yml", "tests.yml"}
    done = lint(*WORKFLOWS)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_mistake_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("needs: build", "needs: bild"))
    done = lint(wrong)
    assert done.returncode == 1
    assert 'job "image" needs job "bild" which does not exist' in done.stdout


def test_a_tag_publishes_everything() -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert "make release IMAGE=" in text
    for published in (
        "dist/RELEASE_NOTES.md dist/*",
        "oci-archive:dist/lws-$version-image.tar",
        "dist/*.whl",
    ):
        assert published in text
