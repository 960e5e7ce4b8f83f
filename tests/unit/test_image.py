"""What builds the image and what it runs on are one Python, which the tests run on as well."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_one_python() -> None:
    bases = re.findall(
        r"^ARG (BUILDER_IMAGE|BASE_IMAGE)=python:(\d+\.\d+)-", (ROOT / "Dockerfile").read_text(), re.M
    )
    versions = {version for _, version in bases}
    assert (len(bases), len(versions)) == (2, 1)
    told = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "test-fast-image", "IMAGE_PYTHON="],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"No Python {versions.pop()} here" in told.stdout
