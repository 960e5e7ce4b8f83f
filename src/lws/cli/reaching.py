"""Which cluster and namespace are meant, as kubectl has it: a client, and nothing to draw with.

What completes a command line needs no more than this, and has to be quick.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from os.path import exists, expanduser
from pathlib import Path
from typing import Any

from lws.kube.client import Client
from lws.kube.connection import DEFAULT_KUBECONFIG, SERVICE_ACCOUNT, connect
from lws.kube.kubeconfig import read_kubeconfig
from lws.kube.overrides import Overrides
from lws.version import user_agent

FIELD_MANAGER = "kubectl-lws"


@contextmanager
def open_client(options: Any) -> Iterator[tuple[Client, str]]:
    """A client and the namespace, by the flags that all commands take. Raises ConfigurationError."""
    paths = kubeconfig_of(options.kubeconfig, os.environ)
    overrides = overrides_of(options)
    namespace = options.namespace or _namespace(paths, options.context, overrides)
    connection = connect(
        kubeconfig=paths,
        context=options.context,
        overrides=overrides,
        user_agent=user_agent("/kubectl-lws"),
        pool_size=4,
    )
    with closing(connection):
        client = Client(connection, field_manager=FIELD_MANAGER)
        yield client.within(options.request_timeout) if options.request_timeout else client, namespace


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


def kubeconfig_of(given: str | None, environment: Mapping[str, str]) -> str | None:
    """The file as kubectl chooses it; None inside a pod without one."""
    if paths := given or environment.get("KUBECONFIG"):
        return paths
    return DEFAULT_KUBECONFIG if exists(expanduser(DEFAULT_KUBECONFIG)) else None


def _namespace(paths: str | None, context: str | None, overrides: Overrides) -> str:
    if paths is not None:
        return read_kubeconfig(paths, context, overrides).namespace or "default"
    own = Path(SERVICE_ACCOUNT, "namespace")
    return own.read_text(encoding="utf-8").strip() if own.exists() else "default"
