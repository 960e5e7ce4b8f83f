"""The verbs: what each sends, what it decodes, and which may go out twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from support.apiserver import (
    ApiServer,
    drop_answer,
    json_answer,
    raw_answer,
    silent_answer,
    status_answer,
    status_document,
)
from support.waits import Waits

from lws.kube.client import Client, Survey
from lws.kube.connection import Connection
from lws.kube.errors import AlreadyExists, Conflict, DecodeError, NotFound, TransportError
from lws.kube.resources import NODES, PODS, STATEFULSETS
from lws.objects import Key, KubeObject

PODS_PATH = "/api/v1/namespaces/team/pods"
POD_PATH = PODS_PATH + "/x"
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": "team", "uid": "u1"}}
LEAVING = {**POD, "metadata": {**POD["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}  # type: ignore[dict-item]


@pytest.fixture
def client(connection: Connection, waits: Waits) -> Client:
    return Client(connection)


def test_a_survey_tells_of_all_pages_what_they_are_of(server: ApiServer, client: Client) -> None:
    """Of the metadata alone; the version is the list's own."""

    def page(token: str, *names: str) -> dict[str, Any]:
        items = [{"metadata": {"name": x, "namespace": "team", "resourceVersion": f"1{x}"}} for x in names]
        return {"metadata": {"resourceVersion": "90", "continue": token}, "items": items}

    server.on("GET", "/api/v1/pods", json_answer(page("next", "1", "2")), json_answer(page("", "3")))
    assert client.survey(PODS) == Survey(90, {Key("team", x): int(f"1{x}") for x in "123"})
    first, second = server.requests
    assert second.query["continue"] == "next"
    assert "continue" not in first.query
    assert first.headers["accept"].startswith("application/json;as=PartialObjectMetadataList;")


class TestGet:
    @pytest.mark.parametrize(
        ("type_", "look"),
        [
            pytest.param(KubeObject, lambda pod: pod.metadata.uid, id="struct"),
            pytest.param(dict, lambda pod: pod["metadata"]["uid"], id="dict"),
            pytest.param(msgspec.Raw, lambda raw: msgspec.json.decode(raw)["metadata"]["uid"], id="raw"),
        ],
    )
    def test_decodes_to_the_type_asked_for(
        self, server: ApiServer, client: Client, type_: type, look: Callable[[Any], str]
    ) -> None:
        server.on("GET", POD_PATH, json_answer(POD))
        assert look(client.get(PODS, type_, "x", "team")) == "u1"

    def test_not_found(self, server: ApiServer, client: Client) -> None:
        server.on("GET", POD_PATH, status_answer(404, "NotFound", 'pods "x" not found'))
        with pytest.raises(NotFound, match=r'^NotFound \(404\): pods "x" not found$'):
            client.get(PODS, KubeObject, "x", "team")

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            pytest.param(
                b'{"metadata":{"uid":7}}', r"Expected `str`, got `int` - at `\$.metadata.uid`$", id="shape"
            ),
            pytest.param(b'{"metadata":', r"Input data was truncated$", id="truncated"),
            pytest.param(b'{"metadata":{"uid":"\xff"}}', r".+", id="not UTF-8"),
        ],
    )
    def test_an_answer_that_does_not_decode_names_the_resource(
        self, server: ApiServer, client: Client, body: bytes, message: str
    ) -> None:
        server.on("GET", POD_PATH, raw_answer(body))
        with pytest.raises(DecodeError, match=rf"^{POD_PATH}: the answer does not decode: {message}"):
            client.get(PODS, KubeObject, "x", "team")


class TestList:
    def test_query(self, server: ApiServer, client: Client) -> None:
        server.on("GET", PODS_PATH, json_answer({"items": [POD]}))
        found = client.list(
            PODS,
            KubeObject,
            "team",
            label_selector="a in (b)",
            field_selector="spec.nodeName=n",
            resource_version="0",
        )
        assert [pod.uid for pod in found] == ["u1"]
        assert server.requests[0].query == {
            "labelSelector": "a in (b)",
            "fieldSelector": "spec.nodeName=n",
            "resourceVersion": "0",
        }

    def test_without_selectors_everything_of_the_cluster(self, server: ApiServer, client: Client) -> None:
        server.on("GET", "/api/v1/nodes", json_answer({"items": []}))
        assert client.list(NODES, dict) == []
        assert server.requests[0].query == {}

    @pytest.mark.parametrize("answer", [{"items": None}, {}], ids=["null", "absent"])
    def test_no_items(self, server: ApiServer, client: Client, answer: dict[str, Any]) -> None:
        server.on("GET", PODS_PATH, json_answer(answer))
        assert client.list(PODS, msgspec.Raw, "team") == []


