"""Every state that objects pass through, from a watch: what a look now and then would miss."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import msgspec

from lws.kube.client import Client
from lws.kube.resources import Resource
from lws.kube.watch import WatchEvent, watch
from support.sets import Document

SECONDS = 240


@contextlib.contextmanager
def history(client: Client, resource: Resource, namespace: str) -> Iterator[Iterator[list[Document]]]:
    """All objects as they are now, and again after every single change; AssertionError when time is up."""
    stream = watch(
        client.connection, resource, namespace=namespace, timeout_seconds=SECONDS, send_initial_events=True
    )
    with stream as events:
        yield _states(events)


def _states(events: Iterable[WatchEvent]) -> Iterator[list[Document]]:
    """From the first bookmark on, before which comes what was there already."""
    there, listed = dict[str, Document](), False
    for event in events:
        assert event.type != "ERROR", event
        document = msgspec.json.decode(event.object)
        if event.type == "BOOKMARK":
            listed = True
        elif event.type == "DELETED":
            del there[document["metadata"]["name"]]
        else:
            there[document["metadata"]["name"]] = document
        if listed:
            yield list(there.values())
    raise AssertionError(f"not at its end after {SECONDS} s")
