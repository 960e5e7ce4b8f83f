"""The flags that every command takes, as kubectl's, and those that several share."""

from __future__ import annotations

from typing import Final

from lws.cli.grammar import Flag, choice
from lws.cli.values import seconds

GLOBAL: Final = (
    Flag(
        "as", "Username to impersonate for the operation. User could be a regular user or a service account."
    ),
    Flag(
        "as-group",
        "Group to impersonate for the operation, this flag can be repeated to specify multiple groups.",
        shown="[]",
        repeated=True,
    ),
    Flag("as-uid", "UID to impersonate for the operation."),
    Flag("certificate-authority", "Path to a cert file for the certificate authority", values="files"),
    Flag("client-certificate", "Path to a client certificate file for TLS", values="files"),
    Flag("client-key", "Path to a client key file for TLS", values="files"),
    Flag("cluster", "The name of the kubeconfig cluster to use", values="clusters"),
    Flag("context", "The name of the kubeconfig context to use", values="contexts"),
    Flag(
        "insecure-skip-tls-verify",
        "If true, the server's certificate will not be checked for validity.",
        default=False,
        shown="false",
        switch=True,
    ),
    Flag("kubeconfig", "Path to the kubeconfig file to use for CLI requests.", values="files"),
    Flag("namespace", "The namespace; by default that of the context", short="n", values="namespaces"),
    Flag(
        "request-timeout",
        "The length of time to wait before giving up on a single server request, as 1s, 2m, 3h."
        " Zero means two minutes.",
        default=0.0,
        read=seconds,
        shown="'0'",
    ),
    Flag("server", "The address and port of the Kubernetes API server", short="s"),
    Flag("tls-server-name", "Server name to use for server certificate validation."),
    Flag("token", "Bearer token for authentication to the API server; no client certificate is shown then"),
    Flag("user", "The name of the kubeconfig user to use", values="users"),
)
"""In the order of ``kubectl options``."""

HELP: Final = Flag("help", "", short="h", default=False, switch=True)
ALL_NAMESPACES: Final = Flag(
    "all-namespaces", "Sets of all namespaces.", short="A", default=False, shown="false", switch=True
)
SELECTOR: Final = Flag(
    "selector",
    "Selector (label query) to filter sets on, supports '=', '==', '!=', 'in' and 'notin'."
    " (e.g. -l key1=value1,key2=value2)",
    short="l",
)
WATCH: Final = Flag(
    "watch", "Go on, and show every change.", short="w", default=False, shown="false", switch=True
)
TIMEOUT: Final = Flag(
    "timeout",
    "The length of time to watch, as 90s or 5m. Zero means for ever.",
    default=0.0,
    read=seconds,
    shown="0s",
)

DRY_RUN: Final = Flag(
    "dry-run",
    'Must be "none", "server", or "client". If client strategy, only say what would be sent, without sending'
    " it. If server strategy, submit server-side request without persisting the resource.",
    default="none",
    read=choice("none", "server", "client"),
    shown="'none'",
    values=("none", "server", "client"),
)


def output(*formats: str) -> Flag:
    """``-o`` with these formats."""
    text = f"Output format. One of: ({', '.join(formats)})."
    return Flag("output", text, short="o", read=choice(*formats), values=formats)


OUTPUTS: Final = ("json", "yaml", "name", "wide")