class TestCreate:
    @pytest.mark.parametrize("namespace", ["", "team"])
    def test_sends_the_document(self, server: ApiServer, client: Client, namespace: str) -> None:
        server.on("POST", PODS_PATH, json_answer(POD, 201))
        assert client.create(PODS, KubeObject, POD, namespace=namespace).uid == "u1"
        (request,) = server.requests
        assert request.json() == POD
        assert request.query == {"fieldManager": "lws"}
        assert request.headers["content-type"] == "application/json"

    def test_raw_members_go_out_as_they_are(self, server: ApiServer, client: Client) -> None:
        server.on("POST", PODS_PATH, json_answer(POD))
        client.create(PODS, dict, {**POD, "spec": msgspec.Raw(b'{"x":1.50}')})
        assert server.requests[0].body.endswith(b'"spec":{"x":1.50}}')

    def test_already_exists(self, server: ApiServer, client: Client) -> None:
        server.on("POST", PODS_PATH, status_answer(409, "AlreadyExists"))
        with pytest.raises(AlreadyExists):
            client.create(PODS, dict, POD)


class TestApply:
    def test_sends_the_document(self, server: ApiServer, client: Client) -> None:
        path = "/apis/apps/v1/namespaces/team/statefulsets/x"
        server.on("PATCH", path, json_answer(POD))
        client.apply(STATEFULSETS, KubeObject, POD)
        client.apply(STATEFULSETS, KubeObject, POD, field_manager="other", force=False)
        first, second = server.requests
        assert first.headers["content-type"] == "application/apply-patch+yaml"
        assert first.json() == POD
        assert first.query == {"fieldManager": "lws", "force": "true"}
        assert second.query == {"fieldManager": "other", "force": "false"}

    def test_of_a_subresource(self, server: ApiServer, client: Client) -> None:
        server.on("PATCH", POD_PATH + "/status", json_answer(POD))
        client.apply(PODS, dict, POD, subresource="status")
        assert server.requests[0].path == POD_PATH + "/status"


class TestReplaceAndPatch:
    def test_replace(self, server: ApiServer, client: Client) -> None:
        server.on("PUT", POD_PATH + "/status", json_answer(POD))
        assert client.replace(PODS, KubeObject, POD, subresource="status").uid == "u1"
        assert server.requests[0].json() == POD

    def test_replace_conflict(self, server: ApiServer, client: Client) -> None:
        server.on("PUT", POD_PATH, status_answer(409, "Conflict"))
        with pytest.raises(Conflict):
            client.replace(PODS, dict, POD)

    def test_merge_patch(self, server: ApiServer, client: Client) -> None:
        server.on("PATCH", POD_PATH + "/status", json_answer(POD))
        patch = {"status": {"a": None}}
        assert client.merge_patch(PODS, dict, "x", patch, namespace="team", subresource="status") == POD
        (request,) = server.requests
        assert request.json() == patch
        assert request.headers["content-type"] == "application/merge-patch+json"

    def test_strategic_merge_patch(self, server: ApiServer, client: Client) -> None:
        server.on("PATCH", POD_PATH, json_answer(POD))
        client.merge_patch(PODS, dict, "x", {}, namespace="team", strategic=True)
        (request,) = server.requests
        assert request.headers["content-type"] == "application/strategic-merge-patch+json"

    @pytest.mark.parametrize("dry_run", [False, True])
    def test_json_patch(self, server: ApiServer, client: Client, dry_run: bool) -> None:
        server.on("PATCH", POD_PATH, json_answer(POD))
        patch = [{"op": "replace", "path": "/a", "value": 1}]
        assert client.json_patch(PODS, dict, "x", patch, namespace="team", dry_run=dry_run) == POD
        (request,) = server.requests
        assert request.json() == patch
        assert request.headers["content-type"] == "application/json-patch+json"
        assert request.query.get("dryRun") == ("All" if dry_run else None)


