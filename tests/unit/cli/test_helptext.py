"""Help: in kubectl's shape, for every command, with examples that are taken, and quick."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import lws
from lws.cli.arguments import parse
from lws.cli.commands import COMMANDS
from lws.cli.flags import GLOBAL
from lws.cli.main import COMMANDS as RUNS

ELSEWHERE = {"completion", "options"}
"""Commands that are done before a session is opened."""


def said(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What help says; the code is 0."""
    with pytest.raises(SystemExit) as caught:
        parse(words)
    assert caught.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_all_commands_are_listed(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    text = said(words, capsys)
    for command in COMMANDS:
        assert re.search(rf"^  {command}  +\S", text, re.MULTILINE)
    assert text.endswith(
        'Use "kubectl lws <command> --help" for more information about a given command.\n'
        'Use "kubectl lws options" for a list of global command-line options (applies to all commands).\n'
    )


def test_commands_of_two_words_have_help_for_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["set"], ["set", "--help"], ["help", "set"]):
        text = said(words, capsys)
        assert "Available Commands:\n  image   Update container images of a set\n" in text
        assert "  kubectl lws set SUBCOMMAND [options]\n" in text


def test_every_command_has_somebody_who_runs_it() -> None:
    assert {*RUNS} | ELSEWHERE == {*COMMANDS}


@pytest.mark.parametrize("command", [x for x in COMMANDS if x not in ELSEWHERE])
def test_help_of_a_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = said([*command.split(), "--help"], capsys)
    assert said(["help", *command.split()], capsys) == text
    sections = re.findall(r"^(\w+):$", text, re.MULTILINE)
    assert sections == ["Examples", "Options", "Usage"]
    assert f"Usage:\n  kubectl lws {command} " in text
    examples = re.findall(r"^  # [A-Z].*\n  kubectl lws (.*)$", text, re.MULTILINE)
    assert examples
    for example in examples:
        assert parse(shlex.split(example)).command == command
    for flag in COMMANDS[command].flags:
        assert re.search(rf"^    (-\w, )?--{flag.name}=\S+:\n\t[A-Z]", text, re.MULTILINE)


def test_the_options_of_all_commands_are_kubectls(capsys: pytest.CaptureFixture[str]) -> None:
    names = re.findall(r"--([\w-]+)=", said(["options"], capsys))
    assert names == sorted(x.name for x in GLOBAL)
    assert {"as", "as-group", "as-uid", "context", "kubeconfig", "namespace", "request-timeout"} <= {*names}
    assert {"server", "token", "certificate-authority", "insecure-skip-tls-verify"} <= {*names}


def test_help_loads_nothing_that_it_can_do_without() -> None:
    """A second of imports on a small machine is what it would wait for otherwise."""
    program = "import sys; from lws.cli.arguments import parse\ntry: parse([])\nfinally: print(*sys.modules)"
    done = subprocess.run(  # without what editable installations import
        [sys.executable, "-S", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(lws.__file__).parents[1])},
    )
    loaded = done.stdout.splitlines()[-1].split()
    ours = {x for x in loaded if x.startswith("lws.")}
    allowed = {"lws.version", "lws.api", "lws.api.constants", "lws.api.disaggregation"}
    assert {x for x in ours if not x.startswith("lws.cli")} <= allowed
    assert not {"rich", "msgspec", "yaml", "urllib3", "kubernetes", "argparse"} & {*loaded}
    assert len(loaded) < 130
