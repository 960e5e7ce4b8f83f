"""The commands of ``kubectl lws``: what each takes. What they do is in the module of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lws.cli.flags import ALL_NAMESPACES, DRY_RUN, GLOBAL, HELP, OUTPUTS, SELECTOR, TIMEOUT, WATCH, output
from lws.cli.grammar import Command, Flag, Word, choice
from lws.cli.values import new_image, number, part, port, role, target

LOOKING: Final = "Commands to Look"
CHANGING: Final = "Commands to Change"
SETTINGS: Final = "Settings Commands"
OTHER: Final = "Other Commands"
SHELLS: Final = ("bash", "zsh", "fish")

_NAME: Final = Word("name", "NAME", target, values="sets")
_ANY: Final = _NAME._replace(required=False)
_CHOOSING: Final = (ALL_NAMESPACES, SELECTOR)
_DOCUMENTS: Final = output("json", "yaml")
_ACTION: Final = output("json", "yaml", "name")
_SEVERAL: Final = (*_CHOOSING, DRY_RUN, _ACTION)
"""Of commands that change a set, or all that match."""

_ALL: Final = (
    Command(
        "list",
        LOOKING,
        "List sets with their groups, and what keeps them from being available",
        "LeaderWorkerSets that belong to a DisaggregatedSet are counted with it, and not listed.",
        flags=(*_CHOOSING, output(*OUTPUTS)),
    ),
    Command(
        "tree",
        LOOKING,
        "Show sets with their StatefulSets, groups and pods",
        "With --watch, groups of large sets that are alike are one line, those first that need somebody.",
        words=(_ANY,),
        flags=(*_CHOOSING, output(*OUTPUTS), TIMEOUT, WATCH),
        usage="[NAME]",
    ),
    Command(
        "status",
        LOOKING,
        "Say how far a rollout is",
        "With --watch it ends with 0 when the set is rolled out, and with 1 when it cannot be.",
        words=(_NAME,),
        flags=(output(*OUTPUTS), TIMEOUT, WATCH),
        usage="NAME",
    ),
    Command(
        "why",
        LOOKING,
        "Name what keeps sets from being ready and up to date",
        words=(_ANY,),
        flags=(*_CHOOSING, output(*OUTPUTS)),
        usage="[NAME]",
    ),
    Command(
        "plan",
        LOOKING,
        "Say what an edit would replace, step by step",
        "Nothing is changed: the API server is asked by a dry run what the edit comes to."
        " With --role a rollout of a DisaggregatedSet is worked out from numbers alone, without a cluster.",
        words=(_ANY,),
        flags=(
            Flag("filename", "The manifest; - for standard input.", short="f", values="files"),
            _DOCUMENTS,
            Flag(
                "role",
                "A role with its groups, before and after where that differs, as"
                " NAME=GROUPS[:GROUPS][,surge=N][,unavailable=N]; once for each role. surge is 1 and"
                " unavailable 0 where they are not given.",
                read=role,
                shown="[]",
                repeated=True,
            ),
            Flag(
                "server-side",
                "As 'kubectl apply --server-side' would apply the file.",
                default=False,
                shown="false",
                switch=True,
            ),
        ),
        usage="([NAME] -f FILENAME | --role ROLE ...)",
    ),
    Command(
        "dashboard",
        LOOKING,
        "Open a page that shows sets live, and changes them on demand",
        "It is served on this machine only, for one browser, with your own rights, until Ctrl-C.",
        words=(_ANY,),
        flags=(
            *_CHOOSING,
            Flag("no-browser", "Only print the address.", default=False, shown="false", switch=True),
            _DOCUMENTS,
            Flag("port", "The port to listen on. Zero means a free one.", default=0, read=port, shown="0"),
        ),
        usage="[NAME]",
    ),
    Command(
        "history",
        LOOKING,
        "List the templates that a set had and can go back to",
        "How many are kept is configured, or said by the set's annotation"
        " leaderworkerset.sigs.k8s.io/revision-history-limit.",
        words=(_NAME,),
        flags=(
            output(*OUTPUTS),
            Flag("revision", "Show this one whole.", read=number, shown="0", values="revisions"),
        ),
        usage="NAME",
    ),
    Command(
        "set image",
        CHANGING,
        "Update container images of a set",
        "CONTAINER is the name of a container, leader/NAME or worker/NAME of one in that template only, or *"
        " for all. Of a DisaggregatedSet all roles that have it are meant, or those of --role.",
        words=(
            _NAME,
            Word("images", "CONTAINER=IMAGE", new_image, many=True, values="containers"),
        ),
        flags=(
            DRY_RUN,
            _ACTION,
            Flag(
                "role",
                "The role of a DisaggregatedSet; may be repeated.",
                shown="[]",
                repeated=True,
                values="roles",
            ),
        ),
        usage="NAME CONTAINER_1=IMAGE_1 ... CONTAINER_N=IMAGE_N",
    ),
    Command(
        "undo",
        CHANGING,
        "Go back to a former template",
        words=(_NAME,),
        flags=(
            DRY_RUN,
            _ACTION,
            Flag(
                "to-revision",
                "The revision to go back to. Zero means the last one.",
                default=0,
                read=number,
                shown="0",
                values="revisions",
            ),
        ),
        usage="NAME",
    ),
    Command(
        "restart",
        CHANGING,
        "Recreate groups, or all of them by a roll",
        "Named groups go at once and together; without any, all go within maxUnavailable and maxSurge."
        " Of a DisaggregatedSet roles are named, and each rolls on its own; without any, all roll together.",
        words=(_ANY, Word("parts", "GROUP|ROLE", part, required=False, many=True, values="parts")),
        flags=_SEVERAL,
        usage="(NAME [GROUP...|ROLE...] | -l SELECTOR | -A)",
    ),
    Command(
        "pause",
        CHANGING,
        "Hold a roll where it is",
        "No group is replaced until 'resume'.",
        words=(_ANY,),
        flags=_SEVERAL,
        usage="(NAME | -l SELECTOR | -A)",
    ),
    Command(
        "resume",
        CHANGING,
        "Let a paused set go on",
        words=(_ANY,),
        flags=_SEVERAL,
        usage="(NAME | -l SELECTOR | -A)",
    ),
    Command(
        "completion",
        SETTINGS,
        "Output shell completion code for the specified shell (bash, zsh or fish)",
        "It is for the program kubectl-lws. kubectl itself completes 'kubectl lws' by the program"
        " kubectl_complete-lws, where that is on the PATH.",
        words=(Word("shell", "SHELL", choice(*SHELLS), values=SHELLS),),
        usage="SHELL",
    ),
    Command("options", OTHER, "Print the list of flags inherited by all commands"),
    Command(
        "version",
        OTHER,
        "Print the versions of this program, of the API server and of the manager",
        flags=(
            Flag(
                "client",
                "Of this program only, without asking the server.",
                default=False,
                shown="false",
                switch=True,
            ),
            _DOCUMENTS,
        ),
    ),
)
COMMANDS: Final[Mapping[str, Command]] = {x.name: x for x in _ALL}
EVERY_FLAG: Final = (HELP, *GLOBAL, *{x.name: x for command in _ALL for x in command.flags}.values())


def flags_of(command: Command) -> tuple[Flag, ...]:
    """All that it takes."""
    return (HELP, *command.flags, *GLOBAL)
