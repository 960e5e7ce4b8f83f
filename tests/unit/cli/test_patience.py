"""What a waiting command bears of a server, for how long, and never beyond its own time."""

from __future__ import annotations

import math

import pytest

from lws.cli.patience import AGAIN, PATIENCE, REFUSED, Wait
from lws.kube.errors import ConfigurationError, DecodeError, KubeError, TransportError, api_error


def answer(status: int, retry_after: str = "") -> KubeError:
    return api_error(status, {"retry-after": retry_after} if retry_after else {}, b"")


PASSING = {
    "429": (answer(429, "7"), 7.0),
    "503": (answer(503, "900000"), 60.0),
    "500": (answer(500), AGAIN),
    "504": (answer(504), AGAIN),
    "403": (answer(403), REFUSED),
    "410": (answer(410), AGAIN),
    "a page of a proxy": (DecodeError("<html>"), AGAIN),
    "lost": (TransportError("reset"), AGAIN),
}
HOPELESS = {
    "401": answer(401),
    "404": answer(404),
    "400": answer(400),
    "no credentials": ConfigurationError("the credential plugin is not there"),
    "an untrusted certificate": TransportError("untrusted", permanent=True),
}


class Clocked:
    """A clock that only sleeping moves, and a look that fails until it is so late."""

    def __init__(self, error: KubeError, until: float) -> None:
        self.error, self.until, self.now, self.looks = error, until, 0.0, 0

    def wait(self, end: float = math.inf) -> Wait:
        return Wait(end, lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def look(self) -> str:
        self.looks += 1
        if self.now < self.until:
            raise self.error
        return "seen"


@pytest.mark.parametrize(("error", "pause"), PASSING.values(), ids=PASSING)
def test_what_passes_is_waited_for(error: KubeError, pause: float) -> None:
    at = Clocked(error, until=pause)
    assert (at.wait().read(at.look), at.now, at.looks) == ("seen", pause, 2)


@pytest.mark.parametrize("error", HOPELESS.values(), ids=HOPELESS)
def test_what_cannot_pass_stands_at_once(error: KubeError) -> None:
    at = Clocked(error, until=1.0)
    with pytest.raises(type(error)):
        at.wait().read(at.look)
    assert (at.now, at.looks) == (0.0, 1)


@pytest.mark.parametrize(("error", "pause"), PASSING.values(), ids=PASSING)
@pytest.mark.parametrize(
    ("end", "over"), [(math.inf, PATIENCE), (20.0, 20.0)], ids=["patience", "the command's own time"]
)
def test_what_lasts_stands_in_the_end(error: KubeError, pause: float, end: float, over: float) -> None:
    at = Clocked(error, until=math.inf)
    with pytest.raises(type(error)):
        at.wait(end).read(at.look)
    assert over <= at.now < over + (pause if end == math.inf else 0.001)
