"""The command line: what is taken, what is refused in one line, which namespace is meant, and colours."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lws.cli import session
from lws.cli.arguments import parse
from lws.cli.main import COMMANDS, main
from lws.cli.session import make_console


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The line that says why; the code is 2."""
    with pytest.raises(SystemExit) as caught:
        parse(arguments)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    return err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "COMMAND"),
        (["frees"], "invalid choice: 'frees'"),
        (["status"], "required: NAME"),
        (["status", "pod/x"], "'pod/x' is no name of a LeaderWorkerSet or DisaggregatedSet"),
        (["status", "ds.apps/x"], "'ds.apps/x' is no name"),
        (["status", "ds/"], "'ds/' is no name"),
        (["status", "x", "--timeout", "soon"], "'soon' is no duration"),
        (["restart", "x", "-1"], "-1"),
        (["undo", "x", "--to-revision", "1.5"], "'1.5' is no number"),
        (["plan", "x"], "NAME and -f/--filename, or --role"),
        (["plan", "x", "-f", "y", "--role", "a=1"], "takes neither a set nor -f"),
        (["plan", "x", "--role", "a=1"], "takes neither a set nor -f"),
        (["plan", "ds", "--role", "a"], "'a': '' is no number of groups"),
        (["plan", "--role", "A=1"], "'A' is no name of a role"),
        (["plan", "--role", "a=1:1000001"], "'1000001' is no number of groups up to 1000000"),
        (["plan", "--role", "a=1,surge=-1"], "'-1' is no number of groups"),
        (["plan", "--role", "a=1,surge=1,surge=2"], "'surge=2' is neither surge=N nor unavailable=N, once"),
        (["plan", "--role", "a=1,surge=0"], "unavailable must not be 0 when surge is 0"),
        (["plan", "--role", "a=0"], "no groups, neither before nor after"),
        (["tree", "-o", "xml"], "invalid choice: 'xml'"),
        (["tree", "--outp", "json"], "unrecognized arguments"),
        (["tree", "x", "-A"], "a set cannot be named across all namespaces"),
        (["why", "ds/x", "-A"], "a set cannot be named across all namespaces"),
        (["pause", "x", "y"], "unrecognized arguments: y"),
    ],
)
def test_a_wrong_command_line(arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(arguments, capsys)
    assert line.startswith("error: ")
    assert problem in line
    assert "--help'" in line


@pytest.mark.parametrize(
    "arguments", [["-n", "ns", "tree"], ["tree", "-n", "ns"], ["tree", "--namespace=ns"]]
)
def test_common_flags_stand_before_or_after_the_command(arguments: list[str]) -> None:
    assert vars(parse(arguments)) | {"all_namespaces": False} == {
        "command": "tree",
        "kind": "",
        "name": "",
        "all_namespaces": False,
        "namespace": "ns",
        "context": None,
        "kubeconfig": None,
        "output": None,
    }


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("x", ""),
        *(
            (f"{x}/x", "LeaderWorkerSet")
            for x in ("lws", "leaderworkerset.leaderworkerset.x-k8s.io", "leaderworkersets")
        ),
        *(
            (f"{x}/x", "DisaggregatedSet")
            for x in ("ds", "dset", "disaggregatedset", "disaggregatedsets.disaggregatedset.x-k8s.io")
        ),
    ],
)
def test_names_may_be_as_kubectl_prints_them(text: str, kind: str) -> None:
    options = parse(["why", text])
    assert (options.kind, options.name) == (kind, "x")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("1h", 3600), ("500ms", 0.5), ("7", 7)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse(["status", "x", "--timeout", text]).timeout == seconds


def test_every_command_has_help_and_somebody_who_runs_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for command in COMMANDS:
        assert f"\n    {command} " in text
        with pytest.raises(SystemExit) as caught:
            parse([command, "--help"])
        assert caught.value.code == 0
        out = capsys.readouterr().out
        assert out.startswith(f"usage: kubectl lws {command} ")
        examples = [x for x in out.splitlines() if x.startswith("  kubectl lws ")]
        assert examples
        for example in examples:
            parse(re.split("  +", example.strip())[0].split()[2:])


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
