"""The way to the API server: which configuration, which certificates, which credentials.

What a configuration means is ``lws.kube.access``'s. There is no client library in between: see
docs/decisions/210-no-client-library.md.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import urllib3

from lws.kube.access import Access, Store, kubeconfig_access
from lws.kube.credentials import Credentials, bearer_from_file
from lws.kube.errors import ConfigurationError
from lws.kube.kubeconfig import Kubeconfig, read_kubeconfig
from lws.kube.pools import pool_manager
from lws.kube.ratelimit import RateLimit
from lws.kube.stream import Stream
from lws.kube.transport import Connection, Endpoint, OnResponse
from lws.kube.trust import Files, Trust

__all__ = ["Connection", "Stream", "connect"]

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
HOST_VARIABLE = "KUBERNETES_SERVICE_HOST"
PORT_VARIABLE = "KUBERNETES_SERVICE_PORT"
DEFAULT_KUBECONFIG = "~/.kube/config"
EXPIRY_SKEW = 300.0  # seconds before its end in which a login is renewed


class _Way(NamedTuple):
    """What leads to a server. ``trust``: None without TLS."""

    access: Access
    credentials: Credentials
    trust: Trust | None


def connect(
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
    user_agent: str,
    pool_size: int = 32,
    qps: float | None = None,
    burst: int | None = None,
    on_response: OnResponse | None = None,
) -> Connection:
    """Find the API server: by ``kubeconfig``, $KUBECONFIG, the pod's service account, or ~/.kube/config.

    Nothing is sent yet. ``pool_size``: idle connections kept, so the number of threads that send requests.
    ``qps`` and ``burst``: the client's own rate limit, off when ``qps`` is None; watches are not limited.
    Use one Connection for leases and another for everything else, so that neither waits for the other.
    Raises ConfigurationError: one line.
    """
    way = _configure(kubeconfig, context)
    limit = None if qps is None else RateLimit(qps, burst or max(1, int(qps)))
    endpoint = _endpoint(way, pool_size)
    return Connection(endpoint, user_agent=user_agent, limit=limit, on_response=on_response)


def _configure(kubeconfig: str | None, context: str | None) -> _Way:
    paths = kubeconfig or os.environ.get("KUBECONFIG")
    if paths:
        return _from_kubeconfig(paths, context)
    token = Path(SERVICE_ACCOUNT, "token")
    in_cluster = bool(os.environ.get(HOST_VARIABLE) and os.environ.get(PORT_VARIABLE))
    if in_cluster and token.exists():
        return _in_cluster(str(token))
    if Path(DEFAULT_KUBECONFIG).expanduser().exists():
        return _from_kubeconfig(DEFAULT_KUBECONFIG, context)
    if in_cluster:
        raise ConfigurationError(f"{token} does not exist; mount the service account's token into this pod")
    raise ConfigurationError(
        f"no API server known: not in a pod, and {DEFAULT_KUBECONFIG} does not exist; "
        "give --kubeconfig or set KUBECONFIG"
    )


def _in_cluster(token: str) -> _Way:
    host = os.environ[HOST_VARIABLE]
    authority = f"{SERVICE_ACCOUNT}/ca.crt"
    url = f"https://{f'[{host}]' if ':' in host else host}:{os.environ[PORT_VARIABLE]}"
    access = Access(url, Files(authority))
    trust = _trust(access, f"service account ({authority})")
    return _Way(access, Credentials(bearer_from_file(token), trust=trust), trust)


def _from_kubeconfig(paths: str, context: str | None) -> _Way:
    chosen, store = read_kubeconfig(paths, context), Store()
    access = kubeconfig_access(chosen, store)
    trust = _trust(access, f"kubeconfig {paths}, context {chosen.context!r}")
    read = _reader(chosen, access, trust, store)
    user = Credentials(read, trust=trust, impersonation=chosen.impersonation)
    return _Way(access, user, trust)


def _reader(
    chosen: Kubeconfig, access: Access, trust: Trust | None, store: Store
) -> Callable[[bool], str | None]:
    """Where the Authorization header comes from: a file that is read, or what the kubeconfig comes to.

    A credential plugin runs again once its login nears its end. After a refusal everything is loaded anew,
    which catches plugins that name no end, and files that were rewritten.
    """
    if chosen.token_file is not None:
        return bearer_from_file(chosen.token_file)
    current = [access]

    def read(refused: bool) -> str | None:
        expires = current[0].expires
        if refused or (expires is not None and expires - EXPIRY_SKEW <= time.time()):
            current[0] = kubeconfig_access(read_kubeconfig(chosen.paths, chosen.context), store)
            if trust is not None:
                store.discard(trust.follow(current[0].files), current[0].files)
        return current[0].header

    return read


def _trust(access: Access, where: str) -> Trust | None:
    """For a server that is spoken to by TLS; certificates are loaded now, not with the first request."""
    if not access.host.startswith("https://"):
        return None
    return Trust(access.files, verify=access.verify, where=where)


def _endpoint(way: _Way, size: int) -> Endpoint:
    access = way.access
    if not access.verify:  # asked for in the kubeconfig; once is enough
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    managers = [pool_manager(access, size) for _ in range(2)]
    url = urlsplit(access.host)
    through_proxy = url.scheme == "http" and managers[0].proxy is not None

    pools = [manager.connection_from_url(access.host) for manager in managers]
    for pool in pools:
        if way.trust is not None:
            pool.ConnectionCls = _trusting(pool.ConnectionCls, way.trust)
    return Endpoint(
        host=access.host,
        # A plain HTTP proxy wants the whole URL in the request line; otherwise only a path prefix remains.
        prefix=access.host if through_proxy else url.path,
        requests=pools[0],
        streams=pools[1],
        credentials=way.credentials,
    )


def _trusting(connection: Any, trust: Trust) -> Any:
    """The class of a pool's connections: each with the context that held when it was opened.

    An idle one whose context has been replaced counts as dropped, so the pool opens it anew: no request is
    made in the name of a client certificate that is not ours any more, and nothing that runs is cut off.
    """

    class Trusting(connection):  # type: ignore[misc]
        @property
        def is_connected(self) -> bool:
            return self.ssl_context is trust.current and bool(super().is_connected)

        def connect(self) -> None:
            self.ssl_context = trust.context()
            super().connect()

    return Trusting
