"""Which change of a template can be made in place, and the path that is named when one cannot."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from support.groups import a_revision, a_set

from lws.api import constants as c
from lws.planning.inplace.eligibility import Change, Changes, change_between
from lws.planning.revisions import template_of

BASE: dict[str, Any] = {
    "leaderTemplate": {
        "metadata": {"labels": {"tier": "front"}, "annotations": {"sum": "1"}},
        "spec": {
            "initContainers": [
                {"name": "plain", "image": "init:1"},
                {"name": "side", "image": "side:1", "restartPolicy": "Always"},
            ],
            "containers": [{"name": "main", "image": "main:1"}, {"name": "log", "image": "log:1"}],
        },
    },
    "workerTemplate": {"spec": {"containers": [{"name": "main", "image": "main:1"}]}},
}


def edited(**paths: Any) -> dict[str, Any]:
    """``BASE`` with members set or taken away; ``__`` parts the members of a path."""
    made = copy.deepcopy(BASE)
    for path, value in paths.items():
        *parents, last = path.split("__")
        at: Any = made
        for part in parents:
            at = at[int(part)] if part.isdigit() else at.setdefault(part, {})
        if value is None:
            del at[last]
        else:
            at[last] = value
    return made


def change(old: dict[str, Any], new: dict[str, Any], **more: Any) -> Change:
    return change_between(template_of(a_set(template=old)), template_of(a_set(template=new, **more)))


LEADER_IMAGE = {"leaderTemplate__spec__containers__0__image": "main:2"}


@pytest.mark.parametrize(
    ("edit", "leader", "workers"),
    [
        (LEADER_IMAGE, {"main": "main:2"}, {}),
        ({"workerTemplate__spec__containers__0__image": "main:2"}, {}, {"main": "main:2"}),
        ({"leaderTemplate__spec__initContainers__1__image": "side:2"}, {"side": "side:2"}, {}),
        (
            {**LEADER_IMAGE, "leaderTemplate__spec__containers__1__image": "log:2"},
            {"main": "main:2", "log": "log:2"},
            {},
        ),
    ],
)
def test_images_change_in_place(
    edit: dict[str, Any], leader: dict[str, str], workers: dict[str, str]
) -> None:
    found = change(BASE, edited(**edit))
    assert (found.refusal, found.leader.images, found.workers.images) == ("", leader, workers)
    back = change(edited(**edit), BASE)
    assert (back.refusal, back.leader.images.keys()) == ("", leader.keys())


def test_labels_change_with_an_image() -> None:
    edit = edited(
        **LEADER_IMAGE,
        leaderTemplate__metadata__labels={"colour": "red"},
        workerTemplate__metadata={"labels": {"a": "b"}},
    )
    found = change(BASE, edit)
    assert found.refusal == ""
    assert found.leader.labels == {"colour": "red", "tier": None}
    assert (found.of(leader=False).labels, found.of(leader=True).sidecars) == ({"a": "b"}, {"plain", "side"})


@pytest.mark.parametrize(
    ("edit", "path"),
    [
        ({"leaderTemplate__metadata__annotations__sum": "2"}, "leaderTemplate.metadata.annotations.sum"),
        ({"leaderTemplate__spec__initContainers__0__image": "init:2"}, "spec.initContainers[0].image"),
        ({"leaderTemplate__metadata__labels__tier": "back"}, "leaderTemplate.metadata.labels[tier]"),
        (
            {"workerTemplate__spec__containers__0__env": [{"name": "A"}]},
            "workerTemplate.spec.containers[0].env",
        ),
        ({"workerTemplate__spec__containers__0__name": "other"}, "workerTemplate.spec.containers[0].name"),
        ({"workerTemplate__spec__nodeSelector": {"a": "b"}}, "workerTemplate.spec.nodeSelector"),
        (
            {"leaderTemplate__spec__containers": BASE["workerTemplate"]["spec"]["containers"]},
            "spec.containers",
        ),
        ({"leaderTemplate__spec__initContainers__1__restartPolicy": None}, "spec.initContainers[1]"),
        ({"restartPolicy": c.RESTART_NONE}, "leaderWorkerTemplate.restartPolicy"),
        ({"leaderTemplate__spec__containers__0__image": None}, "a container without an image"),
        ({"volumeClaimTemplates": [{"metadata": {"name": "x"}}]}, "volumeClaimTemplates"),
    ],
)
def test_anything_else_is_done_anew_with_its_path(edit: dict[str, Any], path: str) -> None:
    """An image that changes beside it does not help."""
    assert path in change(BASE, edited(**edit)).refusal
    if path.startswith("leaderTemplate.metadata.labels"):
        return
    assert (
        path in change(BASE, edited(**{"workerTemplate__spec__containers__0__image": "x:1"} | edit)).refusal
    )


@pytest.mark.parametrize("more", [{"size": 3}, {"subdomain": c.SUBDOMAIN_UNIQUE}])
def test_the_shape_of_groups_is_no_image(more: dict[str, Any]) -> None:
    name = "size" if "size" in more else "networkConfig.subdomainPolicy"
    assert name in change(BASE, edited(**LEADER_IMAGE), **more).refusal


def test_labels_that_are_ours_are_not_changed_in_place() -> None:
    edit = edited(**LEADER_IMAGE, leaderTemplate__metadata__labels={c.NAME_LABEL: "x", "tier": "front"})
    assert c.NAME_LABEL in change(BASE, edit).refusal


def test_a_leader_template_that_is_the_workers_is_none() -> None:
    """It may come with the text that leaders had before, and the leaders do not change."""
    pods = BASE["workerTemplate"]
    newer = edited(workerTemplate__spec__containers__0__image="main:2")["workerTemplate"]
    found = change(
        {"leaderTemplate": None, "workerTemplate": pods}, {"leaderTemplate": pods, "workerTemplate": newer}
    )
    assert (found.refusal, found.leader.images, found.workers.images) == ("", {}, {"main": "main:2"})


def test_a_revision_that_is_missing_or_cannot_be_read_makes_no_change() -> None:
    lws = a_set(template=BASE)
    stored = a_revision(a_set(template=edited(**LEADER_IMAGE)), key="old")
    live = template_of(lws).key
    changes = Changes(lws, [stored])
    assert changes.possible("old", live)
    assert changes.between("gone", live) is None
    assert not changes.possible("old", "gone")
