"""The rules for every object's metadata (api.md, 4.3, rules 1 to 3)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lws.webhooks.documents import Metadata
from lws.webhooks.errors import INVALID, REQUIRED, TOO_LONG, FieldError
from lws.webhooks.objectmeta import validate_metadata

OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "u"}


def violations(**members: Any) -> list[FieldError]:
    document = {"name": "test", "namespace": "default", **members}
    return validate_metadata(msgspec.convert(document, Metadata))


def found(**members: Any) -> list[tuple[str, str]]:
    return [(error.field, error.reason) for error in violations(**members)]


@pytest.mark.parametrize(
    "name", ["a", "a1", "my-lws", "a--b", "a" * 63, "x-" + "y" * 61], ids=lambda name: name[:12]
)
def test_names_that_pass(name: str) -> None:
    assert found(name=name) == []


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("2cube", 1),
        ("My-lws", 1),
        ("a.b", 1),
        ("a_b", 1),
        ("-a", 1),
        ("a-", 1),
        ("é", 1),
        ("a\n", 1),
        ("a" * 64, 1),
        ("A" * 64, 2),
        ("é" * 32, 2),
    ],
)
def test_names_that_fail(name: str, count: int) -> None:
    assert found(name=name) == [("metadata.name", INVALID)] * count


def test_length_comes_before_form() -> None:
    assert next(x.detail for x in violations(name="A" * 64)) == "must be no more than 63 bytes"


@pytest.mark.parametrize("name", ["", None])
def test_a_missing_name_is_required_even_with_generate_name(name: str | None) -> None:
    assert found(name=name, generateName="a-") == [("metadata.name", REQUIRED)]


@pytest.mark.parametrize("prefix", ["", "a", "a-", "2-", "my-lws-", "a" * 63 + "-", "a--"])
def test_generate_names_that_pass(prefix: str) -> None:
    assert found(generateName=prefix) == []


@pytest.mark.parametrize(
    ("prefix", "count"),
    [("2x-", 1), ("-", 1), ("a.b-", 1), ("aé-", 1), ("a" * 64 + "-", 1), ("a" * 64, 1), ("A" * 65 + "-", 2)],
)
def test_generate_names_that_fail(prefix: str, count: int) -> None:
    assert found(generateName=prefix) == [("metadata.generateName", INVALID)] * count


@pytest.mark.parametrize(
    ("namespace", "reasons"),
    [
        ("", [REQUIRED]),
        (None, [REQUIRED]),
        ("1-ns", []),
        ("a.b", [INVALID]),
        ("A" * 64, [INVALID, INVALID]),
    ],
)
def test_namespace(namespace: str | None, reasons: list[str]) -> None:
    assert found(namespace=namespace) == [("metadata.namespace", reason) for reason in reasons]


@pytest.mark.parametrize(("generation", "count"), [(0, 0), (5, 0), (None, 0), (-1, 1), (-(2**63), 1)])
def test_generation(generation: int | None, count: int) -> None:
    errors = violations(generation=generation)
    assert [x.detail for x in errors] == ["must be greater than or equal to 0"] * count


KEYS = [
    ("app", 0),
    ("A.b_c-1", 0),
    ("example.com/app", 0),
    ("a" * 63, 0),
    (f"{'a.' * 126}a/app", 0),
    ("", 2),
    ("/app", 1),
    ("example.com/", 2),
    ("a/b/c", 1),
    ("a" * 64, 1),
    ("-a", 1),
    ("-" * 64, 2),
    ("a b", 1),
    ("a\n", 1),
    ("ex_ample/app", 1),
    (f"{'a' * 254}/app", 1),
    (f"{'_' * 254}/-", 3),
]


@pytest.mark.parametrize(("key", "count"), [*KEYS, ("Example.com/app", 1)])
def test_label_keys(key: str, count: int) -> None:
    assert found(labels={key: "x"}) == [("metadata.labels", INVALID)] * count


@pytest.mark.parametrize(("key", "count"), [*KEYS, ("Example.com/app", 0)])
def test_annotation_keys_are_checked_in_lower_case(key: str, count: int) -> None:
    assert found(annotations={key: "anything goes \n"}) == [("metadata.annotations", INVALID)] * count


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ("", 0),
        (None, 0),
        ("A.b_c-1", 0),
        ("a" * 63, 0),
        ("a" * 64, 1),
        ("-a", 1),
        ("a b", 1),
        ("a\n", 1),
        ("é", 1),
        ("-" * 64, 2),
    ],
)
def test_label_values(value: str | None, count: int) -> None:
    assert found(labels={"app": value}) == [("metadata.labels", INVALID)] * count


def test_labels_are_reported_in_order_of_their_keys() -> None:
    assert [x.value for x in violations(labels={"-b": "", "-a": "-v"})] == ["-a", "-v", "-b"]


@pytest.mark.parametrize(("size", "reasons"), [(256 * 1024 - 1, []), (256 * 1024, [TOO_LONG])])
def test_annotations_have_a_total_size(size: int, reasons: list[str]) -> None:
    expected = [("metadata.annotations", reason) for reason in reasons]
    assert found(annotations={"a": "x" * (size // 2), "b": "x" * (size - size // 2 - 1)}) == expected


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        pytest.param({}, [], id="sound"),
        pytest.param({"apiVersion": "apps/v1"}, [], id="with-group"),
        pytest.param({"apiVersion": ""}, [".apiVersion"], id="no-version"),
        pytest.param({"apiVersion": "apps/"}, [".apiVersion"], id="group-only"),
        pytest.param({"apiVersion": "a/b/c"}, [".apiVersion"], id="three-parts"),
        pytest.param({"kind": ""}, [".kind"], id="no-kind"),
        pytest.param({"name": None}, [".name"], id="null-name"),
        pytest.param({"uid": ""}, [".uid"], id="no-uid"),
        pytest.param({"kind": "Event"}, [""], id="core-event"),
        pytest.param({"kind": "Event", "apiVersion": "events.k8s.io/v1"}, [], id="other-event"),
    ],
)
def test_owner_reference(changes: dict[str, Any], fields: list[str]) -> None:
    errors = found(ownerReferences=[{**OWNER, **changes}])
    assert errors == [(f"metadata.ownerReferences{field}", INVALID) for field in fields]


def test_an_owner_reference_that_is_null_lacks_everything() -> None:
    members = ("apiVersion", "kind", "name", "uid")
    assert found(ownerReferences=[None]) == [(f"metadata.ownerReferences.{x}", INVALID) for x in members]


@pytest.mark.parametrize(("controllers", "count"), [([True], 0), ([True, False, None], 0), ([True] * 3, 2)])
def test_one_controller(controllers: list[bool | None], count: int) -> None:
    references = [{**OWNER, "name": f"a{i}", "controller": x} for i, x in enumerate(controllers)]
    assert found(ownerReferences=references) == [("metadata.ownerReferences", INVALID)] * count


@pytest.mark.parametrize(
    ("finalizers", "count"),
    [
        (["example.com/wait", "orphan"], 0),
        (["orphan", "foregroundDeletion"], 1),
        (["a b"], 1),
        ([""], 2),
        ([None], 2),
    ],
)
def test_finalizers(finalizers: list[str | None], count: int) -> None:
    assert found(finalizers=finalizers) == [("metadata.finalizers", INVALID)] * count


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        pytest.param(
            {"operation": "Apply", "fieldsType": "FieldsV1", "manager": "kubectl é"}, [], id="sound"
        ),
        pytest.param({"operation": "Delete"}, [("operation", INVALID)], id="operation"),
        pytest.param(None, [("operation", INVALID)], id="null"),
        pytest.param({"operation": "Update", "fieldsType": "V2"}, [("fieldsType", INVALID)], id="fieldsType"),
        pytest.param(
            {"operation": "Update", "manager": "a" * 129}, [("manager", TOO_LONG)], id="manager-long"
        ),
        pytest.param(
            {"operation": "Update", "manager": "a\x00b\n"}, [("manager", INVALID)] * 2, id="not-printable"
        ),
        pytest.param(
            {"operation": "Update", "subresource": "s" * 257}, [("subresource", TOO_LONG)], id="subresource"
        ),
    ],
)
def test_managed_fields(entry: dict[str, str] | None, wanted: list[tuple[str, str]]) -> None:
    sound = {"operation": "Update"}
    errors = found(managedFields=[sound, entry])
    assert errors == [(f"metadata.managedFields[1].{member}", reason) for member, reason in wanted]


def test_order_of_the_members() -> None:
    errors = found(
        generateName="-",
        name="-",
        namespace="-",
        generation=-1,
        labels={"-": ""},
        annotations={"-": ""},
        ownerReferences=[{**OWNER, "uid": ""}],
        finalizers=["-"],
        managedFields=[{"operation": ""}],
    )
    assert [field for field, _ in errors] == [
        "metadata.generateName",
        "metadata.name",
        "metadata.namespace",
        "metadata.generation",
        "metadata.labels",
        "metadata.annotations",
        "metadata.ownerReferences.uid",
        "metadata.finalizers",
        "metadata.managedFields[0].operation",
    ]
