"""The reference pages name everything there is, and nothing that is not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from types import ModuleType
from typing import Any

import pytest
import yaml
from support.pages import GUIDES, ROOT, blocks

from lws.api import constants as c
from lws.api import disaggregation as d
from lws.config import (
    API_VERSION,
    Configuration,
    GangSchedulingManagement,
    decode_configuration,
    document_of,
    validate,
)
from lws.flags import FLAGS

GUIDES_FOLDER = ROOT / "docs" / "guides"
REFERENCE = ROOT / "docs" / "reference"
CRDS = ROOT / "manifests" / "crd"
SETS = "leaderworkersets.leaderworkerset.x-k8s.io"
ROLE_SETS, SCALERS = (f"{x}.{d.GROUP}" for x in ("disaggregatedsets", "disaggregatedsetrolescalers"))
NOT_FOR_USERS = {"KIND", "VERSION", "GROUP", "API_VERSION", "FIELD_MANAGER", "REPORTING_CONTROLLER", "PREFIX"}
OPAQUE = {"leaderTemplate", "workerTemplate", "volumeClaimTemplates", "conditions"}
"""Members whose own members are Kubernetes' and described there."""
ROLE_OPAQUE = {"metadata", "spec", "conditions"}
"""Those of a role are Kubernetes', or a LeaderWorkerSet's and described on its page."""
FIRST_CELL = re.compile(r"^\| `([^`|]+)`(?:, with `-o wide`)? \|", re.MULTILINE)


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text()


def constants(module: ModuleType) -> dict[str, str]:
    found = {name: value for name, value in vars(module).items() if name.isupper() and isinstance(value, str)}
    return {name: value for name, value in found.items() if name not in NOT_FOR_USERS}


@pytest.mark.parametrize("value", sorted({*constants(c).values(), *constants(d).values()}))
def test_every_name_that_is_a_contract_is_documented(value: str) -> None:
    """Labels, annotations, variables, values of fields, conditions, reasons: in inline code, as written."""
    assert any(f"`{value}`" in x.read_text() for x in REFERENCE.glob("*.md")), f"{value} is nowhere"


def test_events_of_disaggregatedsets_are_on_their_page() -> None:
    """Each reason that the rules put into an event has its row."""
    told = re.compile(r"\brecord\(\s*(?:wanted\.)?ds,\s*([cd])\.(REASON_\w+)")
    sources = (ROOT / "src/lws/planning/disaggregated").glob("*.py")
    found = [x for source in sources for x in told.findall(source.read_text())]
    reasons = {str(getattr({"c": c, "d": d}[module], name)) for module, name in found}
    assert len(reasons) >= 7
    events = page("disaggregatedset").partition("## Events")[2]
    cells = re.findall(r"^\| (`[^|]+) \|", events, re.MULTILINE)
    assert reasons <= {x for cell in cells for x in re.findall(r"`(\w+)`", cell)}


def test_labels_and_annotations_are_on_their_page() -> None:
    for module, where in ((c, "labels"), (d, "disaggregatedset")):
        prefixed = {x for x in constants(module).values() if x.startswith(module.PREFIX)}
        row = rf"^\| `({re.escape(module.PREFIX)}[\w-]+)` \|"
        assert set(re.findall(row, page(where), re.MULTILINE)) == prefixed


def leaves(document: dict[str, Any], at: str = "") -> Iterator[str]:
    for name, value in document.items():
        yield from leaves(value, f"{at}{name}.") if isinstance(value, dict) else (f"{at}{name}",)


def test_settings_are_those_of_the_program() -> None:
    """Fields of the configuration file and flags: each has its row, with its name in the first cell."""
    everything = Configuration(
        gang_scheduling_management=GangSchedulingManagement(scheduler_provider="volcano")
    )
    rows = (GUIDES_FOLDER / "configuration.md").read_text()
    listed = {x.partition(" ")[0] for x in FIRST_CELL.findall(rows)}
    wanted = {x for x in leaves(document_of(everything)) if x not in ("apiVersion", "kind")}
    assert wanted | {f"--{flag.name}" for flag in FLAGS} <= listed


