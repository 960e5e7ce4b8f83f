"""The reference pages name everything there is, and nothing that is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from support.pages import ROOT

from lws.api import constants as c

REFERENCE = ROOT / "docs" / "reference"
CRD = ROOT / "manifests" / "crd" / "leaderworkersets.leaderworkerset.x-k8s.io.yaml"
NOT_FOR_USERS = {"KIND", "VERSION", "GROUP", "API_VERSION", "FIELD_MANAGER", "REPORTING_CONTROLLER", "PREFIX"}
OPAQUE = {"leaderTemplate", "workerTemplate", "volumeClaimTemplates", "conditions"}
"""Members whose own members are Kubernetes' and described there."""
FIRST_CELL = re.compile(r"^\| `([^`|]+)`(?:, with `-o wide`)? \|", re.MULTILINE)


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text()


def constants() -> dict[str, str]:
    found = {name: value for name, value in vars(c).items() if name.isupper() and isinstance(value, str)}
    return {name: value for name, value in found.items() if name not in NOT_FOR_USERS}


@pytest.mark.parametrize("name", sorted(constants()))
def test_every_name_that_is_a_contract_is_documented(name: str) -> None:
    """Labels, annotations, variables, values of fields, conditions, reasons: in inline code, as written."""
    value = constants()[name]
    assert any(f"`{value}`" in x.read_text() for x in REFERENCE.glob("*.md")), f"{value} is nowhere"


def test_labels_and_annotations_are_on_their_page() -> None:
    prefixed = {x for x in constants().values() if x.startswith(c.PREFIX)}
    listed = set(re.findall(rf"^\| `({re.escape(c.PREFIX)}[\w-]+)` \|", page("labels"), re.MULTILINE))
    assert listed == prefixed


def crd_version() -> dict[str, Any]:
    [version] = yaml.safe_load(CRD.read_text())["spec"]["versions"]
    return dict(version)


def paths(schema: dict[str, Any], at: str) -> Iterator[str]:
    """Every member by its path; ``*`` stands for the keys of a map."""
    for name, member in schema.get("properties", {}).items():
        path = f"{at}.{name}"
        yield path
        if name not in OPAQUE:
            yield from paths(member, path)
            keyed = member.get("additionalProperties")
            yield from paths(keyed, f"{path}.*") if isinstance(keyed, dict) else ()


@pytest.mark.parametrize("part", ["spec", "status"])
def test_fields_are_those_of_the_api(part: str) -> None:
    schema = crd_version()["schema"]["openAPIV3Schema"]["properties"][part]
    listed = {x for x in FIRST_CELL.findall(page("api")) if x.startswith(f"{part}.")}
    assert listed == set(paths(schema, part))


def test_columns_are_those_of_the_api() -> None:
    columns = page("api").partition("## Columns")[2]
    assert set(FIRST_CELL.findall(columns)) == {x["name"] for x in crd_version()["additionalPrinterColumns"]}
