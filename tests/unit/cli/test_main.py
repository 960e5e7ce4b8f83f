"""The program: which namespace is meant, what goes wrong in one line, a reader that has gone, and colours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lws.cli import session
from lws.cli.arguments import parse
from lws.cli.main import main
from lws.cli.session import make_console


def a_kubeconfig(path: Path, server: str = "https://127.0.0.1:1", **contexts: str) -> str:
    named: list[dict[str, Any]] = [
        {"name": name, "context": {"cluster": "c"} | ({"namespace": namespace} if namespace else {})}
        for name, namespace in contexts.items()
    ]
    document = {
        "current-context": next(iter(contexts)),
        "contexts": named,
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [],
    }
    path.write_text(yaml.safe_dump(document))
    return str(path)


@pytest.mark.parametrize(
    ("flags", "namespace"),
    [
        pytest.param([], "of-one", id="of the context"),
        pytest.param(["--context", "two"], "default", id="a context without one"),
        pytest.param(["--context", "two", "-n", "given"], "given", id="given"),
        pytest.param(["-A"], "", id="all"),
    ],
)
@pytest.mark.parametrize("by_flag", [True, False], ids=["--kubeconfig", "KUBECONFIG"])
def test_the_namespace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], namespace: str, by_flag: bool
) -> None:
    path = a_kubeconfig(tmp_path / "config", one="of-one", two="")
    monkeypatch.setenv("KUBECONFIG", "/nowhere" if by_flag else path)
    words = ["tree", *flags, *(["--kubeconfig", path] if by_flag else [])]
    with session.open_session(parse(words)) as opened:
        assert opened.namespace == namespace


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--kubeconfig", "/nowhere/config"], "kubeconfig /nowhere/config does not exist"),
        (["--context", "three"], "there is no context 'three'; contexts in it: one"),
        ([], "GET http://127.0.0.1:1/"),
    ],
)
def test_what_goes_wrong_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    problem: str,
) -> None:
    monkeypatch.setenv("KUBECONFIG", a_kubeconfig(tmp_path / "config", "http://127.0.0.1:1", one="x"))
    monkeypatch.setattr("lws.kube.transport.READ_REPEATS", 0)
    assert main(["tree", *flags]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("error: ")
    assert problem in err


def test_without_its_extra_it_says_what_is_missing() -> None:
    program = "import sys; sys.modules['rich'] = None; from lws.cli.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "tree"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: kubectl lws needs the Python package rich; pip install kubectl-lws\n"


@pytest.mark.parametrize("words", [["--help"], ["plan", "--role", "a=3", "--role", "b=5"]])
def test_a_reader_that_has_gone_is_no_traceback(words: list[str]) -> None:
    program = (
        "import os, sys; from lws.cli.__main__ import main; reader, writer = os.pipe(); os.close(reader);"
        "os.dup2(writer, 1); sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (141, "")


def test_ctrl_c_is_no_traceback_at_any_moment() -> None:
    """While modules are imported, too, which is most of the time that a short command takes."""
    program = (
        "import sys\nfrom lws.cli import __main__\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'lws.cli.main': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder())\nsys.exit(__main__.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "list"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_reader_that_goes_between_two_lines_is_none_either() -> None:
    """What draws the lines would end the program by itself, with 1 and without a word."""
    program = (
        "import os, sys; from rich.text import Text; from lws.cli import __main__, main, session;"
        "main.run = lambda options: session.make_output(options).show_line({}, Text('x')) or 0;"
        "reader, writer = os.pipe(); os.close(reader); os.dup2(writer, 1); sys.exit(__main__.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "status", "x"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    ("terminal", "environment", "coloured"),
    [(True, {}, True), (True, {"NO_COLOR": "1"}, False), (False, {}, False)],
    ids=["terminal", "NO_COLOR", "pipe"],
)
def test_colours(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, environment: dict[str, str], coloured: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    console = make_console()
    with console.capture() as captured:
        console.print("x", style="red")
    assert ("\x1b[31m" in captured.get()) == coloured
