"""What every command works with: a client, a namespace, and where its answer goes.

No command's knowledge may live here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import msgspec
import yaml
from rich.console import Console, RenderableType

from lws.cli.kinds import LEADERWORKERSETS
from lws.cli.reaching import FIELD_MANAGER, open_client
from lws.cli.writing import NONE, Reader, Writer
from lws.kube.errors import ApiError, NotFound
from lws.kube.resources import Resource

__all__ = ["FIELD_MANAGER", "CommandError", "Output", "Session", "make_output", "open_session"]

_WIDE = 10_000  # columns


class CommandError(Exception):
    """What a person asked for cannot be done; the text says why, in one line."""


def is_of_unknown_kind(error: NotFound) -> bool:
    """The server does not know the kind; of an object that is not there it names the object."""
    return not error.details


def not_installed(resource: Resource) -> str:
    """Most likely it is another cluster than the user thinks."""
    what = f"{resource.kind}s ({resource.plural}.{resource.group})"
    return f"this cluster has no {what}: install the controller, or choose another --context"


def refusal(error: ApiError) -> str:
    """What the server says no with, in one line."""
    if isinstance(error, NotFound) and is_of_unknown_kind(error):
        return not_installed(LEADERWORKERSETS)
    return f"the API server refuses: {error.message or error}"


class Named(Protocol):
    """A view that ``-o name`` is made of: names as kubectl takes them."""

    @property
    def names(self) -> Iterable[str]: ...


class Output(NamedTuple):
    """``format``: ``json`` or ``yaml`` documents instead of drawings, ``name``: names alone; ``wide``:
    drawings with all there is to say; empty: drawings.
    """

    format: str
    console: Console

    @property
    def documents(self) -> bool:
        return self.format in ("json", "yaml")

    def show(self, view: Any, drawn: RenderableType) -> None:
        """Print one view: as a document where that is asked for, else as drawn."""
        if self.format == "json":
            text = msgspec.json.format(msgspec.json.encode(view), indent=2).decode()
            self.console.file.write(f"{text}\n")
        elif self.format == "yaml":
            self.console.file.write(_yaml(view))
        elif self.format == "name":
            self.console.file.write("".join(f"{x}\n" for x in _names(view)))
        else:
            with self.console.capture() as captured:
                self.console.print(drawn)
            lines = (x.rstrip() for x in captured.get().splitlines())  # tables fill their last column
            self.console.file.write("".join(f"{x}\n" for x in lines))

    def show_line(self, view: Any, drawn: RenderableType) -> None:
        """As ``show``, for one of several: a JSON document is one line then."""
        if self.format == "json":
            self.console.file.write(msgspec.json.encode(view).decode() + "\n")
        elif self.format == "yaml":
            self.console.file.write(f"---\n{_yaml(view)}")
        elif self.format == "name":
            self.console.file.write("".join(f"{x}\n" for x in _names(view)))
        else:
            self.console.print(drawn, soft_wrap=True)
        self.console.file.flush()


def _names(view: Any) -> Iterable[str]:
    if isinstance(view, dict):
        return _names(view["items"])
    if isinstance(view, list):
        return [name for x in view for name in _names(x)]
    named: Named = view
    return named.names


def _yaml(view: Any) -> str:
    return yaml.safe_dump(msgspec.to_builtins(view), sort_keys=False, allow_unicode=True, width=1000)


class Session(NamedTuple):
    """``namespace``: empty for all. ``selector``: of labels that sets must match; empty: any."""

    client: Reader
    writer: Writer
    namespace: str
    output: Output
    selector: str = ""

    def show(self, view: Any, drawn: RenderableType) -> None:
        self.output.show(view, drawn)

    def show_line(self, view: Any, drawn: RenderableType) -> None:
        self.output.show_line(view, drawn)


def make_output(options: Any) -> Output:
    """By ``--output``."""
    return Output(options.output or "", make_console())


@contextmanager
def open_session(options: Any) -> Iterator[Session]:
    """By the flags that all commands take, ``--all-namespaces``, ``--selector``, ``--output``, ``--dry-run``.

    Raises ConfigurationError.
    """
    with open_client(options) as (client, namespace):
        everywhere = getattr(options, "all_namespaces", False)
        selector = getattr(options, "selector", None) or ""
        writer = Writer(client, getattr(options, "dry_run", NONE))
        yield Session(client, writer, "" if everywhere else namespace, make_output(options), selector)


class _Console(Console):
    """Rich's ends the program with 1 where the reader of a pipe has gone."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # as everything else that writes


def make_console() -> Console:
    """Standard output: colours on a terminal only, and not with NO_COLOR; text is never markup.

    As kubectl's, cells are never folded to a terminal's width: what was split could not be copied.
    """
    return _Console(file=sys.stdout, width=_WIDE, markup=False, emoji=False, highlight=False)
