"""What a benchmark says that waited in vain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.apiserver import ApiServer, json_answer, write_kubeconfig

from hack.bench import waiting
from hack.bench.sets import SETS
from lws.kube.client import Client
from lws.kube.connection import connect


def a_set(name: str, **conditions: str) -> dict[str, Any]:
    stated = [{"type": x, "status": "True", "message": words} for x, words in conditions.items()]
    return {"metadata": {"name": name}, "status": {"conditions": stated} if stated else {}}


def test_the_sets_that_are_not_done_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "DEADLINE", 0.0)
    items = [a_set("a", Available="all"), a_set("b", Progressing="groups start"), a_set("c")]
    with ApiServer() as server:
        server.on("GET", SETS.path(waiting.NAMESPACE), json_answer({"items": items}))
        connection = connect(kubeconfig=write_kubeconfig(tmp_path, server.url), user_agent="test")
        with pytest.raises(SystemExit) as ended:
            waiting.await_all(Client(connection), SETS, lambda x: x["metadata"]["name"] == "a")
        waiting.await_all(Client(connection), SETS, lambda _: True)
        connection.close()
    assert str(ended.value) == "nothing moved for 0 s: b (Progressing: groups start), c (no condition)"


def test_of_many_a_few() -> None:
    assert waiting.unfinished([a_set(f"s{x}") for x in range(7)]).endswith("s4 (no condition) and 2 more")
