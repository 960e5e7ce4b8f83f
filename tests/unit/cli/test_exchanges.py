"""What the plugin sends to an API server that says no, changes its mind, or goes away."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.apiserver import ApiServer, Feed, json_answer, status_answer
from support.cli import conditions, seen_of
from support.clichat import DEFAULT, document, sent, serve_set
from support.groups import a_set

from lws.api import constants as c
from lws.cli.observing import Seen
from lws.kube.client import APPLY

SETS, STATEFULSETS, REVISIONS = DEFAULT.sets, DEFAULT.stateful_sets, DEFAULT.revisions
PODS, EVENTS = DEFAULT.pods, DEFAULT.events
SET = f"{SETS}/test-sample"
Run = Callable[..., int]

FORMER = a_set(template={"restartPolicy": "None"})


def at(seen: Seen, version: str) -> Seen:
    return seen._replace(lws=replace(seen.lws, metadata=replace(seen.lws.metadata, resource_version=version)))


def test_a_change_is_decided_anew_after_a_conflict(server: ApiServer, run: Run) -> None:
    """Each write names the state it is meant for."""
    seen = seen_of(a_set(partition=1))
    serve_set(server, at(seen, "7"), at(seen, "9"))
    server.on("PATCH", SET, status_answer(409, reason="Conflict"), json_answer(document(seen.lws)))
    assert run("pause", "lws/test-sample") == 0
    assert [x["metadata"]["resourceVersion"] for x in sent(server, "PATCH", SET)] == ["7", "9"]


def test_somebody_else_is_always_faster(
    server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    serve_set(server, seen_of(a_set()))
    server.on("PATCH", SET, status_answer(409, reason="Conflict"))
    assert run("pause", "lws/test-sample") == 1
    assert "somebody else changed it 5 times" in capsys.readouterr().err


@pytest.mark.parametrize("code", [200, 403], ids=["renumbered", "not-allowed-to"])
def test_undo_makes_the_revision_the_newest_if_it_may(
    server: ApiServer, run: Run, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = seen_of(a_set(), former=FORMER)
    former = seen.revisions[0]
    serve_set(server, seen)
    answer = json_answer({}) if code == 200 else status_answer(403, reason="Forbidden")
    server.on("PATCH", f"{REVISIONS}/{former.name}", answer)
    server.on("PATCH", SET, json_answer(document(seen.lws)))
    assert run("undo", "lws/test-sample") == 0
    assert "rolled back to revision 1" in capsys.readouterr().out
    assert [x["revision"] for x in sent(server, "PATCH", f"{REVISIONS}/{former.name}")] == [3]
    (patch,) = sent(server, "PATCH", SET)
    assert [x["path"] for x in patch] == [
        "/metadata/resourceVersion",
        "/spec/leaderWorkerTemplate",
        "/spec/networkConfig",
    ]


def test_an_undo_that_was_interrupted_between_its_writes_goes_on(server: ApiServer, run: Run) -> None:
    """The revision has its new number already when the set has changed meanwhile; it is found by its name."""
    seen = seen_of(a_set(), former=FORMER)
    former = seen.revisions[0]
    renumbered = seen._replace(revisions=(replace(former, revision=3), seen.revisions[1]))
    serve_set(server, seen, renumbered)
    server.on("PATCH", f"{REVISIONS}/{former.name}", json_answer({}))
    server.on("PATCH", SET, status_answer(409, reason="Conflict"), json_answer(document(seen.lws)))
    assert run("undo", "lws/test-sample", "--to-revision", "1") == 0
    assert [x["revision"] for x in sent(server, "PATCH", f"{REVISIONS}/{former.name}")] == [3]
    assert len(sent(server, "PATCH", SET)) == 2


def test_a_group_is_restarted_by_the_very_leader_that_was_seen(server: ApiServer, run: Run) -> None:
    seen = seen_of(a_set())
    serve_set(server, seen)
    server.on("DELETE", f"{PODS}/test-sample-1", status_answer(409, reason="Conflict"))
    assert run("restart", "test-sample", "1") == 0
    (options,) = sent(server, "DELETE", f"{PODS}/test-sample-1")
    assert options["preconditions"] == {"uid": "uid-test-sample-1"}
    assert options["propagationPolicy"] == "Foreground"


def test_status_waits_by_a_watch_and_reads_again_only_after_a_change(
    server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the watch repeats of the past is no change; a watch that the server ends is opened again."""
    rolling = at(seen_of(conditions(a_set()), down=(1,)), "7")
    done = at(seen_of(conditions(a_set(), Available="ready")), "9")
    serve_set(server, rolling, rolling, done)
    over, feed = Feed(), Feed()
    over.end()
    feed.event("ADDED", document(rolling.lws))
    feed.event("MODIFIED", document(done.lws))
    server.on("GET", SETS, over, feed, watch=True)
    assert run("status", "lws/test-sample", "--watch") == 0
    assert capsys.readouterr().out.splitlines() == [
        'leaderworkerset "test-sample" waiting: 1 of 2 groups ready',
        'leaderworkerset "test-sample" successfully rolled out: 2 groups updated and ready',
    ]
    watches = [x.query for x in server.requests if x.path == SETS]
    assert [(x["fieldSelector"], x["resourceVersion"]) for x in watches] == [
        ("metadata.name=test-sample", "7")
    ] * 2


