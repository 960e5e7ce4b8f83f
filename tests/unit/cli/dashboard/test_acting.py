"""Orders of the page are the commands of the plugin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from support.apiserver import ApiServer, json_answer, write_kubeconfig
from support.cli import seen_of
from support.clichat import DEFAULT, LLM, document, sent, serve_roles
from support.cliroles import seen_child, seen_roles
from support.disaggregated import a_role
from support.disaggregated import a_set as a_roles_set
from support.groups import a_set

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.cli.dashboard.acting import Order, carry_out, read_order
from lws.cli.session import CommandError, Output, Session, make_console
from lws.cli.writing import Writer
from lws.kube.client import Client
from lws.kube.connection import connect

SET = f"{DEFAULT.sets}/test-sample"
FORMER = a_set(template={"restartPolicy": "None"})
ROLES = a_roles_set(a_role("prefill", 1), a_role("decode", 1))


@pytest.fixture
def session(server: ApiServer, tmp_path: Any) -> Iterator[Session]:
    connection = connect(kubeconfig=str(write_kubeconfig(tmp_path, server.url)), user_agent="tests")
    with closing(connection):
        client = Client(connection)
        yield Session(client, Writer(client), "", Output("", make_console()))


@pytest.fixture
def plain(server: ApiServer) -> ApiServer:
    seen = seen_of(a_set(), former=FORMER)
    server.on("GET", SET, json_answer(document(seen.lws)))
    server.on("PATCH", SET, json_answer(document(seen.lws)))
    for path, found in (
        (DEFAULT.stateful_sets, seen.stateful_sets),
        (DEFAULT.pods, seen.pods),
        (DEFAULT.revisions, seen.revisions),
    ):
        server.on("GET", path, json_answer({"items": [document(x) for x in found]}))
    for revision in seen.revisions:
        server.on("PATCH", f"{DEFAULT.revisions}/{revision.name}", json_answer({}))
    return server


def lws(action: Any, **more: Any) -> Order:
    return Order(action, "lws", "default", "test-sample", **more)


def test_pause(plain: ApiServer, session: Session) -> None:
    assert carry_out(session, lws("pause")).message == "paused"
    (patch,) = sent(plain, "PATCH", SET)
    assert c.PAUSED_PARTITION_ANNOTATION in patch["metadata"]["annotations"]


def test_resume_of_what_is_not_paused(plain: ApiServer, session: Session) -> None:
    assert not carry_out(session, lws("resume")).changed
    assert sent(plain, "PATCH", SET) == []


def test_restart_of_all_groups(plain: ApiServer, session: Session) -> None:
    assert carry_out(session, lws("restart")).message == "restarted"
    assert c.RESTARTED_AT_ANNOTATION in json.dumps(sent(plain, "PATCH", SET))


def test_restart_of_one_group(plain: ApiServer, session: Session) -> None:
    assert carry_out(session, lws("restart", group=1)).message == "recreating group 1"
    (options,) = sent(plain, "DELETE", f"{DEFAULT.pods}/test-sample-1")
    assert options["preconditions"] == {"uid": "uid-test-sample-1"}
    assert sent(plain, "PATCH", SET) == []


def test_undo(plain: ApiServer, session: Session) -> None:
    assert carry_out(session, lws("undo")).message == "rolled back to revision 1"
    assert sent(plain, "PATCH", SET)


def test_what_a_command_refuses_is_refused(plain: ApiServer, session: Session) -> None:
    with pytest.raises(CommandError, match="has no group 9"):
        carry_out(session, lws("restart", group=9))


def test_pause_of_a_disaggregated_set(server: ApiServer, session: Session) -> None:
    serve_roles(server, seen_roles(ROLES))
    server.on("PATCH", LLM, json_answer(document(ROLES)))
    assert carry_out(session, Order("pause", "ds", "ns", "llm")).kind == d.KIND
    (patch,) = sent(server, "PATCH", LLM)
    assert patch["metadata"]["annotations"] == {d.PAUSED_ANNOTATION: "true"}


def test_restart_of_one_role(server: ApiServer, session: Session) -> None:
    child = seen_child(ROLES, "decode", 1)
    serve_roles(server, seen_roles(ROLES, child))
    path = f"/apis/{c.GROUP}/v1/namespaces/ns/leaderworkersets/{child.lws.name}"
    server.on("GET", path, json_answer(document(child.lws)))
    server.on("PATCH", path, json_answer(document(child.lws)))
    carry_out(session, Order("restart", "ds", "ns", "llm", role="decode"))
    assert c.RESTARTED_AT_ANNOTATION in json.dumps(sent(server, "PATCH", path))
    assert sent(server, "PATCH", LLM) == []


@pytest.mark.parametrize(
    ("more", "taken"),
    [
        ({}, True),
        ({"group": 0}, True),
        ({"group": 0, "kind": "ds"}, False),
        ({"role": "decode", "kind": "ds"}, True),
        ({"role": "decode"}, False),
        ({"group": 0, "role": "decode"}, False),
        ({"group": 0, "action": "undo"}, False),
        ({"group": "0"}, False),
        ({"action": "delete"}, False),
    ],
)
def test_what_is_an_order(more: dict[str, Any], taken: bool) -> None:
    body = {"action": "restart", "kind": "lws", "namespace": "ns", "name": "a", **more}
    try:
        read_order(json.dumps(body).encode())
    except ValueError:
        assert not taken
    else:
        assert taken
