"""The connection of the controllers to the model: what they asked for, and what goes wrong on the way."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from lws.api import constants as c
from lws.kube.errors import ApiError, TransportError
from support.apimodel.answers import Request
from support.apimodel.calling import ModelConnection
from support.apimodel.server import Server
from support.apimodel.store import Document


class Crash(BaseException):
    """The process dies here."""


class Wire(ModelConnection):
    """``strike`` is called before and after every request, and may raise; ``refuse`` judges each first.

    ``asked``: everything. ``accepted``: writes that took effect. ``deleted``: UIDs, each when its deletion
    began; ``ended``: and what they were then.
    """

    def __init__(self, server: Server, strike: Callable[[], None] = lambda: None) -> None:
        super().__init__(server, c.FIELD_MANAGER)
        self.strike = strike
        self.refuse: Callable[[Request], ApiError | None] = lambda _asked: None
        self.asked: list[Request] = []
        self.accepted: list[Request] = []
        self.deleted: list[str] = []
        self.ended: dict[str, Document] = {}

    def _answer(self, asked: Request) -> bytes:
        self.asked.append(asked)
        self.strike()
        error = self.refuse(asked)
        if error is not None:
            raise error
        before = self.server.store.find(asked.where) if asked.where is not None else None
        answer = super()._answer(asked)
        if asked.writes:
            self._note(asked, before)
        self.strike()
        return answer

    @property
    def patched(self) -> list[tuple[str, Document]]:
        """Name and patch of objects themselves, not of their status and not as a whole."""
        some = [x for x in self.accepted if x.method == "PATCH" and not x.subresource]
        return [(x.where.name, x.body) for x in some if x.where and "apply" not in x.content_type]

    def _note(self, asked: Request, before: Document | None) -> None:
        self.accepted.append(asked)
        if asked.method == "DELETE" and before is not None and "deletionTimestamp" not in before["metadata"]:
            self.deleted.append(before["metadata"]["uid"])
            self.ended[self.deleted[-1]] = before


def trouble(random: Random, *, crash: float, fail: float) -> Callable[[], None]:
    """Dies or loses a call or its answer, with these chances."""

    def strike() -> None:
        chance = random.random()
        if chance < crash:
            raise Crash
        if chance < crash + fail:
            raise TransportError("lost")

    return strike
