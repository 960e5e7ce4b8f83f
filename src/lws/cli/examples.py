"""Examples of every command, as its help shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PROGRAM: Final = "kubectl lws"


def _lines(*examples: tuple[str, str]) -> str:
    """Each command below what it does, as kubectl's help has it."""
    return "\n\n".join(f"  # {what}\n  {PROGRAM} {command}" for command, what in examples)


EXAMPLES: Final[Mapping[str, str]] = {
    "list": _lines(
        ("list", "All sets of the namespace"),
        ("list -A -l team=search -o wide", "Sets with a label in all namespaces, with images and messages"),
        ("list -o name", "Names only, for scripts"),
    ),
    "set image": _lines(
        ("set image vllm vllm=vllm/vllm-openai:v0.10.1", "The container vllm of leader and workers"),
        ("set image vllm leader/vllm=vllm/vllm-openai:v0.10.1", "That of the leader only"),
        ("set image ds/llm *=sglang:v0.5 --role decode", "All containers of one role of a DisaggregatedSet"),
        (
            "set image vllm vllm=vllm/vllm-openai:v0.10.1 --dry-run=server",
            "What the server would make of it, without a change",
        ),
    ),
    "completion": _lines(
        ("completion bash", "Completion of kubectl-lws in bash, for ~/.bashrc"),
        ("completion zsh", "In zsh, for a file called _kubectl-lws on its fpath"),
        ("completion fish", "In fish, for ~/.config/fish/completions/kubectl-lws.fish"),
    ),
    "version": _lines(
        ("version", "Of this program, the API server and the manager"),
        ("version --client", "Of this program alone"),
    ),
    "tree": _lines(
        ("tree", "Everything in the namespace"),
        ("tree vllm --watch", "One set, as it changes"),
        ("tree ds/llm", "Slices, roles, groups and pods of a DisaggregatedSet"),
    ),
    "status": _lines(
        ("status vllm", "One line"),
        ("status vllm -o wide", "And the groups, those that are alike together"),
        ("status ds/llm --watch --timeout 30m", "Wait until all roles are rolled out"),
    ),
    "why": _lines(
        ("why", "All sets of the namespace"),
        ("why ds/llm", "The role, group and pod that hold a rollout"),
    ),
    "plan": _lines(
        ("plan -f vllm.yaml", "Which groups go in which step"),
        ("plan ds/llm -f llm.yaml", "How many groups each role has after each step"),
        (
            "plan --role prefill=4 --role decode=8:6,surge=25%",
            "The same from numbers, before there is a set",
        ),
    ),
    "dashboard": _lines(
        ("dashboard", "All sets of the namespace, in your browser"),
        ("dashboard vllm", "One of them"),
        ("dashboard -l team=search", "Those with a label"),
        ("dashboard -A --no-browser --port 8080", "All there are, at an address to open by hand"),
    ),
    "history": _lines(
        ("history vllm", "All templates that are kept"),
        ("history vllm --revision 3", "One of them, whole"),
        ("history ds/llm", "Templates of all roles, if the set keeps them"),
    ),
    "undo": _lines(
        ("undo vllm", "Back to the last template"),
        ("undo vllm --to-revision 3", "Back to an earlier one"),
        ("undo ds/llm", "All roles back to their last templates"),
        ("undo vllm --dry-run=server", "Whether the server would take it, without a change"),
    ),
    "restart": _lines(
        ("restart vllm", "All groups, by a roll"),
        ("restart vllm 0 3", "Groups 0 and 3, at once"),
        ("restart ds/llm", "All roles together, by a rollout"),
        ("restart ds/llm decode", "The groups of one role, at its own pace"),
        ("restart -l team=search", "All sets with a label, each by its own roll"),
        ("restart vllm 0 3 --dry-run=server", "Whether groups 0 and 3 may be recreated, without a change"),
    ),
    "pause": _lines(
        ("pause vllm", "Nothing is replaced from now on"),
        ("pause ds/llm", "The rollout of all roles stands where it is"),
        ("pause -A", "Nothing rolls in any namespace"),
    ),
    "resume": _lines(("resume vllm", "The roll goes on"), ("resume -l team=search", "All sets with a label")),
}
