"""Groups that are alike in one line: two thousand fit a screen, and those that need somebody come first."""

from __future__ import annotations

from rich.console import Console

from lws.cli.treedrawing import MANY, Drawing, root_of
from lws.cli.treeviews import GroupView, PodView, SetView

POD = PodView("p", "Running", True, "k", "n", 0, "", 1, 1)


def a_group(index: int, *, reason: str = "", message: str = "", outdated: bool = False) -> GroupView:
    return GroupView(index, not reason, not outdated, POD, None, [], outdated, reason, message)


def drawn(groups: list[GroupView], *, whole: bool = True) -> list[str]:
    ready = sum(x.ready for x in groups)
    view = SetView("ns", "big", len(groups), 1, ready, ready, "k", None, groups, state="Updating")
    drawing = Drawing(0.0, compact=True, whole=whole)
    console = Console(width=300)
    with console.capture() as captured:
        console.print(drawing.table([root_of(view, drawing)]))
    return [" ".join(x.split()) for x in captured.get().splitlines()][2:]


def test_two_thousand_groups() -> None:
    groups = [a_group(x, outdated=x < 1200) for x in range(2000)]
    groups[1200:1203] = [a_group(x, reason="Starting", message="starts") for x in range(1200, 1203)]
    groups[7] = a_group(7, reason="ImagePullBackOff", message="no such image", outdated=True)
    groups[9] = a_group(9, reason="ImagePullBackOff", message="no such image", outdated=True)
    assert drawn(groups) == [
        "├── groups 7, 9 1/1 ImagePullBackOff outdated no such image",
        "├── groups 1200-1202 1/1 Starting starts",
        "├── groups 0-6, 8, 10-1199 1/1 Ready outdated",
        "└── groups 1203-1999 1/1 Ready",
    ]


def test_a_few_groups_have_their_pods_and_none_where_they_are_not_wanted() -> None:
    groups = [a_group(x) for x in range(MANY)]
    assert sum("pod/p" in x for x in drawn(groups)) == MANY
    assert sum("pod/p" in x for x in drawn(groups, whole=False)) == 0
    assert len(drawn(groups, whole=False)) == MANY
