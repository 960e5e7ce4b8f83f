"""How ``why`` is drawn: one line for what many groups have in common, and its urgency by colour."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lws.cli.podcauses import Cause
from lws.cli.why import WhyView, draw

SCHEDULER = "0/8 nodes are available: 8 Insufficient nvidia.com/gpu"


def drawn(causes: list[Cause], *, colours: bool = False) -> str:
    console = Console(
        file=io.StringIO(), width=200, color_system="standard" if colours else None, force_terminal=colours
    )
    console.print(draw(WhyView("ns", "llm", not causes, "0 of 60 groups ready", causes)))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_groups_with_the_same_trouble_are_one_line() -> None:
    same = [Cause("Unschedulable", SCHEDULER, group=x, pod=f"llm-{x}") for x in range(60)]
    other = Cause("ImagePullBackOff", "no such image", group=60, pod="llm-60", advice="check it")
    assert drawn([*same, other]).splitlines()[1:] == [
        f"  groups 0-59  pod/llm-0 and 59 more  Unschedulable  {SCHEDULER}",
        "  group 60  pod/llm-60  ImagePullBackOff  no such image",
        "      check it",
    ]


def test_what_is_to_be_run_names_all_groups_at_once() -> None:
    same = [
        Cause(
            "NotReady",
            "not ready: vllm",
            group=x,
            pod=f"llm-{x}",
            advice=f"if it hangs, run 'restart llm {x}'",
        )
        for x in (0, 7, 12)
    ]
    assert drawn(same).splitlines()[1:] == [
        "  groups 0, 7, 12  pod/llm-0 and 2 more  NotReady  not ready: vllm",
        "      if it hangs, run 'restart llm 0 7 12'",
    ]


def test_what_differs_in_anything_is_told_apart() -> None:
    roles = [Cause("Unschedulable", SCHEDULER, group=0, role=x) for x in ("prefill", "decode")]
    assert len(drawn([*roles, Cause("Unschedulable", "another", group=1)]).splitlines()) == 4


@pytest.mark.parametrize(
    ("reason", "colour"),
    [("Unschedulable", "\x1b[31m"), ("Updating", "\x1b[33m"), ("Paused", "\x1b[2m")],
    ids=["needs-somebody", "on-its-way", "by-design"],
)
def test_colours_tell_who_has_to_act(reason: str, colour: str) -> None:
    assert f"{colour}{reason}" in drawn([Cause(reason, "m", group=0)], colours=True)


def test_health_is_green() -> None:
    assert "\x1b[32m  nothing is wrong" in drawn([], colours=True)
