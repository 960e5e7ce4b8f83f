"""What every command works with: a client, a namespace, and where its answer goes.

Which cluster and namespace are meant follows kubectl. No command's knowledge may live here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml
from rich.console import Console, RenderableType

from lws.kube.client import Client
from lws.kube.connection import DEFAULT_KUBECONFIG, SERVICE_ACCOUNT, connect
from lws.kube.errors import NotFound
from lws.kube.kubeconfig import read_kubeconfig
from lws.kube.overrides import Overrides
from lws.kube.resources import Resource
from lws.version import user_agent

FIELD_MANAGER = "kubectl-lws"
_WIDE = 400  # columns


class CommandError(Exception):
    """What a person asked for cannot be done; the text says why, in one line."""


def is_of_unknown_kind(error: NotFound) -> bool:
    """The server does not know the kind; of an object that is not there it names the object."""
    return not error.details


def not_installed(resource: Resource) -> str:
    """Most likely it is another cluster than the user thinks."""
    what = f"{resource.kind}s ({resource.plural}.{resource.group})"
    return f"this cluster has no {what}: install the controller, or choose another --context"


class Output(NamedTuple):
    """``format``: ``json`` or ``yaml`` documents instead of drawings; empty: drawings."""

    format: str
    console: Console

    def show(self, view: Any, drawn: RenderableType) -> None:
        """Print one view: as a document where that is asked for, else as drawn."""
        if self.format == "json":
            text = msgspec.json.format(msgspec.json.encode(view), indent=2).decode()
            self.console.file.write(f"{text}\n")
        elif self.format == "yaml":
            self.console.file.write(_yaml(view))
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
        else:
            self.console.print(drawn, soft_wrap=True)
        self.console.file.flush()


def _yaml(view: Any) -> str:
    return yaml.safe_dump(msgspec.to_builtins(view), sort_keys=False, allow_unicode=True, width=1000)


class Session(NamedTuple):
    """``namespace``: empty for all. ``selector``: of labels that sets must match; empty: any."""

    client: Client
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
    """By the flags that all commands take, ``--all-namespaces``, ``--selector`` and ``--output``.

    Raises ConfigurationError.
    """
    paths = _kubeconfig(options.kubeconfig, os.environ)
    overrides = overrides_of(options)
    namespace = options.namespace or _namespace(paths, options.context, overrides)
    connection = connect(
        kubeconfig=paths,
        context=options.context,
        overrides=overrides,
        user_agent=user_agent("/kubectl-lws"),
        pool_size=2,
    )
    with closing(connection):
        client = Client(connection, field_manager=FIELD_MANAGER)
        if options.request_timeout:
            client = client.within(options.request_timeout)
        everywhere = getattr(options, "all_namespaces", False)
        selector = getattr(options, "selector", None) or ""
        yield Session(client, "" if everywhere else namespace, make_output(options), selector)


def overrides_of(options: Any) -> Overrides:
    """What kubectl's flags say in place of the kubeconfig."""
    return Overrides(
        cluster=options.cluster or "",
        user=options.user or "",
        server=options.server or "",
        certificate_authority=options.certificate_authority or "",
        insecure=options.insecure_skip_tls_verify,
        tls_server_name=options.tls_server_name or "",
        token=options.token or "",
        client_certificate=options.client_certificate or "",
        client_key=options.client_key or "",
        acting_as=options.as_user or "",
        acting_uid=options.as_uid or "",
        acting_groups=tuple(options.as_group),
    )


def make_console() -> Console:
    """Standard output: colours on a terminal only, and not with NO_COLOR; text is never markup.

    As kubectl's, cells are never folded to a terminal's width: what was split could not be copied.
    """
    return Console(file=sys.stdout, width=_WIDE, markup=False, emoji=False, highlight=False)


def _kubeconfig(given: str | None, environment: Mapping[str, str]) -> str | None:
    """The file as kubectl chooses it; None inside a pod without one."""
    if paths := given or environment.get("KUBECONFIG"):
        return paths
    return DEFAULT_KUBECONFIG if Path(DEFAULT_KUBECONFIG).expanduser().exists() else None


def _namespace(paths: str | None, context: str | None, overrides: Overrides) -> str:
    if paths is not None:
        return read_kubeconfig(paths, context, overrides).namespace or "default"
    own = Path(SERVICE_ACCOUNT, "namespace")
    return own.read_text(encoding="utf-8").strip() if own.exists() else "default"
