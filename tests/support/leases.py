"""A lease API in memory, for tests of leader election."""

from __future__ import annotations

import itertools
import threading
from typing import Any

from lws.kube.errors import AlreadyExists, Conflict, NotFound
from lws.runtime.election import Lease


class FakeLeases:
    """The part of a Client that a LeaseLock uses, over one lease in memory.

    ``calls`` has the methods called so far; ``fails`` is raised by each when set; a call made while
    ``open`` is not set hangs until it is.
    """

    def __init__(self) -> None:
        self.lease: Lease | None = None
        self.calls: list[str] = []
        self.timeout = 0.0
        self.fails: Exception | None = None
        self.open = threading.Event()
        self.open.set()
        self._called_once_more = threading.Condition()
        self._versions = itertools.count(1)

    def within(self, timeout: float) -> FakeLeases:
        self.timeout = timeout
        return self

    def get(self, _resource: Any, _type: Any, name: str, namespace: str) -> Lease:
        self._called("get")
        assert (namespace, name) == ("lws-system", "lock")
        if self.lease is None:
            raise NotFound(404, "NotFound")
        return self.lease

    def create(self, _resource: Any, _type: Any, document: Lease) -> Lease:
        self._called("create")
        if self.lease is not None:
            raise AlreadyExists(409, "AlreadyExists")
        return self._store(document)

    def replace(self, _resource: Any, _type: Any, document: Lease) -> Lease:
        self._called("replace")
        if self.lease is None:
            raise NotFound(404, "NotFound")
        if document["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict")
        return self._store(document)

    def touch(self, **spec: Any) -> None:
        """Somebody else edits the lease."""
        assert self.lease is not None
        self._store({**self.lease, "spec": {**self.lease["spec"], **spec}})

    def wait_for_calls(self, count: int) -> None:
        """Block until ``count`` calls were made in all; AssertionError after ten seconds."""
        with self._called_once_more:
            assert self._called_once_more.wait_for(lambda: len(self.calls) >= count, 10.0), self.calls

    def _called(self, verb: str) -> None:
        with self._called_once_more:
            self.calls.append(verb)
            self._called_once_more.notify_all()
        assert self.open.wait(10.0)
        if self.fails is not None:
            raise self.fails

    def _store(self, document: Lease) -> Lease:
        version = str(next(self._versions))
        self.lease = {**document, "metadata": {**document["metadata"], "resourceVersion": version}}
        return self.lease
