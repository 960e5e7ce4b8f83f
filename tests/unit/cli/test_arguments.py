"""The command line: what is taken, and what is refused in one line."""

from __future__ import annotations

import pytest

from lws.cli.arguments import parse


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
        (["sing"], 'unknown command "sing" for "kubectl lws"; see'),
        (["tre"], 'unknown command "tre" for "kubectl lws"; did you mean "tree"?'),
        (["-n", "ns", "frees"], 'unknown command "frees"'),
        (["help", "tre"], 'unknown command "tre" for "kubectl lws"; did you mean "tree"?'),
        (["set", "imag", "--help"], 'unknown command "imag" for "kubectl lws set"; did you mean "image"?'),
        (["options", "x"], "unexpected argument: x"),
        (["status"], "NAME is missing"),
        (["status", "pod/x"], "'pod/x' is no name of a LeaderWorkerSet or DisaggregatedSet"),
        (["status", "ds.apps/x"], "'ds.apps/x' is no name"),
        (["status", "ds/"], "'ds/' is no name"),
        (["status", "x", "--timeout", "soon"], "argument --timeout: 'soon' is no duration"),
        (["status", "x", "--request-timeout=soon"], "argument --request-timeout: 'soon' is no duration"),
        (["status", "x", "--timeout", "9" * 400 + "s"], "argument --timeout: '9"),
        (["status", "x", "--request-timeout", "9" * 5000], "argument --request-timeout: '9"),
        (["list", "-l", "a\udcff"], r"'a\udcff' is not UTF-8 text"),
        (["status", "x", "--timeout"], "flag needs an argument: --timeout"),
        (["status", "x", "-n"], "flag needs an argument: -n"),
        (["status", "x", "--watch=maybe"], "argument --watch: 'maybe' is neither true nor false"),
        (["restart", "x", "-1"], "unknown shorthand flag: '1' in -1"),
        (["restart", "x", "A"], "'A' is neither a group nor a role"),
        (["undo", "x", "--to-revision", "1.5"], "'1.5' is no number"),
        (["plan", "x"], "it needs -f/--filename, or --role"),
        (["plan", "x", "-f", "y", "--role", "a=1"], "takes neither a set nor -f"),
        (["plan", "x", "--role", "a=1"], "takes neither a set nor -f"),
        (["plan", "ds", "--role", "a"], "'a': '' is no number of groups"),
        (["plan", "--role", "A=1"], "'A' is no name of a role"),
        (["plan", "--role", "a=1:1000001"], "'1000001' is no number of groups up to 1000000"),
        (["plan", "--role", "a=1,surge=-1"], "'-1' is no number of groups"),
        (["plan", "--role", "a=1,surge=1,surge=2"], "'surge=2' is neither surge=N nor unavailable=N, once"),
        (["plan", "--role", "a=1,surge=0"], "unavailable must not be 0 when surge is 0"),
        (["plan", "--role", "a=0"], "no groups, neither before nor after"),
        (["tree", "-o", "xml"], "argument -o: 'xml' is none of json, yaml"),
        (["tree", "--outp", "json"], 'unknown flag: --outp; did you mean "--output"?'),
        (["tree", "--frees"], "unknown flag: --frees; see"),
        (["status", "x", "-A"], "unknown shorthand flag: 'A' in -A"),
        (["tree", "x", "-A"], "a set cannot be named across all namespaces"),
        (["why", "ds/x", "-A"], "a set cannot be named across all namespaces"),
        (["tree", "x", "-l", "a=b"], "name cannot be provided when a selector is specified"),
        (["pause", "x", "y"], "unexpected argument: y"),
        (["pause", "x", "-A"], "a set cannot be named across all namespaces"),
        (["restart", "0", "-l", "a=b"], "name cannot be provided when a selector is specified"),
        (["restart"], "it needs a NAME, -l/--selector or -A/--all-namespaces"),
        (["resume", "-l", ""], "it needs a NAME, -l/--selector or -A/--all-namespaces"),
        (["undo"], "NAME is missing"),
        (["undo", "-A"], "unknown shorthand flag: 'A' in -A"),
        (["restart", "x", "--dry-run"], "flag needs an argument: --dry-run"),
        (["pause", "x", "--dry-run=maybe"], "'maybe' is none of none, server, client"),
        (["tree", "--certificate-authority=f", "--insecure-skip-tls-verify"], "--certificate-authority says"),
    ],
)
def test_a_wrong_command_line(arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(arguments, capsys)
    assert line.startswith("error: ")
    assert problem in line
    assert "--help'" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["-n", "ns", "tree"],
        ["--namespace", "ns", "tree"],
        ["tree", "-n", "ns"],
        ["tree", "--namespace=ns"],
        ["tree", "-nns"],
        ["tree", "-n=ns"],
        ["-Anns", "tree", "--all-namespaces=false"],
        ["tree", "-n", "other", "-n", "ns"],
    ],
)
def test_flags_stand_anywhere_and_are_written_as_kubectls(arguments: list[str]) -> None:
    expected = {"command": "tree", "kind": "", "name": "", "all_namespaces": False, "namespace": "ns"}
    assert vars(parse(arguments)).items() >= expected.items()


def test_arguments_may_stand_between_flags() -> None:
    options = parse(["restart", "ds/llm", "--as", "bob", "prefill", "--as-group=a", "--", "decode"])
    assert (options.kind, options.name, options.parts) == ("DisaggregatedSet", "llm", ["prefill", "decode"])
    assert (options.as_user, options.as_group) == ("bob", ["a"])
    assert parse(["--as-group", "a", "tree", "--as-group", "b"]).as_group == ["a", "b"]


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
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("1h", 3600), ("500ms", 0.5), ("7", 7), ("9" * 9 + "h", 31_536_000)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse(["status", "x", "--timeout", text]).timeout == seconds
