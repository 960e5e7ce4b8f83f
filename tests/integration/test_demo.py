"""``hack/demo`` without a kubectl on the PATH, and each of its tips, pasted into a shell."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from support.cluster import ROOT
from support.waiting import until

pytestmark = pytest.mark.integration

DEMO = ROOT / "hack" / "demo"
LINE_SECONDS = 120.0
WORDS = {"status": "successfully rolled out", "why": "Unschedulable", "undo": "rolled back", "tree": "vllm"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Everything that is on the PATH, but kubectl; ``python`` stays the one it is."""
    bin_directory = tmp_path_factory.mktemp("bin")
    for name in ("bash", "env", "make", "git", "dirname", "readlink", "uname", "sed", "awk", "true"):
        if found := shutil.which(name):
            (bin_directory / name).symlink_to(found)
    return dict(os.environ) | {"PATH": str(bin_directory)}


@pytest.fixture(scope="module")
def tips(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The commands that a demo which is up proposes. It ends with SIGTERM, and leaves nothing."""
    log = tmp_path_factory.mktemp("demo") / "stderr"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [DEMO], stdout=subprocess.PIPE, stderr=errors, text=True, env=environment, start_new_session=True
        )
    with process:
        try:
            assert process.stdout is not None
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line.rstrip())
                if line.startswith("The controller's log: "):
                    break
            else:
                pytest.fail(log.read_text())
            yield [x.strip() for x in lines if re.match(r"  (export|kubectl) ", x)]
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=LINE_SECONDS)
    directory = re.search(r"KUBECONFIG=(\S+)/cluster/", "\n".join(lines))
    assert directory
    assert not Path(directory[1]).exists()


def test_every_tip_works(tips: list[str], environment: dict[str, str]) -> None:
    export, *commands = tips
    assert len(commands) >= 8

    def says(command: str, word: str) -> bool:
        done = subprocess.run(
            ["bash", "-c", f"{export}\n{command}"],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=LINE_SECONDS,
        )
        assert done.returncode == 0, (command, done.stderr)
        return word in done.stdout

    for command in commands:
        words = [said for word, said in WORDS.items() if f" lws {word} " in command] or [" "]
        # A person types slowly; what a set waits for is there a second after the edit.
        until(f"{words} from {command}", partial(says, command, words[0]), seconds=LINE_SECONDS)


def test_a_kubectl_that_is_not_there(environment: dict[str, str]) -> None:
    """Nothing is started before."""
    done = subprocess.run(
        [DEMO, "--kubectl=no-such-program"], capture_output=True, text=True, check=False, env=environment
    )
    assert (done.returncode, done.stdout) == (1, "")
    said = "demo: there is no program no-such-program: correct --kubectl or KUBECTL, or leave it out\n"
    assert done.stderr == said
