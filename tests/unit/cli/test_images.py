"""``set image``: which containers an order means, what is written, and what only would be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.apiserver import ApiServer, json_answer, status_answer
from support.clichat import DEFAULT, document, sent
from support.groups import a_set

from lws.cli.images import containers_of, with_images
from lws.cli.values import new_image

Run = Callable[..., int]
SET = f"{DEFAULT.sets}/test-sample"
REFERENCE = "leaderworkerset.leaderworkerset.x-k8s.io/test-sample"


def pod(**images: str) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": name, "image": x, "args": ["a"]} for name, x in images.items()]}}


TEMPLATE: dict[str, Any] = {
    "leaderTemplate": pod(vllm="v1", proxy="p1"),
    "workerTemplate": {
        "spec": {**pod(vllm="v1")["spec"], "initContainers": [{"name": "init", "image": "i1"}]}
    },
    "size": 2,
}


def images(template: dict[str, Any]) -> dict[str, str]:
    """By template and container, of a patch."""
    return {
        f"{member[0]}/{x['name']}": x["image"]
        for member in ("leaderTemplate", "workerTemplate")
        for group in (template.get(member) or {"spec": {}})["spec"].values()
        for x in group
    }


@pytest.mark.parametrize(
    ("orders", "changed"),
    [
        (["vllm=v2"], {"l/vllm": "v2", "l/proxy": "p1", "w/vllm": "v2"}),
        (["leader/vllm=v2"], {"l/vllm": "v2", "l/proxy": "p1"}),
        (["worker/vllm=r.io:5/v2@sha256:a=b"], {"w/vllm": "r.io:5/v2@sha256:a=b"}),
        (["init=i2"], {"w/init": "i2"}),
        (["worker/*=x"], {"w/vllm": "x", "w/init": "x"}),
        (["*=x", "proxy=y"], {"l/vllm": "x", "l/proxy": "y", "w/vllm": "x", "w/init": "x"}),
        (["vllm=v1"], {}),
    ],
)
def test_what_orders_mean(orders: list[str], changed: dict[str, str]) -> None:
    patch, found = with_images(TEMPLATE, [new_image(x) for x in orders])
    assert images(patch) == changed
    assert len(found) == len(orders)


def test_a_patch_keeps_all_else_of_a_container() -> None:
    patch, _ = with_images(TEMPLATE, [new_image("worker/vllm=v2")])
    assert patch == {
        "workerTemplate": {"spec": {"containers": [{"name": "vllm", "image": "v2", "args": ["a"]}]}}
    }
    assert containers_of(TEMPLATE) == ["leader/vllm", "leader/proxy", "worker/init", "worker/vllm"]


def live() -> Any:
    found = document(a_set())
    found["spec"]["leaderWorkerTemplate"] = dict(TEMPLATE)
    return found


def edited() -> Any:
    found = live()
    found["spec"]["leaderWorkerTemplate"]["leaderTemplate"] = pod(vllm="v2", proxy="p1")
    return found


def test_it_is_written_anew_after_a_conflict(
    server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on("GET", SET, json_answer(live()))
    server.on("PATCH", SET, status_answer(409, reason="Conflict"), json_answer(edited()))
    assert run("set", "image", "lws/test-sample", "leader/vllm=v2") == 0
    version = live()["metadata"]["resourceVersion"]
    assert [x["metadata"]["resourceVersion"] for x in sent(server, "PATCH", SET)] == [version] * 2
    assert capsys.readouterr().out.splitlines() == [
        f"{REFERENCE} image updated",
        '  spec.leaderWorkerTemplate.leaderTemplate.spec.containers[0].image: "v1" -> "v2"',
    ]


def test_a_dry_run_of_the_client_sends_nothing(
    server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on("GET", SET, json_answer(live()))
    words = ("set", "image", "lws/test-sample", "leader/vllm=v2", "--dry-run=client")
    assert run(*words) == 0
    assert capsys.readouterr().out.startswith(f"{REFERENCE} image updated (dry run)\n")
    assert run(*words, "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == edited()
    assert {x.method for x in server.requests} == {"GET"}


def test_a_dry_run_of_the_server_stores_nothing(
    server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on("GET", SET, json_answer(live()))
    server.on("PATCH", SET, json_answer(edited()))
    assert run("set", "image", "lws/test-sample", "leader/vllm=v2", "--dry-run=server") == 0
    assert capsys.readouterr().out.startswith(f"{REFERENCE} image updated (server dry run)\n")
    assert [x.query["dryRun"] for x in server.requests if x.method == "PATCH"] == ["All"]


def test_a_document_can_be_applied_by_the_server(
    server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """It refuses one that says who owns which field."""
    one = live()
    one["metadata"]["managedFields"] = [{"manager": "kubectl", "operation": "Update"}]
    server.on("GET", SET, json_answer(one))
    words = ("set", "image", "lws/test-sample", "leader/vllm=v2", "--dry-run=client", "-o", "json")
    assert run(*words) == 0
    assert json.loads(capsys.readouterr().out) == edited()


def test_images_that_are_so_already(server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    server.on("GET", SET, json_answer(live()))
    assert run("set", "image", "lws/test-sample", "vllm=v1") == 0
    assert capsys.readouterr().out == f"{REFERENCE} unchanged: it has these images already\n"
    assert run("set", "image", "lws/test-sample", "vllm=v1", "-o", "name") == 0
    assert capsys.readouterr().out == f"{REFERENCE}\n"


def test_what_is_not_there(server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    server.on("GET", SET, json_answer(live()))
    assert run("set", "image", "lws/test-sample", "worker/proxy=x") == 1
    problem = "unable to find container named 'worker/proxy'; containers: leader/vllm, "
    assert capsys.readouterr().err.startswith(f"error: {problem}")


def test_a_leaderworkerset_has_no_roles(
    server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on("GET", SET, json_answer(live()))
    assert run("set", "image", "lws/test-sample", "vllm=v2", "--role", "decode") == 2
    problem = "--role is for DisaggregatedSets; test-sample is a LeaderWorkerSet"
    assert capsys.readouterr().err == f"error: {problem}; see 'kubectl lws set image --help'\n"
