"""Requests to one API server: timeouts, the retry rule, renewed credentials, errors of this project's own.

Bytes only: JSON and types are ``lws.kube.client``'s, the way to the server is ``lws.kube.connection``'s.
"""

from __future__ import annotations

import random as random_module
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit
from weakref import WeakSet

from urllib3 import HTTPConnectionPool, HTTPHeaderDict, Timeout
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from lws.kube.credentials import Credentials
from lws.kube.doubt import ALIVE, Doubt, close_idle
from lws.kube.errors import ApiError, DecodeError, TransportError, api_error
from lws.kube.faults import LOST, transport_error
from lws.kube.fence import Fence
from lws.kube.ratelimit import RateLimit
from lws.kube.retry import READ_REPEATS, Retries, may_have_worked
from lws.kube.stream import CHUNK, Stream

CONNECT_TIMEOUT = 5.0  # seconds
HEAD_TIMEOUT = 30.0  # seconds a watch may take to begin; afterwards its own read timeout holds
READING = frozenset({"GET", "HEAD"})

OnResponse = Callable[[str, str, str], None]


class Endpoint(NamedTuple):
    """Where and as whom. ``host``: the base URL; ``prefix``: what precedes every path in a request line.

    Streams have a pool of their own: closing a watch shuts its socket down, and that must never be one a
    write is using.
    """

    host: str
    prefix: str
    requests: HTTPConnectionPool
    streams: HTTPConnectionPool
    credentials: Credentials


class _Call(NamedTuple):
    method: str
    target: str
    body: bytes | None
    headers: dict[str, str]
    what: str
    read_timeout: float
    deadline: float
    sent: float  # when it went out last