@pytest.mark.parametrize("as_event", [True, False], ids=["an-event", "not-found"])
def test_status_of_a_set_that_is_deleted_ends(
    server: ApiServer, run: Run, as_event: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    rolling = seen_of(conditions(a_set()), down=(1,))
    serve_set(server, rolling)
    feed = Feed()
    if as_event:
        feed.event("DELETED", document(rolling.lws))
    else:
        server.on(
            "GET", SET, json_answer(document(rolling.lws)), status_answer(404, "NotFound", name="test-sample")
        )
        feed.end()
    server.on("GET", SETS, feed, watch=True)
    assert run("status", "lws/test-sample", "--watch") == 1
    assert capsys.readouterr().err.startswith("error: leaderworkerset")
    feed.end()


def test_a_failure_of_the_set_ends_the_wait(server: ApiServer, run: Run) -> None:
    serve_set(server, seen_of(conditions(a_set(), Stalled="refused")))
    assert run("status", "lws/test-sample", "--watch") == 1


@pytest.fixture
def edit(server: ApiServer, tmp_path: Path) -> Callable[..., list[str]]:
    """Words of a plan whose edit the server takes; members of the spec to change, and flags."""

    def words(*flags: str, **members: Any) -> list[str]:
        seen = seen_of(a_set())
        serve_set(server, seen)
        live = document(seen.lws)
        spec = {**live["spec"], **members}
        metadata = {"name": "test-sample"}
        manifest = {"apiVersion": c.API_VERSION, "kind": c.KIND, "metadata": metadata, "spec": spec}
        path = tmp_path / "set.json"
        path.write_text(json.dumps(manifest))
        server.on("PATCH", SET, json_answer({**live, "spec": spec}))
        return ["plan", "test-sample", "-f", str(path), *flags]

    return words


LEADERS = f"{STATEFULSETS}/test-sample"
NAME_TAKEN = status_answer(409, reason="AlreadyExists", message="exists")


@pytest.mark.parametrize(
    ("flags", "media"),
    [((), "application/merge-patch+json"), (("--server-side",), APPLY)],
    ids=["patch", "apply"],
)
def test_a_plan_only_asks(
    server: ApiServer,
    run: Run,
    edit: Callable[..., list[str]],
    capsys: pytest.CaptureFixture[str],
    *,
    flags: tuple[str, ...],
    media: str,
) -> None:
    """About the set, its leader StatefulSet and a worker StatefulSet, whose name is taken."""
    words = edit(*flags, replicas=3)
    server.on("PATCH", LEADERS, json_answer({}))
    server.on("POST", STATEFULSETS, NAME_TAKEN)
    assert run(*words) == 0
    assert "no pod restarts" in capsys.readouterr().out
    asked = [x for x in server.requests if x.method != "GET"]
    assert [(x.method, x.path) for x in asked] == [("PATCH", SET), ("PATCH", LEADERS), ("POST", STATEFULSETS)]
    assert [x.query["dryRun"] for x in asked] == ["All"] * 3
    assert asked[0].query["fieldValidation"] == "Strict", "as kubectl apply has it"
    assert [x.headers["content-type"] for x in asked] == [media, APPLY, "application/json"]
    assert [x.query["fieldManager"] for x in asked[1:]] == ["lws", "lws"]


def test_a_plan_names_a_field_that_no_set_has(
    server: ApiServer, run: Run, edit: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The API server repeats the patch first, however long that is."""
    words = edit(replicas=3)
    unknown = 'strict decoding error: unknown field "spec.sizze"'
    message = f'Invalid value: "{"x" * 9000}": {unknown}'
    causes = [{"reason": "FieldValueInvalid", "message": message, "field": "patch"}]
    refusal = status_answer(422, reason="Invalid", message=f'"" is invalid: patch: {message}', causes=causes)
    server.on("PATCH", SET, refusal)
    assert run(*words) == 1
    assert capsys.readouterr().err == f"error: the API server refuses: {unknown}\n"


REFUSAL = "updates to statefulset spec for fields other than 'replicas' are forbidden"


@pytest.mark.parametrize("code", [422, 403, 400])
def test_a_plan_says_what_the_leaders_are_refused_for(
    server: ApiServer, run: Run, edit: Callable[..., list[str]], capsys: pytest.CaptureFixture[str], code: int
) -> None:
    words = edit(replicas=4)
    server.on("PATCH", LEADERS, status_answer(code, reason="Refused", message=REFUSAL))
    server.on("POST", STATEFULSETS, NAME_TAKEN)
    assert run(*words) == 1
    out = capsys.readouterr().out
    assert f"refuses the leader StatefulSet, so no group changes: {REFUSAL}" in out
    assert "STEP" not in out
    assert "no pod restarts" not in out


def test_a_plan_says_what_workers_are_refused_for(
    server: ApiServer, run: Run, edit: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    words = edit("-o", "json", replicas=4)
    server.on("PATCH", LEADERS, json_answer({}))
    server.on("POST", STATEFULSETS, status_answer(422, reason="Invalid", message="restartPolicy: Never"))
    assert run(*words) == 1
    view = json.loads(capsys.readouterr().out)
    assert view["refused"] == [
        "the API server refuses worker StatefulSets, new groups get none: restartPolicy: Never"
    ]
    assert view["steps"], "leaders would go all the same"


def test_a_plan_says_what_it_could_not_try(
    server: ApiServer, run: Run, edit: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    words = edit(replicas=4)
    for method, path, verb in (("PATCH", LEADERS, "patch"), ("POST", STATEFULSETS, "create")):
        message = f'User "jane" cannot {verb} resource "statefulsets" in API group "apps"'
        server.on(method, path, status_answer(403, reason="Forbidden", message=message))
    assert run(*words) == 0
    out = capsys.readouterr().out
    assert 'note: not tried: leader StatefulSet: User "jane" cannot patch resource' in out
    assert 'note: not tried: worker StatefulSet: User "jane" cannot create resource' in out
    assert "STEP" in out


def test_a_server_that_fails_has_refused_nothing(
    server: ApiServer, run: Run, edit: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    words = edit(replicas=4)
    server.on("PATCH", LEADERS, status_answer(500, reason="InternalError", message="a webhook is away"))
    assert run(*words) == 1
    assert capsys.readouterr().out == ""


def test_why_does_without_events_that_may_not_be_read(
    server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    serve_set(server, seen_of(conditions(a_set()), missing=(1,)))
    server.on("GET", EVENTS, status_answer(403, reason="Forbidden"))
    assert run("why", "test-sample") == 0
    assert "group 1  NoLeader" in capsys.readouterr().out


def test_a_refusal_is_one_line(server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    server.on("GET", SET, status_answer(403, reason="Forbidden", message="user x may not"))
    assert run("tree", "test-sample") == 1
    assert capsys.readouterr().err == "error: the API server refuses: user x may not\n"


def test_status_with_its_groups(server: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    serve_set(server, seen_of(conditions(a_set()), down=(1,)))
    assert run("status", "lws/test-sample", "-o", "wide") == 0
    lines = [" ".join(x.split()) for x in capsys.readouterr().out.splitlines()]
    assert lines[0] == 'leaderworkerset "test-sample" waiting: 1 of 2 groups ready'
    assert lines[2] == "NAME READY STATUS RESTARTS AGE INFO"
    assert lines[4:] == ["├── group 0 2/2 Ready", "└── group 1 0/2 Starting its containers are being started"]
    assert run("status", "lws/test-sample", "-o", "name") == 0
    assert capsys.readouterr().out == "leaderworkerset.leaderworkerset.x-k8s.io/test-sample\n"
