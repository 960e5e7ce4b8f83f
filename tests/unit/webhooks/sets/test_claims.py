"""Claims that groups share, as a set may ask for them: refused, warned of, or let pass (beyond.md, 3.3)."""

from __future__ import annotations

from typing import Any

import pytest
from support.admission import Document, an_lws

from lws.api import constants as c
from lws.webhooks.sets import validate_create, validate_update, warn

BASE = "spec.leaderWorkerTemplate"
AT = f"metadata.annotations.{c.GROUP_CLAIMS_ANNOTATION}"


def sharing(entries: str | None = "rack", *claims: Document, **annotations: str) -> Document:
    """A pod template; by default its one entry is made from ``rack-of-8``."""
    shared = {} if entries is None else {c.GROUP_CLAIMS_ANNOTATION: entries}
    named = list(claims or [entry("rack", "rack-of-8")])
    spec = {"containers": [{"name": "app", "image": "nginx"}], "resourceClaims": named}
    return {"metadata": {"annotations": shared | annotations}, "spec": spec}


def entry(name: str, template: str) -> Document:
    return {"name": name, "resourceClaimTemplateName": template}


def a_set(leader: Any, workers: Any, **more: Any) -> Document:
    return an_lws(leaderTemplate=leader, workerTemplate=workers, **more)


FIVE = [entry(f"e{x}", "t") for x in range(5)]


@pytest.mark.parametrize(
    "lws",
    [
        pytest.param(a_set(sharing(), sharing()), id="both"),
        pytest.param(a_set(None, sharing()), id="one-template"),
        pytest.param(a_set(sharing(None), sharing()), id="workers-only"),
        pytest.param(a_set(sharing("e0, e1,e2,e3", *FIVE), sharing(None)), id="four-of-five"),
        pytest.param(a_set(None, sharing(), size=256), id="as-many-as-may-be"),
        pytest.param(a_set(sharing(None), sharing(), size=257), id="as-many-workers"),
        pytest.param(a_set(None, sharing(None), size=300), id="a-claim-for-each-pod"),
    ],
)
def test_accepted(lws: Document) -> None:
    assert validate_create(lws) == []
    assert warn(lws) == ()


@pytest.mark.parametrize(
    ("lws", "field", "told"),
    [
        pytest.param(
            a_set(sharing("gpu"), sharing()),
            f"{BASE}.leaderTemplate.{AT}",
            '"gpu" must be an entry',
            id="none",
        ),
        pytest.param(
            a_set(None, sharing("")), f"{BASE}.workerTemplate.{AT}", '"" must be an entry', id="empty"
        ),
        pytest.param(
            a_set(None, sharing("rack", {"name": "rack", "resourceClaimName": "x"})),
            f"{BASE}.workerTemplate.{AT}",
            "must have a resourceClaimTemplateName",
            id="a-claim-of-all",
        ),
        pytest.param(
            a_set(None, sharing("rack,rack")), f"{BASE}.workerTemplate.{AT}", '"rack" once only', id="twice"
        ),
        pytest.param(
            a_set(None, sharing("e0,e1,e2,e3,e4", *FIVE)),
            f"{BASE}.workerTemplate.{AT}",
            "no more than 4 entries, not 5",
            id="five",
        ),
        pytest.param(
            a_set(sharing("a,a,b,b,c", entry("a", "x")), sharing("a", entry("a", "y"))),
            f"{BASE}.leaderTemplate.{AT}",
            "no more than 4 entries, not 5",
            id="five-and-wrong",
        ),
        pytest.param(
            a_set(sharing("rack", entry("rack", "other")), sharing()),
            f"{BASE}.workerTemplate.{AT}",
            'the same resourceClaimTemplateName in both templates, not "other" and "rack-of-8"',
            id="two-templates",
        ),
        pytest.param(
            a_set(None, sharing(), size=300), f"{BASE}.size", "no more than 256 pods share", id="too-large"
        ),
        pytest.param(
            a_set(None, sharing(**{c.GROUP_CLAIMS_TOKEN_ANNOTATION: "a"})),
            f"{BASE}.workerTemplate.metadata.annotations.{c.GROUP_CLAIMS_TOKEN_ANNOTATION}",
            "must not be set",
            id="token",
        ),
    ],
)
def test_refused(lws: Document, field: str, told: str) -> None:
    [error] = validate_create(lws)
    assert error.field == field
    assert told in error.detail
    assert validate_update(lws, lws) == []  # docs/decisions/130


def test_the_annotation_on_the_set_is_warned_of() -> None:
    lws = an_lws(metadata={"annotations": {c.GROUP_CLAIMS_ANNOTATION: "rack"}})
    assert [x.startswith(f"{AT}: has no effect there") and len(x) <= 256 for x in warn(lws)] == [True]
