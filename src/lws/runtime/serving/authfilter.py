"""Who may scrape: the API server judges the bearer token and what its user may do.

Every request passes here, so answers are remembered (operations.md, 1.9). Tokens are not: only their digests
are kept, and nothing of them is logged. Client certificates are not looked at. Whoever makes up tokens is
answered without a question once too many have been asked (docs/decisions/031).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from cachetools import TLRUCache, TTLCache
from msgspec import Struct

from lws.kube.connection import Connection
from lws.kube.errors import DecodeError, KubeError, one_line
from lws.kube.ratelimit import RateLimit
from lws.kube.resources import Resource
from lws.runtime.clock import Clock, SystemClock
from lws.runtime.logs import get_logger
from lws.runtime.serving.health import Refusal

TOKEN_REVIEWS: Final = Resource(
    "authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False
)
ACCESS_REVIEWS: Final = Resource(
    "authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False
)

REMEMBER_TOKEN: Final = 60.0  # seconds, good or bad
REMEMBER_ALLOWED: Final = 300.0
REMEMBER_DENIED: Final = 30.0
REMEMBERED: Final = 1024  # of each kind; what strangers send must not fill the memory
FAMILIAR: Final = 4000.0  # seconds for which a token that was good is no stranger's: as long as most live
STRANGERS: Final = (2.0, 10)  # a second, and at once: reviews of tokens that were not good lately
TURN: Final = 1.0  # seconds that a stranger waits for another's review
TIMEOUT: Final = 10.0  # seconds for one review, repeats included
REPEATS: Final = 4  # reviews only ask, so asking again is safe

T = TypeVar("T")
_log = get_logger("controller-runtime.metrics")


class User(Struct, frozen=True, omit_defaults=True):
    """``authentication.k8s.io/v1`` UserInfo."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, list[str]] = {}


class _TokenStatus(Struct, frozen=True):
    authenticated: bool = False
    user: User | None = None
    error: str = ""

    @property
    def bearer(self) -> User | None:
        return self.user if self.authenticated else None


class _TokenReview(Struct, frozen=True):
    status: _TokenStatus = _TokenStatus()


class _AccessStatus(Struct, frozen=True, rename="camel"):
    allowed: bool = False
    reason: str = ""
    evaluation_error: str = ""


class _AccessReview(Struct, frozen=True):
    status: _AccessStatus = _AccessStatus()


class _Question(NamedTuple):
    user: bytes  # the User, as JSON: it has parts that cannot be hashed
    path: str
    verb: str


class AuthFilter:
    """For ``metrics_app(authorize=...)``: a Refusal, or None for those who may.

    401: no bearer token, or one that the API server rejects. 403: a user who may not. 429: a token not seen
    lately, while there are too many of these. 500: the API server could not be asked, of which nothing is
    remembered.
    """

    def __init__(self, connection: Connection, *, clock: Clock | None = None) -> None:
        timer = (clock or SystemClock()).monotonic
        self._connection = connection
        self._lock = threading.Lock()
        self._users: TTLCache[bytes, _TokenStatus] = TTLCache(REMEMBERED, REMEMBER_TOKEN, timer=timer)
        self._familiar: TTLCache[bytes, bool] = TTLCache(REMEMBERED, FAMILIAR, timer=timer)
        self._strangers = RateLimit(*STRANGERS, clock=timer)
        self._turn = threading.Lock()  # one stranger at a time: the other thread answers whom we know
        self._allowed: TLRUCache[_Question, bool] = TLRUCache(REMEMBERED, _until, timer=timer)

    def __call__(self, environ: Mapping[str, Any]) -> Refusal | None:
        token = _bearer(environ.get("HTTP_AUTHORIZATION", ""))
        if not token:
            return Refusal("401 Unauthorized", "a bearer token is needed")
        path, verb = environ["PATH_INFO"], environ["REQUEST_METHOD"].lower()
        try:
            status = self._status(token)
            if status is None:
                return Refusal("429 Too Many Requests", "too many tokens that are not known: try again later")
            user = status.bearer
            if user is None:
                return Refusal("401 Unauthorized", "the bearer token is not valid")
            if self._may(user, path, verb):
                return None
        except KubeError as error:
            _log.error("Error asking the API server about a scraper", path=path, error=str(error))
            return Refusal("500 Internal Server Error", "the API server could not be asked")
        return Refusal("403 Forbidden", f"user {user.username!r} may not {verb} {path}")

    def _status(self, token: str) -> _TokenStatus | None:
        """What the API server says of it, or has said lately; None when it is not asked."""
        digest = hashlib.sha256(token.encode("latin-1", "replace")).digest()
        known, familiar = self._remembered(digest)
        if known is not None:
            return known
        if familiar:
            return self._judge(token, digest)
        if not self._turn.acquire(timeout=TURN):
            return None
        try:
            known, _ = self._remembered(digest)  # by another request, meanwhile
            if known is None and self._strangers.take():
                known = self._judge(token, digest)
        finally:
            self._turn.release()
        return known

    def _remembered(self, digest: bytes) -> tuple[_TokenStatus | None, bool]:
        """The last verdict, and whether there was a good one lately."""
        with self._lock:  # each asked once: between ``in`` and ``[]`` the entry's time may run out
            return self._users.get(digest), self._familiar.get(digest, False)

    def _judge(self, token: str, digest: bytes) -> _TokenStatus:
        status = self._review(TOKEN_REVIEWS, {"token": token}, _TokenReview).status
        if status.bearer is None:
            _log.info("A scraper's token was rejected", error=one_line(status.error))
        with self._lock:
            self._users[digest] = status
            if status.bearer is not None:
                self._familiar[digest] = True
            else:  # nothing is kept of what anybody can make up
                self._familiar.pop(digest, None)
        return status

    def _may(self, user: User, path: str, verb: str) -> bool:
        question = _Question(msgspec.json.encode(user), path, verb)
        with self._lock:
            known = self._allowed.get(question)
        if known is not None:
            return known
        who = {"user": user.username, "uid": user.uid, "groups": user.groups, "extra": user.extra}
        spec = {**who, "nonResourceAttributes": {"path": path, "verb": verb}}
        status = self._review(ACCESS_REVIEWS, spec, _AccessReview).status
        if not status.allowed:
            why = one_line(status.reason or status.evaluation_error)
            _log.info("A scraper was denied", user=user.username, path=path, verb=verb, error=why)
        with self._lock:
            self._allowed[question] = status.allowed
        return status.allowed

    def _review(self, resource: Resource, spec: Mapping[str, Any], type_: type[T]) -> T:
        document = {"apiVersion": resource.api_version, "kind": resource.kind, "spec": spec}
        body = self._connection.request(
            "POST",
            resource.path(),
            body=msgspec.json.encode(document),
            read_timeout=TIMEOUT,
            timeout=TIMEOUT,
            repeats=REPEATS,
        )
        try:
            return msgspec.json.decode(body, type=type_)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise DecodeError(
                f"{resource.kind}: the answer does not decode: {one_line(str(error))}"
            ) from error


def _bearer(header: str) -> str:
    scheme, _, rest = header.strip().partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else ""


def _until(_question: _Question, allowed: bool, now: float) -> float:
    return now + (REMEMBER_ALLOWED if allowed else REMEMBER_DENIED)
