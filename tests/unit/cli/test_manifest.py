"""What ``kubectl apply`` of a file comes to: reading it, the patch, and the leaves that differ."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from lws.api import constants as c
from lws.cli.kinds import LEADERWORKERSETS
from lws.cli.manifest import (
    LAST_APPLIED,
    as_applied,
    check_namespace,
    differences,
    find_set,
    merge_patch,
    name_of_only_set,
    read_documents,
)
from lws.cli.session import CommandError

SET = """
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: a}
spec: {replicas: 2}
"""


def read_manifest(source: str, name: str) -> Any:
    return find_set(source, read_documents(source), LEADERWORKERSETS, name)


def test_a_name_may_be_left_out_where_there_is_one_set() -> None:
    one, other = ({"apiVersion": c.API_VERSION, "kind": c.KIND, "metadata": {"name": x}} for x in "ab")
    assert name_of_only_set("f", [{"kind": "Service"}, one]) == (c.KIND, "a")
    for found, told in (([one, other], "a, b"), ([{"kind": c.KIND}], "none")):
        with pytest.raises(CommandError, match=f"which set is meant: give its NAME; in it: {told}"):
            name_of_only_set("f", found)


def test_the_set_is_found_among_other_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"kind: Service\nmetadata: {{name: a}}\n---\n---\n{SET}---\n{SET.replace('name: a', 'name: b')}"
    path = tmp_path / "sets.yaml"
    path.write_text(text)
    assert read_manifest(str(path), "b")["metadata"]["name"] == "b"
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert read_manifest("-", "a")["spec"] == {"replicas": 2}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("a: [", "is not YAML: line 1", id="no-yaml"),
        pytest.param("a: " + "[" * 3000, "is not YAML: line 1.*: it is nested too deep", id="deep"),
        pytest.param("metadata: [a]", "x.yaml: metadata must be a mapping", id="metadata-list"),
        pytest.param("metadata: a", "x.yaml: metadata must be a mapping", id="metadata-text"),
        pytest.param("metadata: {name: 5}", "metadata.name must be a string; put it in quotes", id="name"),
        pytest.param("metadata: {annotations: [b]}", "metadata.annotations must be a map", id="annotations"),
        pytest.param("spec: {? : 1}", "is not YAML: line 1, column 9: this can be no key", id="null-key"),
        pytest.param(SET, "holds no LeaderWorkerSet 'x'; in it: a", id="another-name"),
        pytest.param("", "in it: none", id="empty"),
        pytest.param("[1, 2]", "in it: none", id="a-list"),
        pytest.param(SET.replace("name: a", "name: x").replace("/v1", "/v2"), "apiVersion is", id="version"),
        pytest.param(None, "cannot be read: No such file", id="absent"),
        pytest.param(b"\xff", "is not UTF-8", id="bytes"),
    ],
)
def test_a_file_that_is_of_no_use(tmp_path: Path, text: str | bytes | None, problem: str) -> None:
    path = tmp_path / "x.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CommandError, match=problem) as caught:
        read_manifest(str(path), "x")
    assert "\n" not in str(caught.value)


def test_what_looks_like_a_date_is_text_as_kubectl_has_it(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(SET.replace("name: a", "name: a, annotations: {released: 2026-02-30}"))
    manifest = as_applied(read_manifest(str(path), "a"), "ns")
    assert manifest["metadata"]["annotations"]["released"] == "2026-02-30"


def test_standard_input_that_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff"), encoding="utf-8"))
    with pytest.raises(CommandError, match="- is not UTF-8 text"):
        read_manifest("-", "a")


@pytest.mark.parametrize("last", ["[" * 3000, '"\\ud800"'], ids=["deep", "half-a-character"])
def test_what_others_noted_as_applied_is_no_manifest(last: str) -> None:
    odd = {"metadata": {"annotations": {LAST_APPLIED: last}}}
    assert merge_patch(odd, a_manifest(replicas=1))["spec"] == {"replicas": 1}


def test_another_namespace_is_a_mistake() -> None:
    check_namespace({"metadata": {}}, "one", "f")
    check_namespace({"metadata": {"namespace": "one"}}, "one", "f")
    with pytest.raises(CommandError, match="'two', not 'one'"):
        check_namespace({"metadata": {"namespace": "two"}}, "one", "f")


def a_manifest(**spec: Any) -> dict[str, Any]:
    return {"kind": "LeaderWorkerSet", "metadata": {"name": "a"}, "spec": spec}


def live(last: dict[str, Any] | None) -> dict[str, Any]:
    annotations = {"theirs": "x"}
    if last is not None:
        annotations[LAST_APPLIED] = json.dumps(last)
    return {"metadata": {"annotations": annotations}}


def patch_of(last: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """Without the annotation that the patch itself sets."""
    patch = merge_patch(live(last), as_applied(new, "ns"))
    assert patch["metadata"]["annotations"].pop(LAST_APPLIED)
    return patch


@pytest.mark.parametrize(
    ("before", "after", "spec"),
    [
        pytest.param(None, {"replicas": 2}, {"replicas": 2}, id="never-applied"),
        pytest.param({"replicas": 2, "a": 1}, {"a": 1}, {"replicas": None, "a": 1}, id="taken-away"),
        pytest.param({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": None, "c": 3}}, id="deep"),
        pytest.param({"a": [1, 2]}, {"a": [2]}, {"a": [2]}, id="lists-are-whole"),
        pytest.param({"a": {"b": 1}}, {"a": 5}, {"a": 5}, id="another-kind"),
    ],
)
def test_the_patch_is_that_of_kubectl_apply(
    before: dict[str, Any] | None, after: dict[str, Any], spec: dict[str, Any]
) -> None:
    last = None if before is None else as_applied(a_manifest(**before), "ns")
    patch = patch_of(last, a_manifest(**after))
    assert patch["spec"] == spec
    assert patch["metadata"] == {"name": "a", "namespace": "ns", "annotations": {}}


def test_what_others_wrote_stays_and_rubbish_is_ignored() -> None:
    """Only what was in the last manifest can be taken away; an annotation of no JSON was no manifest."""
    odd = live(None)
    odd["metadata"]["annotations"][LAST_APPLIED] = "{"
    assert "theirs" not in merge_patch(odd, as_applied(a_manifest(), "ns"))["metadata"]["annotations"]


def test_an_annotation_that_the_manifest_no_longer_has_goes() -> None:
    last = as_applied({**a_manifest(), "metadata": {"name": "a", "annotations": {"mine": "1"}}}, "ns")
    assert patch_of(last, a_manifest())["metadata"]["annotations"] == {"mine": None}


def test_differences_name_leaves() -> None:
    before = {"same": 1, "list": [{"a": 1}, 2], "longer": [1], "gone": {"x": 1}, "text": "x" * 100}
    after = {"same": 1, "list": [{"a": 2}, 2], "longer": [1, 2], "new": None, "text": ""}
    assert list(differences(before, after, "spec")) == [
        'spec.gone: {"x":1} -> (none)',
        "spec.list[0].a: 1 -> 2",
        "spec.longer: [1] -> [1,2]",
        f'spec.text: "{"x" * 76}... -> ""',
    ]
