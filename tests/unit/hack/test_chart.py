"""The chart holds what it should: fresh copies, one version, and values that its schema knows."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.controlplane.layout import ROOT
from hack.tools import chart

VALUES: dict[str, Any] = yaml.safe_load((chart.CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((chart.CHART / "values.schema.json").read_text())


def names(path: Path) -> str:
    return str(path.relative_to(chart.CHART))


def test_copies_are_those_of_the_manifests() -> None:
    wanted = chart.copies()
    assert {names(x) for x in chart.present()} == {names(x) for x in wanted}, "run `make chart`"
    stale = [names(path) for path, text in wanted.items() if path.read_text() != text]
    assert not stale, "run `make chart`"


def test_something_is_copied_of_every_shared_directory() -> None:
    assert {path.relative_to(chart.CHART).parts[1] for path in chart.copies() if "files" in path.parts} == {
        *chart.SHARED
    }


def test_definitions_are_kept_whatever_happens_to_the_release() -> None:
    definitions = [x for x in chart.copies() if x.parent.name == "crds"]
    assert definitions
    for path in definitions:
        metadata = yaml.safe_load(path.read_text().partition("\nspec:\n")[0])["metadata"]
        assert metadata["name"] == path.stem
        assert metadata["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_stale_and_foreign_files_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chart, "CHART", tmp_path)
    foreign = tmp_path / "files" / "rbac" / "gone.yaml"
    foreign.parent.mkdir(parents=True)
    foreign.touch()
    chart.write()
    assert not foreign.exists()
    assert chart.present() == chart.copies().keys()


def test_one_version_for_the_package_the_chart_and_the_image() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    about = yaml.safe_load((chart.CHART / "Chart.yaml").read_text())
    assert (about["version"], about["appVersion"]) == (version, version)
    deployment = (ROOT / "manifests" / "manager" / "deployment.yaml").read_text()
    assert re.findall(r"image: (\S+)", deployment) == [
        f"{VALUES['image']['manager']['repository']}:{version}"
    ]


def closed(schema: dict[str, Any], path: str = "") -> list[str]:
    """Where an unknown name would be taken: members whose names are not listed."""
    found = [] if schema.get("additionalProperties", True) is not True else [path]
    for name, member in schema.get("properties", {}).items():
        if member.get("type") == "object":
            found += closed(member, f"{path}.{name}")
    return found


def test_the_schema_is_open_only_where_kubernetes_or_helm_has_the_names() -> None:
    core = {".podSecurityContext", ".securityContext"}
    affinities = {f".affinity.{x}" for x in ("nodeAffinity", "podAffinity", "podAntiAffinity")}
    assert set(closed(SCHEMA)) == {".global", *core, *affinities}


def unknown(values: dict[str, Any], schema: dict[str, Any], path: str = "") -> list[str]:
    found = []
    for name, value in values.items():
        member = schema.get("properties", {}).get(name)
        if member is None:
            found.append(f"{path}.{name}")
        elif isinstance(value, dict) and "properties" in member:
            found += unknown(value, member, f"{path}.{name}")
    return found


def test_the_schema_and_the_values_know_the_same_names() -> None:
    assert unknown(VALUES, SCHEMA) == []
    assert SCHEMA["properties"].keys() - VALUES.keys() == {"global"}