class Connection:
    """One API server, shared by all threads. ``host``: its base URL, ``https://10.0.0.1:443``.

    ``on_response(code, method, host:port)`` is called for every answer, with code ``<error>`` for none.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        user_agent: str,
        limit: RateLimit | None = None,
        on_response: OnResponse | None = None,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self.host = endpoint.host
        self._authority = urlsplit(endpoint.host).netloc
        self._endpoint = endpoint
        self._user_agent = user_agent
        self._limit = limit
        self._on_response = on_response
        self._clock = clock
        self._random = random
        self._closed = False
        self._interrupted = threading.Event()
        self._lock = threading.Lock()
        self._streams: WeakSet[Stream] = WeakSet()
        self._fence: Fence | None = None
        self._doubt = Doubt()  # shared with nobody

    @property
    def unverified(self) -> bool:
        """Whether any server would be taken for the right one, as the kubeconfig asks for."""
        return getattr(self._endpoint.requests, "cert_reqs", None) == ssl.CERT_NONE

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        read_timeout: float = 30.0,
        headers: Mapping[str, str] | None = None,
        timeout: float = 120.0,
        repeats: int | None = None,
    ) -> bytes:
        """Send one request and return the body of the answer.

        ``path`` is percent-encoded already. ``read_timeout``: longest silence of the server, ``timeout``:
        the whole call, waits and repeats included; both in seconds. ``repeats``: how often the request may
        go out again after its answer was lost; by default 3 for GET, 0 for writes (see ``lws.kube.retry``).

        Raises ApiError (the server refuses), TransportError (no whole answer) and DecodeError (not JSON).
        """
        call = self._call(method, path, query, accept, headers, read_timeout=read_timeout, timeout=timeout)
        if body is not None:
            call.headers["Content-Type"] = content_type
            call = call._replace(body=body)
        if repeats is None:
            repeats = READ_REPEATS if method in READING else 0
        rule = Retries(repeats=repeats, deadline=call.deadline, clock=self._clock, random=self._random)
        repeated = False
        while True:
            try:
                return self._attempt(call)
            except (ApiError, TransportError) as error:
                error.repeated = repeated
                delay = rule.delay(error)
                if delay is None or self._interrupted.wait(delay):
                    raise
                repeated = repeated or may_have_worked(error)

    def stream(
        self, path: str, *, query: Mapping[str, str], read_timeout: float, accept: str = "application/json"
    ) -> Stream:
        """Open a watch. Never repeated here: the reflector knows where to go on from.

        ``read_timeout``: longest silence in seconds once the answer has begun. Raises as ``request`` does.
        """
        call = self._call("GET", path, query, accept, None, read_timeout=read_timeout, timeout=HEAD_TIMEOUT)
        response = self._exchange(self._endpoint.streams, call)
        if not 200 <= response.status < 300:
            raise api_error(response.status, response.headers, self._read(response, call))
        self._check_type(response, call)
        told, clock = self._doubt.silence, self._clock
        stream = Stream(response, call.what, read_timeout=read_timeout, on_silence=told, clock=clock)
        with self._lock:
            self._streams.add(stream)
        if self._closed:
            stream.close()
        return stream

    def fence(self, fence: Fence) -> None:
        """From now on writes go out only where this fence lets them pass; reads and watches always do."""
        self._fence = fence

    def doubt(self, doubt: Doubt) -> None:
        """From now on a silence here is told, and where one is told, all begins anew (``lws.kube.doubt``)."""
        self._doubt = doubt
        doubt.share(self._renew)

    def interrupt(self) -> None:
        """From now on nothing waits for another try: pending and later calls fail at the first error.

        For a shutdown that still has things to say to the server, such as giving up a lease.
        """
        self._interrupted.set()

    def close(self) -> None:
        """End all streams and waits and close idle connections; later calls raise TransportError."""
        self._closed = True
        self.interrupt()
        self._renew(0.0)
        self._endpoint.requests.close()
        self._endpoint.streams.close()

    def _renew(self, silence: float = ALIVE) -> None:
        """Silent watches end as if the server had ended them, and go on from there over new connections."""
        for pool in (self._endpoint.requests, self._endpoint.streams):
            close_idle(pool)
        with self._lock:
            streams = [x for x in self._streams if x.silence >= silence]
        for stream in streams:
            stream.close()

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        accept: str,
        headers: Mapping[str, str] | None,
        *,
        read_timeout: float,
        timeout: float,
    ) -> _Call:
        target = self._endpoint.prefix + path
        if query:
            target += "?" + urlencode(query, quote_via=quote)
        fields = {"Accept": accept, "User-Agent": self._user_agent, **(headers or {})}
        what = f"{method} {self.host}{path}"
        return _Call(method, target, None, fields, what, read_timeout, self._clock() + timeout, self._clock())

    def _attempt(self, call: _Call) -> bytes:
        if self._limit is not None and (wait := self._limit.reserve()) > 0:
            self._interrupted.wait(wait)
        if self._fence is None or call.method in READING:
            return self._answer(call)
        with self._fence.passing(call.what):
            return self._answer(call)

    def _answer(self, call: _Call) -> bytes:
        call = call._replace(sent=self._clock())
        response = self._exchange(self._endpoint.requests, call)
        body = self._read(response, call)
        if not 200 <= response.status < 300:
            raise api_error(response.status, response.headers, body)
        self._check_type(response, call)
        if not body and "json" in call.headers["Accept"]:  # to http.client a head cut short is a whole one
            raise TransportError(f"{call.what}: {LOST.format(detail='an empty answer')}")
        return body

    def _exchange(self, pool: HTTPConnectionPool, call: _Call) -> BaseHTTPResponse:
        """Send and receive the head; once more if we are refused as nobody and have another login by now."""
        credentials = self._endpoint.credentials
        login = credentials.login()
        try:
            response = self._send(pool, call, login.header)
        except TransportError as error:
            if not error.client_refused or not credentials.renew(login):
                raise
            return self._send(pool, call, credentials.login().header)
        if response.status == 401 and credentials.renew(login):
            response.close()
            response.release_conn()
            response = self._send(pool, call, credentials.login().header)
        return response

    def _send(self, pool: HTTPConnectionPool, call: _Call, authorization: str | None) -> BaseHTTPResponse:
        if self._closed:
            raise TransportError(f"{call.what}: this connection was closed", permanent=True)
        headers = HTTPHeaderDict(call.headers)
        if authorization is not None:
            headers["Authorization"] = authorization
        for name, value in self._endpoint.credentials.impersonation:
            headers.add(name, value)  # a line for each group
        left = max(0.001, call.deadline - self._clock())
        try:
            response = pool.urlopen(
                call.method,
                call.target,
                body=call.body,
                headers=headers,
                timeout=Timeout(connect=min(CONNECT_TIMEOUT, left), read=min(call.read_timeout, left)),
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
            )
        except HTTPError as error:
            self._report("<error>", call)
            raise self._lost(error, call) from error
        self._report(str(response.status), call)
        return response

    def _read(self, response: BaseHTTPResponse, call: _Call) -> bytes:
        pieces: list[bytes] = []
        try:
            while data := response.read1(CHUNK):
                pieces.append(data)
                if self._clock() > call.deadline:  # each byte came in time, the whole does not
                    response.close()
                    raise TransportError(f"{call.what}: the answer trickles and is not whole in time")
        except HTTPError as error:
            raise self._lost(error, call) from error
        finally:
            response.release_conn()
        return b"".join(pieces)

    def _lost(self, error: HTTPError, call: _Call) -> TransportError:
        lost = transport_error(error, call.what)
        if lost.silent:
            self._doubt.silence(call.sent)
        return lost

    def _check_type(self, response: BaseHTTPResponse, call: _Call) -> None:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
        if kind and "json" in call.headers["Accept"] and "json" not in kind:
            response.close()
            response.release_conn()
            raise DecodeError(f"{call.what}: an answer of type {kind}, not JSON; is a proxy in between?")

    def _report(self, code: str, call: _Call) -> None:
        if self._on_response is not None:
            self._on_response(code, call.method, self._authority)
