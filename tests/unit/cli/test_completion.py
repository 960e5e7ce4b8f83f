"""Completion: what may come next, silently, and quickly where there is no cluster."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.apiserver import ApiServer, json_answer, silent_answer, write_kubeconfig
from support.cli import seen_of
from support.clichat import DEFAULT, document
from support.disaggregated import a_role
from support.disaggregated import a_set as a_roles_set
from support.groups import a_set

from lws.api import disaggregation as d
from lws.cli import completion
from lws.cli.shells import script

Complete = Callable[..., list[str]]
LWS = f"{DEFAULT.sets}/vllm"
DS = f"{DEFAULT.disaggregated}/llm"


def texts(answer: completion.Answer) -> list[str]:
    return [text for text, _ in answer.candidates]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["t"], ["tree"]),
        (["se"], ["set"]),
        (["-n", "ns", "re"], ["restart", "resume"]),
        (["set", ""], ["image"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["tree", "--sel"], ["--selector"]),
        (["status", "x", "--wa"], ["--watch"]),
        (["plan", "-o", ""], ["json", "yaml"]),
        (["list", "-o", "w"], ["wide"]),
        (["list", "--output=n"], ["name"]),
        (["set", "image", "x", "--dry-run", "s"], ["server"]),
        (["status", "x", "--timeout", ""], []),
        (["options", ""], []),
        (["frees", "--", "--se"], []),
        (["frees", ""], []),
    ],
)
def test_words_that_need_no_cluster(words: list[str], expected: list[str]) -> None:
    assert texts(completion.complete(words[:-1], words[-1])) == expected


def test_files_are_the_shells() -> None:
    assert completion.complete(["plan", "x", "-f"], "") == completion.Answer(directive=0)


@pytest.fixture
def complete(server: ApiServer, tmp_path: Path) -> Complete:
    kubeconfig = str(write_kubeconfig(tmp_path, server.url))

    def words(*typed: str) -> list[str]:
        return texts(completion.complete(["--kubeconfig", kubeconfig, *typed[:-1]], typed[-1]))

    return words


def named(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default", "labels": labels}}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", ["vllm", "llm"]),
        ("v", ["vllm"]),
        ("lws/", ["lws/vllm", "lws/llm-0-decode"]),
        ("ds/", ["ds/llm"]),
        ("leaderworkerset/v", ["leaderworkerset/vllm"]),
    ],
)
def test_names_of_sets(server: ApiServer, complete: Complete, typed: str, expected: list[str]) -> None:
    part = named("llm-0-decode", **{d.NAME_LABEL: "llm"})
    server.on("GET", DEFAULT.sets, json_answer({"items": [named("vllm"), part]}))
    server.on("GET", DEFAULT.disaggregated, json_answer({"items": [named("llm")]}))
    assert complete("why", typed) == expected


def test_groups_and_containers_and_revisions(server: ApiServer, complete: Complete) -> None:
    seen = seen_of(a_set())
    found = document(seen.lws)
    server.on("GET", LWS, json_answer(found))
    server.on("GET", DEFAULT.revisions, json_answer({"items": [document(x) for x in seen.revisions]}))
    assert complete("restart", "vllm", "") == ["0", "1"]
    assert complete("restart", "vllm", "0", "") == ["1"]
    assert complete("undo", "vllm", "--to-revision", "") == ["2", "1"]
    assert complete("history", "vllm", "--revision=") == ["2", "1"]
    container = found["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]["containers"][0]["name"]
    assert f"{container}=" in complete("set", "image", "vllm", "")


def test_roles_and_their_containers(server: ApiServer, complete: Complete) -> None:
    server.on("GET", DS, json_answer(document(a_roles_set(a_role("prefill", 2), a_role("decode", 1)))))
    assert complete("restart", "ds/llm", "") == ["prefill", "decode"]
    assert complete("restart", "llm", "prefill", "") == ["decode"]
    assert complete("set", "image", "llm", "--role", "") == ["prefill", "decode"]
    assert complete("set", "image", "llm", "") == ["c="]


def test_namespaces_and_what_the_kubeconfig_names(server: ApiServer, complete: Complete) -> None:
    server.on("GET", "/api/v1/namespaces", json_answer({"items": [named("a"), named("b")]}))
    assert complete("list", "-n", "") == ["a", "b"]
    assert complete("list", "--context", "") != []


def asked(kubeconfig: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lws.cli.completion", "--kubeconfig", kubeconfig, *words],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "words", [("why", ""), ("restart", "x", ""), ("frees", "x", ""), ("tree", "--x=", "")]
)
def test_without_a_cluster_nothing_is_said(tmp_path: Path, words: tuple[str, ...]) -> None:
    for kubeconfig in (str(write_kubeconfig(tmp_path, "http://127.0.0.1:1")), "/nowhere/config"):
        done = asked(kubeconfig, *words)
        assert (done.returncode, done.stdout, done.stderr) == (0, ":4\n", "")


def test_a_server_that_does_not_answer_is_not_waited_for(server: ApiServer, tmp_path: Path) -> None:
    server.on("GET", DEFAULT.sets, silent_answer())
    began = time.monotonic()
    done = asked(str(write_kubeconfig(tmp_path, server.url)), "why", "")
    assert (done.returncode, done.stdout, done.stderr) == (0, ":4\n", "")
    assert time.monotonic() - began < 20  # by itself the client would wait for 30 seconds


def test_names_need_nothing_that_draws_or_plans() -> None:
    program = "import sys, lws.cli.candidates; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "lws.kube.client" in loaded
    assert not [x for x in loaded if x == "rich" or x.startswith(("rich.", "lws.planning", "kubernetes"))]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_read_by_their_shells(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    path = tmp_path / "script"
    path.write_text(script(shell))
    done = subprocess.run([shell, "-n", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("kubectl-lws tr", "tree"),
        ("kubectl-lws list -o ", "json yaml name wide"),
        ("kubectl-lws list --output=y", "yaml"),
        ("kubectl-lws set image x --dry-run=c", "client"),
    ],
)
def test_bash_shows_candidates(tmp_path: Path, line: str, expected: str) -> None:
    program = tmp_path / "kubectl-lws"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m lws.cli "$@"\n')
    program.chmod(0o755)
    typed = (
        f"PATH={tmp_path}:$PATH; compopt() {{ :; }}\n{script('bash')}\n"
        f'COMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}; _kubectl_lws; echo "${{COMPREPLY[*]}}"'
    )
    done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (expected, "")
