"""The command where there is nothing to show: one line, code 1, and nothing left running."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from support.apiserver import Answer, ApiServer, json_answer, status_answer
from support.clichat import DEFAULT

from lws.cli.arguments import parse

Run = Callable[..., int]
NOTHING = json_answer({"items": [], "metadata": {"resourceVersion": "1"}})
UNKNOWN = status_answer(404, reason="NotFound")
DENIED = status_answer(403, reason="Forbidden", message="you may not list it")


def complaint(run: Run, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    before = set(threading.enumerate())
    assert run("dashboard", "--no-browser", *words) == 1
    left = {x.name for x in set(threading.enumerate()) - before}
    assert left <= {"apiserver-_serve"}  # the scripted server's
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1), err
    return err.removeprefix("error: ").strip()


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        ((UNKNOWN, UNKNOWN), "this cluster has no LeaderWorkerSets"),
        ((DENIED, DENIED), "the API server refuses: you may not list it"),
        ((DENIED, UNKNOWN), "the API server refuses: you may not list it"),
    ],
    ids=["no-crd", "no-rights", "no-rights-and-no-roles"],
)
def test_nothing_to_show(
    server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str], answers: tuple[Answer, Answer], line: str
) -> None:
    for path, answer in zip((DEFAULT.sets, DEFAULT.disaggregated), answers, strict=True):
        server.on("GET", path, answer)
    assert complaint(run, capsys).startswith(line)


def test_a_selector_that_is_none(server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong with it the server says, which is asked before there is a page."""
    server.on("GET", DEFAULT.sets, status_answer(400, "BadRequest", message="unable to parse requirement"))
    assert run("dashboard", "--no-browser", "-l", "in in in") == 2
    assert "argument -l: unable to parse requirement; see" in capsys.readouterr().err
    assert [x.query["labelSelector"] for x in server.requests] == ["in in in"]


def test_no_cluster(server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    server.close()
    assert "refused" in complaint(run, capsys)


def test_a_port_in_use(server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    server.on("GET", DEFAULT.sets, NOTHING)
    server.on("GET", DEFAULT.disaggregated, UNKNOWN)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert complaint(run, capsys, "--port", str(port)) == (
            f"dashboard: cannot listen on port {port} of 127.0.0.1: address already in use;"
            " choose another --port, or none for a free one"
        )


@pytest.mark.parametrize("port", ["x", "-1", "65536", "1.5"])
def test_a_port_that_is_none(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(["dashboard", "--port", port])
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], {"port": 0, "no_browser": False, "name": "", "all_namespaces": False}),
        (["ds/llm", "--no-browser", "--port", "80"], {"port": 80, "no_browser": True, "name": "llm"}),
        (["-A", "-l", "team=search"], {"all_namespaces": True, "selector": "team=search"}),
    ],
)
def test_flags(words: list[str], wanted: dict[str, Any]) -> None:
    assert wanted.items() <= vars(parse(["dashboard", *words])).items()
