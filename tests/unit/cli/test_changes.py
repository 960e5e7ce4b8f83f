"""What ``undo``, ``restart``, ``pause`` and ``resume`` write, and what they refuse."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from support.cli import key_of, seen_of
from support.groups import a_set

from lws.api import constants as c
from lws.cli.history import change, one, shown
from lws.cli.history import describe as describe_history
from lws.cli.observing import Seen
from lws.cli.pause import HELD, pausing, resuming
from lws.cli.restart import leaders_of, rolling
from lws.cli.session import CommandError
from lws.cli.undo import past_of, patch_of, target
from lws.planning.actions import Document

FORMER = a_set(replicas=3, template={"restartPolicy": "None"})
PAUSED = c.PAUSED_PARTITION_ANNOTATION
NOBODY: Any = None
"""Where the session is not asked anything."""


def with_partition(partition: Any, annotation: str | None = None) -> Seen:
    annotations = {} if annotation is None else {PAUSED: annotation}
    return Seen(a_set(partition=partition, metadata={"annotations": annotations}))


def patch(partition: int | None, annotation: str | None) -> dict[str, Any]:
    return {
        "spec": {"rolloutStrategy": {"rollingUpdateConfiguration": {"partition": partition}}},
        "metadata": {"annotations": {PAUSED: annotation}},
    }


@pytest.mark.parametrize(
    ("partition", "annotation", "wanted"),
    [
        pytest.param(0, None, patch(HELD, "0"), id="fresh"),
        pytest.param(3, None, patch(HELD, "3"), id="remembers"),
        pytest.param(None, None, patch(HELD, ""), id="unset"),
        pytest.param(HELD, "3", None, id="already"),
        pytest.param(
            1,
            "3",
            {"spec": {"rolloutStrategy": {"rollingUpdateConfiguration": {"partition": HELD}}}},
            id="somebody-ended-it",
        ),
    ],
)
def test_pausing(partition: int | None, annotation: str | None, wanted: dict[str, Any] | None) -> None:
    assert pausing(with_partition(partition, annotation))[0] == wanted


@pytest.mark.parametrize(
    ("partition", "annotation", "wanted"),
    [
        pytest.param(HELD, "3", patch(3, None), id="its-own"),
        pytest.param(HELD, "", patch(None, None), id="unset"),
        pytest.param(HELD, "rubbish", patch(None, None), id="rubbish"),
        pytest.param(2, "3", {"metadata": {"annotations": {PAUSED: None}}}, id="changed-meanwhile"),
        pytest.param(3, None, None, id="not-paused"),
    ],
)
def test_resuming(partition: int, annotation: str | None, wanted: dict[str, Any] | None) -> None:
    assert resuming(with_partition(partition, annotation))[0] == wanted


def test_a_rolling_restart_marks_every_template_there_is() -> None:
    mark = {"metadata": {"annotations": {c.RESTARTED_AT_ANNOTATION: "1970-01-01T00:00:07Z"}}}
    both, _ = rolling(seen_of(a_set()), now=7.9)
    assert both == {"spec": {"leaderWorkerTemplate": {"leaderTemplate": mark, "workerTemplate": mark}}}
    workers_only, _ = rolling(seen_of(a_set(template={"leaderTemplate": None})), now=7.0)
    assert workers_only == {"spec": {"leaderWorkerTemplate": {"workerTemplate": mark}}}


def test_a_paused_set_is_not_restarted() -> None:
    paused = seen_of(a_set(partition=HELD, metadata={"annotations": {PAUSED: "0"}}))
    with pytest.raises(CommandError, match="resume test-sample"):
        rolling(paused, now=0.0)


def test_a_paused_set_is_not_undone() -> None:
    """As kubectl refuses a paused Deployment; the line has the command that ends the pause."""
    paused = seen_of(a_set(partition=HELD, metadata={"annotations": {PAUSED: "0"}}), former=FORMER)
    with pytest.raises(CommandError) as caught:
        past_of(NOBODY, paused)
    assert str(caught.value) == "test-sample is paused: run 'kubectl lws resume test-sample' first"


def test_leaders_of_groups() -> None:
    seen = seen_of(a_set(replicas=3), missing=(1,))
    assert [x.name for x in leaders_of(seen, [2, 0, 2])] == ["test-sample-2", "test-sample-0"]
    with pytest.raises(CommandError, match="no group 3; groups: 0-2"):
        leaders_of(seen, [0, 3])
    with pytest.raises(CommandError, match="group 1 of test-sample has no leader pod"):
        leaders_of(seen, [1])


def test_a_leader_that_is_not_the_sets_is_not_deleted() -> None:
    seen = seen_of(a_set())
    foreign = [
        replace(x, metadata=replace(x.metadata, owner_references=())) if x.name == "test-sample-0" else x
        for x in seen.pods
    ]
    with pytest.raises(CommandError, match="group 0"):
        leaders_of(seen._replace(pods=tuple(foreign)), [0])


def test_undo_goes_to_the_newest_other_template() -> None:
    seen = seen_of(a_set(replicas=3), former=FORMER)
    assert target(past_of(NOBODY, seen), 0).revision == target(past_of(NOBODY, seen), 1).revision == 1
    version, template, network = patch_of(seen, target(past_of(NOBODY, seen), 0))
    assert version["value"] == "7"
    assert template["value"]["restartPolicy"] == "None"
    assert template["value"]["size"] == 2
    assert network["value"] == {"subdomainPolicy": "Shared"}
    assert patch_of(seen, target(past_of(NOBODY, seen), 2)) == []


def test_undo_writes_no_null() -> None:
    """The encoding has nulls where a schema allows none."""
    empty = a_set(template={"workerTemplate": {"spec": {}}}, replicas=3)
    seen = seen_of(a_set(replicas=3), former=empty)
    (_, template, _) = patch_of(seen, target(past_of(NOBODY, seen), 1))
    assert template["value"]["workerTemplate"] == {"metadata": {}, "spec": {}}


@pytest.mark.parametrize(
    ("number", "problem"), [(0, "revision-history-limit"), (4, "no revision 4; revisions: 2")]
)
def test_nothing_to_go_back_to(number: int, problem: str) -> None:
    seen = seen_of(a_set())
    only = seen._replace(revisions=tuple(x for x in seen.revisions if x.revision == 2))
    with pytest.raises(CommandError, match=problem):
        target(past_of(NOBODY, only), number)


def test_history_shows_each_template_once_with_its_groups() -> None:
    lws = a_set(replicas=3, metadata={"annotations": {c.HISTORY_LIMIT_ANNOTATION: "4"}})
    seen = seen_of(lws, former=FORMER, outdated=(0,))
    again = replace(seen.revisions[1], revision=3, metadata=replace(seen.revisions[1].metadata, name="again"))
    view = describe_history(seen._replace(revisions=(*seen.revisions, again)))
    rows = [(x.revision, x.key, x.current, x.groups, x.worker_images) for x in view.revisions]
    assert rows == [(1, key_of(FORMER), False, 1, ["nginx"]), (3, key_of(lws), True, 2, ["nginx"])]
    assert view.limit == 4
    assert one(seen, 1).leader_worker_template["restartPolicy"] == "None"


def test_a_revision_that_nobody_can_read_hides_no_other() -> None:
    seen = seen_of(a_set(replicas=3), former=FORMER)
    bad, own = seen.revisions
    view = describe_history(seen._replace(revisions=(replace(bad, data=msgspec.Raw(b'"?"')), own)))
    rows = [(x.revision, x.worker_images, x.change) for x in view.revisions]
    assert rows == [(1, [], "cannot be read"), (2, ["nginx"], "")]


def a_template(leader: str, worker: str, size: int = 2) -> Document:
    def pods(image: str) -> dict[str, Any]:
        return {"spec": {"containers": [{"name": "server", "image": image}]}}

    return {"size": size, "leaderTemplate": pods(leader), "workerTemplate": pods(worker)}


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (("a/b:1", "a/b:1"), ("a/b:2", "a/b:2"), "image 1 -> 2"),
        (("a:1", "b:1"), ("a:1", "b:2"), "worker image 1 -> 2"),
        (("a:1", "a:1"), ("b:1", "b:1"), "image a:1 -> b:1"),
        (("a:1", "a:1", 2), ("a:2", "a:2", 3), "size 2 -> 3, image 1 -> 2"),
        (("a:1", "a:1"), ("a:1", "a:1"), "other members of the template"),
    ],
)
def test_what_changed_from_one_template_to_the_next(old: Any, new: Any, text: str) -> None:
    assert change(shown(a_template(*old)), shown(a_template(*new))) == text
