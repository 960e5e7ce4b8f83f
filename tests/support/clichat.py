"""A conversation of the kubectl plugin with a scripted API server."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.cli.disaggregated.observing import SeenRoles
from lws.cli.observing import Seen
from lws.objects import KubeObject
from support.apiserver import Answer, ApiServer, Exchange, Feed, json_answer, status_answer


class Paths(NamedTuple):
    """Collections of one namespace."""

    sets: str
    disaggregated: str
    scalers: str
    stateful_sets: str
    revisions: str
    pods: str
    events: str


def paths(namespace: str) -> Paths:
    within = f"/namespaces/{namespace}"
    return Paths(
        f"/apis/{c.GROUP}/v1{within}/leaderworkersets",
        f"/apis/{d.GROUP}/v1{within}/disaggregatedsets",
        f"/apis/{d.GROUP}/v1{within}/disaggregatedsetrolescalers",
        f"/apis/apps/v1{within}/statefulsets",
        f"/apis/apps/v1{within}/controllerrevisions",
        f"/api/v1{within}/pods",
        f"/api/v1{within}/events",
    )


DEFAULT, NS = paths("default"), paths("ns")
LLM = f"{NS.disaggregated}/llm"


def document(obj: KubeObject) -> Any:
    return json.loads(msgspec.json.encode(obj))


def not_found(name: str) -> Any:
    """What a server says of an object that is not there, of a kind that it knows."""
    return status_answer(404, reason="NotFound", name=name)


def serve_set(server: ApiServer, *moments: Seen) -> None:
    """A LeaderWorkerSet as it is read in its namespace, one moment after another; the last one stays."""
    (key,) = {x.lws.key for x in moments}
    served = paths(key.namespace)
    server.on("GET", f"{served.sets}/{key.name}", *(json_answer(document(x.lws)) for x in moments))
    _lists(server, served.stateful_sets, [x.stateful_sets for x in moments])
    _lists(server, served.pods, [x.pods for x in moments])
    _lists(server, served.revisions, [x.revisions for x in moments])


def serve_roles(server: ApiServer, *moments: SeenRoles) -> None:
    """A DisaggregatedSet as it is read, one moment after another; the last one stays."""
    server.on("GET", f"{NS.sets}/llm", not_found("llm"))
    server.on("GET", LLM, *(json_answer(document(x.ds)) for x in moments))
    _lists(server, NS.disaggregated, [[x.ds] for x in moments])
    _lists(server, NS.sets, [x.children for x in moments])
    _lists(server, NS.scalers, [x.scalers or () for x in moments])
    _lists(server, NS.stateful_sets, [[y for s in x.sets for y in s.stateful_sets] for x in moments])
    _lists(server, NS.pods, [[y for s in x.sets for y in s.pods] for x in moments])
    _lists(server, NS.revisions, [[] for _ in moments])
    _lists(server, NS.events, [[] for _ in moments])


def _lists(server: ApiServer, path: str, moments: Sequence[Sequence[KubeObject]]) -> None:
    server.on("GET", path, *(json_answer({"items": [document(x) for x in found]}) for found in moments))


def serve_watched(server: ApiServer, path: str, *objects: Any, feed: Feed | None = None) -> None:
    """A list, without streaming, and a watch that tells what the feed does, or nothing."""
    server.on("GET", path, a_list(*objects), watch=False)
    server.on("GET", path, a_watch(feed), watch=True)


def a_list(*objects: Any) -> Answer:
    return json_answer({"items": [document(x) for x in objects], "metadata": {"resourceVersion": "10"}})


def a_watch(feed: Feed | None = None) -> Answer:
    refusal = status_answer(422, reason="Invalid")

    def watched(exchange: Exchange) -> None:
        if "sendInitialEvents" in exchange.request.query:
            refusal(exchange)
        elif feed is not None:
            feed(exchange)
        else:
            exchange.head(200)
            exchange.wait(threading.Event())

    return watched


def sent(server: ApiServer, method: str, path: str) -> list[Any]:
    return [x.json() for x in server.requests if (x.method, x.path) == (method, path)]