def test_configuration_in_guides_is_accepted() -> None:
    """Whole files and single blocks, by the program's own reading."""
    found = [x.text for page in GUIDES for x in blocks(page) if x.language == "yaml"]
    ours = [x for x in found if API_VERSION in x or x.startswith("gangSchedulingManagement")]
    assert len(ours) >= 2
    for text in ours:
        validate(decode_configuration(text.encode()))


def crd_version(name: str) -> dict[str, Any]:
    [version] = yaml.load((CRDS / f"{name}.yaml").read_text(), yaml.CSafeLoader)["spec"]["versions"]
    return dict(version)


def paths(schema: dict[str, Any], at: str, opaque: Set[str]) -> Iterator[str]:
    """Every member by its path; ``*`` stands for the keys of a map, ``[]`` for the items of a list."""
    for name, member in schema.get("properties", {}).items():
        path = f"{at}.{name}"
        yield path
        if name not in opaque:
            yield from paths(member, path, opaque)
            for within, sign in (("additionalProperties", ".*"), ("items", "[]")):
                inner = member.get(within)
                yield from paths(inner, f"{path}{sign}", opaque) if isinstance(inner, dict) else ()


@pytest.mark.parametrize("part", ["spec", "status"])
@pytest.mark.parametrize("crd", [SETS, ROLE_SETS, SCALERS])
def test_fields_are_those_of_the_api(crd: str, part: str) -> None:
    schema = crd_version(crd)["schema"]["openAPIV3Schema"]["properties"][part]
    listed = {x for x in FIRST_CELL.findall(section(crd)) if x.startswith(f"{part}.")}
    assert listed == set(paths(schema, part, OPAQUE if crd == SETS else ROLE_OPAQUE))


def section(crd: str) -> str:
    """What the reference says of this kind."""
    if crd == SETS:
        return page("api")
    first, _, rest = page("disaggregatedset").partition("## `DisaggregatedSetRoleScaler`")
    return first if crd == ROLE_SETS else rest.partition("\n## ")[0]


@pytest.mark.parametrize("crd", [SETS, ROLE_SETS, SCALERS])
def test_columns_are_those_of_the_api(crd: str) -> None:
    _, _, columns = section(crd).partition("olumn")
    listed = {x for x in FIRST_CELL.findall(columns) if "." not in x}
    assert listed == {x["name"] for x in crd_version(crd)["additionalPrinterColumns"]}


def test_every_alert_leads_to_a_cure() -> None:
    rules = (ROOT / "manifests" / "prometheus" / "rules.yaml").read_text()
    alerts = set(re.findall(r"- alert: (\w+)", rules))
    assert len(alerts) > 5
    told = (GUIDES_FOLDER / "troubleshooting.md").read_text()
    assert {x for x in alerts if f"`{x}`" not in told} == set()


WORDS_OF_OURS = (
    "is not served in version",
    "apply the CustomResourceDefinition",
    "StatefulSets cannot number their pods from 1 on (start ordinals)",
    "wrongly carries the annotation",
    "lost the lease",
    "address already in use",
    "Reconciler error",
)


@pytest.fixture(scope="module")
def source() -> str:
    """The program's text, with strings joined that stand in several literals."""
    text = "\n".join(x.read_text() for x in sorted((ROOT / "src").rglob("*.py")))
    return re.sub(r'"\n\s*f?"', "", text)


@pytest.mark.parametrize("words", WORDS_OF_OURS)
def test_symptoms_are_in_the_program_s_own_words(source: str, words: str) -> None:
    assert words in source
    assert words in " ".join((GUIDES_FOLDER / "troubleshooting.md").read_text().split())
