"""What is part of a DisaggregatedSet is changed through it, by whatever command (decision 247)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from support.apiserver import ApiServer, json_answer
from support.clichat import NS, document, serve_set
from support.cliroles import seen_child
from support.disaggregated import a_role, a_set

from lws.api import constants as c
from lws.cli.dashboard.offers import offers_of_set
from lws.cli.observing import Seen

Run = Callable[..., int]
DS = a_set(a_role("prefill", 2), a_role("decode", 1))
CHILD = seen_child(DS, "prefill", 2)
NAME = CHILD.lws.name


def paused() -> Seen:
    """By an older program."""
    metadata = replace(CHILD.lws.metadata, annotations={c.PAUSED_PARTITION_ANNOTATION: ""})
    return CHILD._replace(lws=replace(CHILD.lws, metadata=metadata))


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (["pause"], "pause ds/llm"),
        (["restart"], "restart ds/llm prefill"),
        (["undo"], "undo ds/llm"),
        (["set", "image", "*=x"], "set image ds/llm CONTAINER=IMAGE --role prefill"),
    ],
    ids=["pause", "restart", "undo", "set-image"],
)
def test_the_line_says_what_to_run(
    server: ApiServer,
    run_in_ns: Run,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    instead: str,
) -> None:
    serve_set(server, CHILD)
    images = [x for x in words if "=" in x]
    assert run_in_ns(*words[: len(words) - len(images)], f"lws/{NAME}", *images) == 1
    line = f"error: {NAME} is part of disaggregatedset llm: run 'kubectl lws {instead}'\n"
    assert capsys.readouterr().err == line
    assert {x.method for x in server.requests} == {"GET"}


def test_what_was_paused_before_can_be_resumed(
    server: ApiServer, run_in_ns: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    serve_set(server, paused())
    server.on("PATCH", f"{NS.sets}/{NAME}", json_answer(document(CHILD.lws)))
    assert run_in_ns("resume", f"lws/{NAME}") == 0
    assert capsys.readouterr().out.endswith(
        "resumed: its partition was changed to 0 meanwhile, and stays so\n"
    )


def test_one_group_of_it_can_be_recreated(
    server: ApiServer, run_in_ns: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    serve_set(server, CHILD)
    server.on("DELETE", f"{NS.pods}/{NAME}-1", json_answer({}))
    assert run_in_ns("restart", f"lws/{NAME}", "1") == 0
    assert capsys.readouterr().out.endswith("recreating group 1\n")


def test_the_dashboard_offers_none_of_it() -> None:
    found = offers_of_set(CHILD)
    assert [(x.action, x.enabled) for x in found] == [("pause", False), ("restart", False), ("undo", False)]
    assert {x.text for x in found} == {"It is part of ds/llm, and goes with it."}
    assert [x.action for x in offers_of_set(paused()) if x.enabled] == ["resume"]
