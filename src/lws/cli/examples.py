"""Examples of every command, as its help shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PROGRAM: Final = "kubectl lws"


def _lines(*examples: tuple[str, str]) -> str:
    """Commands in one column, what they do in the next."""
    width = max(len(command) for command, _ in examples)
    return "\n".join(f"  {PROGRAM} {command:{width}}   {what}" for command, what in examples)


EXAMPLES: Final[Mapping[str, str]] = {
    "tree": _lines(
        ("tree", "everything in the namespace"),
        ("tree ds/llm", "slices, roles, groups and pods of a DisaggregatedSet"),
    ),
    "status": _lines(
        ("status vllm", "one line"),
        ("status ds/llm --watch --timeout 30m", "wait until all roles are rolled out"),
    ),
    "why": _lines(
        ("why", "all sets of the namespace"),
        ("why ds/llm", "the role, group and pod that hold a rollout"),
    ),
    "plan": _lines(
        ("plan vllm -f vllm.yaml", "which groups go in which step"),
        ("plan ds/llm -f llm.yaml", "how many groups each role has after each step"),
        (
            "plan --role prefill=4 --role decode=8:6,surge=25%",
            "the same from numbers, before there is a set",
        ),
    ),
    "history": _lines(
        ("history vllm", "all templates that are kept"),
        ("history vllm --revision 3", "one of them, whole"),
        ("history ds/llm", "templates of all roles, if the set keeps them"),
    ),
    "undo": _lines(
        ("undo vllm", "back to the last template"),
        ("undo vllm --to-revision 3", "back to an earlier one"),
        ("undo ds/llm", "all roles back to their last templates"),
    ),
    "restart": _lines(
        ("restart vllm", "all groups, by a roll"),
        ("restart vllm 0 3", "groups 0 and 3, at once"),
        ("restart ds/llm", "all roles together, by a rollout"),
        ("restart ds/llm decode", "the groups of one role, at its own pace"),
    ),
    "pause": _lines(
        ("pause vllm", "nothing is replaced from now on"),
        ("pause ds/llm", "the rollout of all roles stands where it is"),
    ),
    "resume": _lines(("resume vllm", "the roll goes on")),
}
