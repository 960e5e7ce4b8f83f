"""One request to a server of this process, and its answer, which need not have an end."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager


@contextmanager
def asking(
    port: int,
    path: str = "/",
    method: str = "GET",
    body: str | bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Iterator[http.client.HTTPResponse]:
    """Leaving it closes the connection, whether or not all was read."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with closing(client):
        client.request(method, path, body, dict(headers or {}))
        with closing(client.getresponse()) as answer:
            yield answer
