"""Dry runs of every command that changes something: what is sent, and what is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from support.apiserver import ApiServer, Request, json_answer
from support.cli import seen_of
from support.clichat import DEFAULT, LLM, NS, document, serve_roles, serve_set
from support.cliroles import kept_of, seen_child, seen_roles
from support.disaggregated import a_role
from support.disaggregated import a_set as a_roles_set
from support.groups import a_set

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.cli.commands import CHANGING, COMMANDS
from lws.cli.flags import DRY_RUN
from lws.cli.pause import HELD

Run = Callable[..., int]
Captured = pytest.CaptureFixture[str]


def orders() -> Iterator[tuple[str, ...]]:
    """Every command that changes something, on a set of either kind."""
    for name, part in (("lws/test-sample", "1"), ("ds/llm", "prefill")):
        yield "set image", name, "*=v2"
        yield "undo", name
        yield "restart", name
        yield "restart", name, part
        yield "pause", name
        yield "resume", name


def serve_plain(server: ApiServer, *, paused: bool) -> None:
    metadata = {"annotations": {c.PAUSED_PARTITION_ANNOTATION: "0"}} if paused else {}
    lws = a_set(partition=HELD if paused else 0, metadata=metadata)
    seen = seen_of(lws, former=a_set(template={"restartPolicy": "None"}))
    serve_set(server, seen)
    server.on("PATCH", f"{DEFAULT.sets}/test-sample", json_answer(document(lws)))
    server.on("PATCH", f"{DEFAULT.revisions}/{seen.revisions[0].name}", json_answer({}))
    server.on("DELETE", f"{DEFAULT.pods}/test-sample-1", json_answer({}))


def serve_composed(server: ApiServer, *, paused: bool) -> None:
    annotations = {c.HISTORY_LIMIT_ANNOTATION: "5"} | ({d.PAUSED_ANNOTATION: "true"} if paused else {})
    before, now = (
        replace(x, metadata=replace(x.metadata, annotations=annotations))
        for x in (a_roles_set(a_role("prefill", 2, image=image, surge=1)) for image in "ab")
    )
    child = seen_child(now, "prefill", 2)
    serve_roles(server, seen_roles(now, child))
    server.on("GET", NS.revisions, json_answer({"items": [document(x) for x in kept_of(before, now)]}))
    for path, one in ((LLM, now), (f"{NS.sets}/{child.lws.name}", child.lws)):
        server.on("GET", path, json_answer(document(one)))
        server.on("PATCH", path, json_answer(document(one)))


@pytest.fixture
def carry_out(server: ApiServer, run: Run) -> Callable[..., list[Request]]:
    """An order and flags in; what was sent that writes."""

    def carry_out(order: tuple[str, ...], *flags: str) -> list[Request]:
        paused = order[0] == "resume"
        serve_plain(server, paused=paused)
        serve_composed(server, paused=paused)
        namespace = "ns" if order[1].startswith("ds/") else "default"
        assert run(*order[0].split(), *order[1:], "-n", namespace, *flags) == 0
        return [x for x in server.requests if x.method != "GET"]

    return carry_out


def tried_only(request: Request) -> bool:
    """DELETE says it in its options: the server does not look at the query beside them."""
    if request.method == "DELETE":
        return bool(request.json().get("dryRun") == ["All"])
    return request.query.get("dryRun") == "All"


ORDERS = pytest.mark.parametrize("order", [*orders()], ids=" ".join)


def test_every_command_that_changes_something_has_a_dry_run() -> None:
    changing = {name for name, x in COMMANDS.items() if x.heading == CHANGING}
    assert changing == {x[0] for x in orders()}
    assert changing == {name for name, x in COMMANDS.items() if DRY_RUN in x.flags}


@ORDERS
def test_without_it_is_written(
    carry_out: Callable[..., list[Request]], capsys: Captured, order: tuple[str, ...]
) -> None:
    written = carry_out(order)
    assert written
    assert not [x for x in written if tried_only(x)]
    assert "dry run" not in capsys.readouterr().out


@ORDERS
def test_the_client_sends_nothing(
    carry_out: Callable[..., list[Request]], capsys: Captured, order: tuple[str, ...]
) -> None:
    assert carry_out(order, "--dry-run=client") == []
    assert capsys.readouterr().out.splitlines()[0].endswith(" (dry run)")


@ORDERS
def test_the_server_stores_nothing(
    carry_out: Callable[..., list[Request]], capsys: Captured, order: tuple[str, ...]
) -> None:
    """It is asked all that would be written."""
    tried = carry_out(order, "--dry-run=server")
    assert tried
    assert all(tried_only(x) for x in tried)
    assert capsys.readouterr().out.splitlines()[0].endswith(" (server dry run)")
    written = carry_out(order)[len(tried) :]
    assert [(x.method, x.path) for x in written] == [(x.method, x.path) for x in tried]


@pytest.mark.parametrize("order", [x for x in orders() if x[0] != "set image"], ids=" ".join)
@pytest.mark.parametrize("how", ["none", "client", "server"])
def test_documents_say_it(
    carry_out: Callable[..., list[Request]], capsys: Captured, order: tuple[str, ...], how: str
) -> None:
    carry_out(order, f"--dry-run={how}", "-o", "json")
    view: Any = json.loads(capsys.readouterr().out)
    assert (view["changed"], view["dryRun"]) == (True, how)


def test_nothing_to_do_is_the_same_tried_or_not(server: ApiServer, run: Run, capsys: Captured) -> None:
    serve_plain(server, paused=True)
    assert run("pause", "lws/test-sample", "--dry-run=server") == 0
    assert capsys.readouterr().out.endswith("/test-sample already paused\n")
