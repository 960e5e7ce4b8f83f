"""The way to the API server: which configuration, which certificates, which credentials.

The only module that imports ``kubernetes``, and only for this; requests go through its connection pool but
not through its API (runtime.md, B4). It is imported on first use: it takes a third of a second.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import urllib3

from lws.kube.credentials import Credentials, bearer_from_file
from lws.kube.errors import ConfigurationError, one_line
from lws.kube.kubeconfig import Kubeconfig, read_kubeconfig, without_file
from lws.kube.overrides import NOTHING, Overrides
from lws.kube.ratelimit import RateLimit
from lws.kube.stream import Stream
from lws.kube.transport import Connection, Endpoint, OnResponse
from lws.kube.trust import Files, Trust

__all__ = ["Connection", "Stream", "connect"]

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
HOST_VARIABLE = "KUBERNETES_SERVICE_HOST"
PORT_VARIABLE = "KUBERNETES_SERVICE_PORT"
DEFAULT_KUBECONFIG = "~/.kube/config"
_ONLY = "only"  # entry of a kubeconfig that is made up of what a command line says


class _Way(NamedTuple):
    """What leads to a server. ``configuration``: the kubernetes client's; ``trust``: None without TLS."""

    configuration: Any
    credentials: Credentials
    trust: Trust | None


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
    way.configuration.keep_alive = True  # TCP keepalive 30 s idle, 15 s apart, 9 probes
    way.configuration.connection_pool_maxsize = pool_size
    limit = None if qps is None else RateLimit(qps, burst or max(1, int(qps)))
    endpoint = _endpoint(way)
    return Connection(endpoint, user_agent=user_agent, limit=limit, on_response=on_response)


def _configure(kubeconfig: str | None, context: str | None, overrides: Overrides) -> _Way:
    paths = kubeconfig or os.environ.get("KUBECONFIG")
    if paths:
        return _from_kubeconfig(read_kubeconfig(paths, context, overrides))
    token = Path(SERVICE_ACCOUNT, "token")
    in_cluster = bool(os.environ.get(HOST_VARIABLE) and os.environ.get(PORT_VARIABLE))
    if in_cluster and token.exists():
        return _in_cluster(str(token), overrides)
    if Path(DEFAULT_KUBECONFIG).expanduser().exists():
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
    server = f"https://{f'[{host}]' if ':' in host else host}:{os.environ[PORT_VARIABLE]}"
    if overrides != NOTHING:
        cluster = {"server": server, "certificate-authority": authority}
        return _from_kubeconfig(without_file(cluster, {"tokenFile": token}, overrides))
    from kubernetes.client import Configuration  # noqa: PLC0415

    configuration = Configuration(host=server, ssl_ca_cert=authority)
    where = f"service account ({authority})"
    trust = _trust(configuration, where)
    return _Way(configuration, Credentials(bearer_from_file(token), trust=trust), trust)


def _from_kubeconfig(chosen: Kubeconfig) -> _Way:
    directory = _directory() if "exec" in chosen.user else None
    configuration = _load(chosen, directory)
    trust = _trust(configuration, chosen.where)
    read = _reader(chosen, configuration, trust, directory)
    user = Credentials(read, trust=trust, impersonation=chosen.impersonation)
    return _Way(configuration, user, trust)


def _directory() -> str:
    """For the certificates of a credential plugin: what is in it goes with the process."""
    directory = tempfile.mkdtemp(prefix="lws-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def _load(chosen: Kubeconfig, directory: str | None) -> Any:
    """The kubernetes client's reading, credential plugin included. Raises ConfigurationError.

    It puts inline certificates and those of plugins into files, in ``directory`` if there is one.
    """
    from kubernetes.client import Configuration  # noqa: PLC0415

    configuration, where = Configuration(), chosen.where
    try:
        _read_into(configuration, chosen, directory)
    except Exception as error:  # its own type, and whatever an odd file makes it stumble over
        raise ConfigurationError(f"{where}: {one_line(str(error))}") from error
    if "exec" in chosen.user and not configuration.api_key and not configuration.cert_file:
        command = _command(chosen.user)
        raise ConfigurationError(f"{where}: the credential plugin {command!r} gave nothing; run it by hand")
    return configuration


def _read_into(configuration: Any, chosen: Kubeconfig, directory: str | None) -> None:
    """From the files, which may change; entries that a command line changed are in none."""
    from kubernetes.config import load_kube_config, load_kube_config_from_dict  # noqa: PLC0415

    common: dict[str, Any] = {
        "client_configuration": configuration,
        "persist_config": False,
        "temp_file_path": directory,
    }
    if chosen.overridden:
        load_kube_config_from_dict(chosen.document(_ONLY), context=_ONLY, **common)  # type: ignore[no-untyped-call]
    else:
        load_kube_config(config_file=chosen.paths, context=chosen.context, **common)  # type: ignore[no-untyped-call]


def _reader(
    chosen: Kubeconfig, configuration: Any, trust: Trust | None, directory: str | None
) -> Callable[[bool], str | None]:
    """Where the Authorization header comes from: a file that is read, or the kubernetes client.

    The client runs a credential plugin again once its token nears its end. After a refusal everything is
    loaded anew, which catches plugins that name no end or give certificates, and files that were rewritten.
    """
    if chosen.token_file is not None:
        return bearer_from_file(chosen.token_file)
    current = [configuration]

    def read(refused: bool) -> str | None:
        if refused:
            current[0] = _load(chosen, directory)
            if trust is not None:
                _discard(trust.follow(_files(current[0])), _files(current[0]), directory)
        setting = current[0].auth_settings().get("BearerToken")
        return str(setting["value"]).strip() if setting and setting["value"] else None

    return read


def _command(user: Mapping[str, Any]) -> str:
    plugin = user["exec"]
    return str(plugin.get("command", "")) if isinstance(plugin, Mapping) else ""


def _trust(configuration: Any, where: str) -> Trust | None:
    """For a server that is spoken to by TLS; certificates are loaded now, not with the first request."""
    if not configuration.host.startswith("https://"):
        return None
    return Trust(_files(configuration), verify=configuration.verify_ssl, where=where)


def _files(configuration: Any) -> Files:
    return Files(configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file)


def _discard(former: Files, files: Files, directory: str | None) -> None:
    """Delete what a credential plugin gave before: there may be hundreds of keys a day."""
    for path in {former.certificate, former.key} - set(files):
        if path is not None and directory == os.path.dirname(path):
            Path(path).unlink(missing_ok=True)


def _endpoint(way: _Way) -> Endpoint:
    from kubernetes.client.rest import RESTClientObject  # noqa: PLC0415

    configuration = way.configuration
    configuration.ssl_ca_cert = configuration.cert_file = configuration.key_file = None  # not urllib3's
    if not configuration.verify_ssl:  # asked for in the kubeconfig; once is enough
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    managers = [RESTClientObject(configuration).pool_manager for _ in range(2)]
    url = urlsplit(configuration.host)
    through_proxy = url.scheme == "http" and managers[0].proxy is not None

    pools = [manager.connection_from_url(configuration.host) for manager in managers]
    for pool in pools:
        if way.trust is not None:
            pool.ConnectionCls = _trusting(pool.ConnectionCls, way.trust)
    return Endpoint(
        host=configuration.host,
        # A plain HTTP proxy wants the whole URL in the request line; otherwise only a path prefix remains.
        prefix=configuration.host if through_proxy else url.path,
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