class TestDelete:
    def test_options(self, server: ApiServer, client: Client) -> None:
        server.on("DELETE", POD_PATH, json_answer(status_document(200)))
        client.delete(
            PODS,
            KubeObject,
            "x",
            namespace="team",
            uid="u1",
            resource_version="7",
            propagation="Foreground",
            grace_period=0,
        )
        client.delete(PODS, KubeObject, "x", namespace="team")
        client.delete(PODS, KubeObject, "x", namespace="team", dry_run=True)
        assert server.requests[0].json() == {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": "u1", "resourceVersion": "7"},
            "propagationPolicy": "Foreground",
            "gracePeriodSeconds": 0,
        }
        plain = {"apiVersion": "v1", "kind": "DeleteOptions"}
        assert server.requests[1].json() == plain
        assert server.requests[2].json() == plain | {"dryRun": ["All"]}

    @pytest.mark.parametrize(
        ("answer", "uid"),
        [
            pytest.param(LEAVING, "u1", id="on its way out"),
            pytest.param(status_document(200, uid="u1"), None, id="gone, a Status says"),
            pytest.param(POD, None, id="gone, its last state is shown"),
        ],
    )
    def test_answer(self, server: ApiServer, client: Client, answer: dict[str, Any], uid: str | None) -> None:
        server.on("DELETE", POD_PATH, json_answer(answer))
        found = client.delete(PODS, KubeObject, "x", namespace="team", uid="u1")
        assert (found.uid if found else None) == uid

    def test_another_uid(self, server: ApiServer, client: Client) -> None:
        server.on("DELETE", POD_PATH, status_answer(409, "Conflict", "uid mismatch"))
        with pytest.raises(Conflict):
            client.delete(PODS, KubeObject, "x", namespace="team", uid="u0")


@pytest.mark.parametrize(
    ("call", "times"),
    [
        pytest.param(lambda c: c.get(PODS, dict, "x", "team"), 4, id="get"),
        pytest.param(lambda c: c.list(PODS, dict, "team"), 4, id="list"),
        pytest.param(lambda c: c.create(PODS, dict, POD), 1, id="create"),
        pytest.param(lambda c: c.apply(PODS, dict, POD), 2, id="apply"),
        pytest.param(lambda c: c.replace(PODS, dict, POD), 1, id="replace"),
        pytest.param(lambda c: c.merge_patch(PODS, dict, "x", {}, namespace="team"), 1, id="patch"),
        pytest.param(lambda c: c.delete(PODS, dict, "x", namespace="team", uid="u"), 2, id="delete by UID"),
        pytest.param(lambda c: c.delete(PODS, dict, "x", namespace="team"), 1, id="delete by name"),
    ],
)
def test_how_often_a_request_goes_out_when_answers_are_lost(
    server: ApiServer, client: Client, call: Callable[[Client], Any], times: int
) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        for path in (PODS_PATH, POD_PATH):
            server.on(method, path, drop_answer())
    with pytest.raises(TransportError):
        call(client)
    assert len(server.requests) == times


def test_a_client_within_a_time_gives_up_in_it(server: ApiServer, client: Client) -> None:
    server.on("PUT", POD_PATH, silent_answer())
    with pytest.raises(TransportError, match=r"no answer in time"):
        client.within(0.05).replace(PODS, dict, POD)
    server.on("PUT", POD_PATH, status_answer(429, headers={"Retry-After": "1"}))
    with pytest.raises(Exception, match=r"^TooManyRequests"):
        client.within(0.5).replace(PODS, dict, POD)
    assert len(server.requests) == 2


def test_another_field_manager(server: ApiServer, connection: Connection) -> None:
    server.on("PATCH", POD_PATH, json_answer(POD))
    Client(connection, field_manager="me").within(5).apply(PODS, dict, POD)
    assert server.requests[0].query["fieldManager"] == "me"
