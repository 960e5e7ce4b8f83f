"""The way to the API server: which configuration, which certificates, which credentials.

What is sent, and when it is sent again, lives elsewhere.
"""

from __future__ import annotations

import os
from os.path import exists, expanduser
from typing import NamedTuple

import urllib3

from lws.kube.credentials import Credentials, bearer_from_file
from lws.kube.errors import ConfigurationError
from lws.kube.kubeconfig import Kubeconfig, read_kubeconfig, without_file
from lws.kube.overrides import NOTHING, Overrides
from lws.kube.proxies import proxy_from_environment, server_url
from lws.kube.ratelimit import RateLimit
from lws.kube.route import Route
from lws.kube.stream import Stream
from lws.kube.transport import Connection, Endpoint, OnResponse
from lws.kube.trust import Files, Trust
from lws.kube.users import User

__all__ = ["Connection", "Stream", "connect"]

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
HOST_VARIABLE = "KUBERNETES_SERVICE_HOST"
PORT_VARIABLE = "KUBERNETES_SERVICE_PORT"
DEFAULT_KUBECONFIG = "~/.kube/config"


class _Way(NamedTuple):
    """What leads to a server, and as whom."""

    route: Route
    credentials: Credentials


def connect(
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
    overrides: Overrides = NOTHING,
    user_agent: str,
    pool_size: int = 32,
    qps: float | None = None,
    burst: int | None = None,
    on_response: OnResponse | None = None,
) -> Connection:
    """Find the API server: by ``kubeconfig``, $KUBECONFIG, the pod's service account, or ~/.kube/config.

    Nothing is sent yet. ``overrides``: what counts instead of its entries. ``pool_size``: idle connections
    kept, so the number of threads that send requests.
    ``qps`` and ``burst``: the client's own rate limit, off when ``qps`` is None; watches are not limited.
    Use one Connection for leases and another for everything else, so that neither waits for the other.
    Raises ConfigurationError: one line.
    """
    way = _configure(kubeconfig, context, overrides)
    limit = None if qps is None else RateLimit(qps, burst or max(1, int(qps)))
    endpoint = Endpoint(
        host=way.route.server,
        prefix=way.route.prefix,
        requests=way.route.pool(pool_size),
        streams=way.route.pool(pool_size),
        credentials=way.credentials,
    )
    return Connection(endpoint, user_agent=user_agent, limit=limit, on_response=on_response)


def _configure(kubeconfig: str | None, context: str | None, overrides: Overrides) -> _Way:
    paths = kubeconfig or os.environ.get("KUBECONFIG")
    if paths:
        return _from_kubeconfig(read_kubeconfig(paths, context, overrides))
    token = f"{SERVICE_ACCOUNT}/token"
    in_cluster = bool(os.environ.get(HOST_VARIABLE) and os.environ.get(PORT_VARIABLE))
    if in_cluster and exists(token):
        return _in_cluster(token, overrides)
    if exists(expanduser(DEFAULT_KUBECONFIG)):
        return _from_kubeconfig(read_kubeconfig(DEFAULT_KUBECONFIG, context, overrides))
    if overrides.server:
        return _from_kubeconfig(without_file({}, {}, overrides))
    if in_cluster:
        raise ConfigurationError(f"{token} does not exist; mount the service account's token into this pod")
    raise ConfigurationError(
        f"no API server known: not in a pod, and {DEFAULT_KUBECONFIG} does not exist; "
        "give --kubeconfig or set KUBECONFIG"
    )


def _in_cluster(token: str, overrides: Overrides) -> _Way:
    host, authority = os.environ[HOST_VARIABLE], f"{SERVICE_ACCOUNT}/ca.crt"
    server = server_url(
        f"https://{f'[{host}]' if ':' in host else host}:{os.environ[PORT_VARIABLE]}", HOST_VARIABLE
    )
    if overrides != NOTHING:
        cluster = {"server": server, "certificate-authority": authority}
        return _from_kubeconfig(without_file(cluster, {"tokenFile": token}, overrides))
    trust = Trust(Files(authority), verify=True, where=f"service account ({authority})")
    route = Route(server, trust, proxy_from_environment(server))
    return _Way(route, Credentials(bearer_from_file(token), trust=trust))


def _from_kubeconfig(chosen: Kubeconfig) -> _Way:
    server, user = str(chosen.cluster["server"]), User(chosen)
    verify = not chosen.cluster.get("insecure-skip-tls-verify")
    if not verify:  # asked for in the kubeconfig; once is enough
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    # For a server that is spoken to by TLS; certificates are loaded now, not with the first request.
    tls = server.startswith("https://")
    user.trust = Trust(user.files(), verify=verify, where=chosen.where) if tls else None
    credentials = Credentials(user.read, trust=user.trust, impersonation=chosen.impersonation)
    proxy = str(chosen.cluster.get("proxy-url") or proxy_from_environment(server))
    name = str(chosen.cluster.get("tls-server-name") or "")
    return _Way(Route(server, user.trust, proxy, name), credentials)
