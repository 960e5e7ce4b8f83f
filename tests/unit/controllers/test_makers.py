"""Who made an object: asked as seldom as the answer can change."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lws.api.constants import FIELD_MANAGER
from lws.controllers.inherited import Makers, Managed
from lws.controllers.resources import Kind
from lws.kube.errors import NotFound
from lws.kube.resources import STATEFULSETS
from lws.objects import Key, KubeObject

KEY = Key("default", "one-0")
OURS = {"manager": FIELD_MANAGER, "fieldsV1": {"f:spec": {"f:selector": {}}}}
USERS = {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:selector": {}}}}


class Server:
    """One object, and how often it was read; ``gone`` when it is not there."""

    def __init__(self) -> None:
        self.uid, self.fields, self.gone, self.reads = "u", [USERS], False, 0

    def get(self, _resource: Any, type_: type[Managed], _name: str, _namespace: str) -> Managed:
        self.reads += 1
        if self.gone:
            raise NotFound(404, "NotFound", "gone")
        document = {"metadata": {"uid": self.uid, "managedFields": self.fields}}
        return msgspec.json.decode(msgspec.json.encode(document), type=type_)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def makers(server: Server) -> Makers:
    client: Any = server
    return Makers(client, {"StatefulSet": Kind(STATEFULSETS, KubeObject)})


def test_ours_is_asked_once(server: Server, makers: Makers) -> None:
    server.fields = [USERS, OURS]
    assert all(makers.made_by_us("StatefulSet", KEY, "u", version) for version in "123")
    assert server.reads == 1


def test_a_strangers_is_asked_once_for_each_version_and_may_become_ours(
    server: Server, makers: Makers
) -> None:
    assert not any(makers.made_by_us("StatefulSet", KEY, "u", "1") for _ in range(3))
    assert server.reads == 1
    server.fields = [USERS, OURS]
    assert makers.made_by_us("StatefulSet", KEY, "u", "2")
    assert server.reads == 2


def test_another_object_of_the_name_says_nothing(server: Server, makers: Makers) -> None:
    server.uid, server.fields = "another", [OURS]
    assert not makers.made_by_us("StatefulSet", KEY, "u", "1")
    assert makers.made_by_us("StatefulSet", KEY, "another", "1")


def test_what_is_gone_is_nobodys_and_not_remembered(server: Server, makers: Makers) -> None:
    server.gone = True
    assert not makers.made_by_us("StatefulSet", KEY, "u", "1")
    server.gone, server.fields = False, [OURS]
    assert makers.made_by_us("StatefulSet", KEY, "u", "1")
