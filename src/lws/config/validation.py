"""Whether a Configuration can work: every problem on a line, ``field path: what is wrong; what is allowed``.

Stricter than upstream, which finds bad ports, addresses and lease times only while it starts, one at a time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from lws.config.addresses import ALLOWED, Address, parse_address
from lws.config.durations import format_duration
from lws.config.tls import tls_problems
from lws.config.types import Configuration, InvalidConfiguration, LeaderElection
from lws.planning.podgroups import PROVIDERS
from lws.planning.revisions import MAX_HISTORY

LEASES: Final = "leases"
JITTER: Final = 1.2  # the elector's: how much longer than retryPeriod a candidate may wait

_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS1123_LABEL: Final = re.compile(_LABEL)
_DNS1123_SUBDOMAIN: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_DNS1035_LABEL: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def validate(configuration: Configuration) -> None:
    """Raises InvalidConfiguration with all problems there are."""
    problems = list(problems_of(configuration))
    if problems:
        raise InvalidConfiguration(problems)


def problems_of(configuration: Configuration) -> Iterator[str]:
    """The problems, in the order of the file's documentation."""
    yield from _webhook(configuration)
    yield from _addresses(configuration)
    yield from _metrics(configuration)
    yield from _endpoints(configuration)
    yield from _election(configuration.leader_election)
    yield from tls_problems(configuration.tls)
    yield from _names(configuration)
    yield from _gang(configuration)
    yield from _client(configuration)
    limit = configuration.revision_history_limit
    if not 0 <= limit <= MAX_HISTORY:
        yield f"revisionHistoryLimit: {limit} is no number of templates; allowed: 0 to {MAX_HISTORY}"


def _webhook(configuration: Configuration) -> Iterator[str]:
    webhook = configuration.webhook
    if not 1 <= webhook.port <= 65535:
        yield f"webhook.port: {webhook.port} is no port; allowed: 1 to 65535"
    if webhook.host and not _is_host(webhook.host):
        yield f"webhook.host: {webhook.host!r} is no host; allowed: an IP address, a DNS name, or nothing"


def _addresses(configuration: Configuration) -> Iterator[str]:
    taken = [("webhook.port", Address(configuration.webhook.host, configuration.webhook.port))]
    for path, text in (
        ("metrics.bindAddress", configuration.metrics.bind_address),
        ("health.healthProbeBindAddress", configuration.health.health_probe_bind_address),
    ):
        address, problem = _address(text)
        if problem:
            yield f"{path}: {problem}; {ALLOWED}"
        if address is not None:
            yield from (f"{path}: {text} collides with {other}" for other, at in taken if _clash(address, at))
            taken.append((path, address))


def _clash(one: Address, other: Address) -> bool:
    return one.port == other.port and (one.host == other.host or not one.host or not other.host)


def _address(text: str) -> tuple[Address | None, str]:
    try:
        address = parse_address(text)
    except ValueError as error:
        return None, str(error)
    if address is None:
        return None, ""
    if address.port == 0:
        return None, "0 is no port"
    if address.host and not _is_host(address.host):
        return None, f"{address.host!r} is no host"
    return address, ""


def _metrics(configuration: Configuration) -> Iterator[str]:
    most = configuration.metrics.max_sets
    if most < 0:
        yield f"metrics.maxSets: {most} is no number of sets; must be at least 0"


def _endpoints(configuration: Configuration) -> Iterator[str]:
    health = configuration.health
    paths = {
        "health.readinessEndpointName": health.readiness_endpoint_name,
        "health.livenessEndpointName": health.liveness_endpoint_name,
    }
    for path, endpoint in paths.items():
        if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", endpoint):
            yield f"{path}: {endpoint!r} is no path; allowed: one such as /healthz"
    if len(set(paths.values())) < len(paths):
        yield "health.livenessEndpointName: must differ from health.readinessEndpointName"


def _election(election: LeaderElection) -> Iterator[str]:
    if not election.leader_elect:
        return
    path = "leaderElection."
    lease, renew, retry = election.lease_duration, election.renew_deadline, election.retry_period
    times = {"leaseDuration": lease, "renewDeadline": renew, "retryPeriod": retry}
    negative = {name: value for name, value in times.items() if not 0 < value < math.inf}
    for name, value in negative.items():
        yield f"{path}{name}: {format_duration(value)} is too short; must be greater than 0s"
    if not negative and not lease > renew:
        yield f"{path}leaseDuration: must be greater than renewDeadline ({format_duration(renew)})"
    if not negative and not renew > JITTER * retry:
        yield f"{path}renewDeadline: must be greater than {JITTER} x retryPeriod ({JITTER * retry:g}s)"
    if election.resource_lock != LEASES:
        yield f"{path}resourceLock: {election.resource_lock!r} is not supported; allowed: {LEASES}"
    if not _is_subdomain(election.resource_name):
        yield f"{path}resourceName: {election.resource_name!r} is no name; allowed: {_SUBDOMAIN_RULE}"
    if election.resource_namespace and not _is_label(election.resource_namespace):
        yield f"{path}resourceNamespace: {election.resource_namespace!r} is no name; allowed: {_LABEL_RULE}"


def _names(configuration: Configuration) -> Iterator[str]:
    internal = configuration.internal_cert_management
    if not internal.enable:
        return
    path, service, secret = (
        "internalCertManagement.",
        internal.webhook_service_name,
        internal.webhook_secret_name,
    )
    if not (len(service) <= 63 and _DNS1035_LABEL.fullmatch(service)):
        yield f"{path}webhookServiceName: {service!r} is no name; allowed: {_SERVICE_RULE}"
    if not _is_subdomain(secret):
        yield f"{path}webhookSecretName: {secret!r} is no name; allowed: {_SUBDOMAIN_RULE}"


def _gang(configuration: Configuration) -> Iterator[str]:
    gang = configuration.gang_scheduling_management
    if gang is None or gang.scheduler_provider in PROVIDERS:
        return
    path, allowed = "gangSchedulingManagement.schedulerProvider", f"allowed: {', '.join(PROVIDERS)}"
    if not gang.scheduler_provider:
        yield f"{path}: required when the block is there; {allowed}"
    else:
        yield f"{path}: {gang.scheduler_provider!r} is not supported; {allowed}"


def _client(configuration: Configuration) -> Iterator[str]:
    client = configuration.client_connection
    if not 0 < client.qps < math.inf:
        yield f"clientConnection.qps: {client.qps:g} is no rate; must be greater than 0"
    if client.burst < 1:
        yield f"clientConnection.burst: {client.burst} is no number of requests; must be at least 1"


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return _is_subdomain(text.lower()) and not re.fullmatch(r"[0-9.]+", text)
    return True


def _is_label(text: str) -> bool:
    return len(text) <= 63 and _DNS1123_LABEL.fullmatch(text) is not None


def _is_subdomain(text: str) -> bool:
    return len(text) <= 253 and _DNS1123_SUBDOMAIN.fullmatch(text) is not None


_LABEL_RULE: Final = "at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit"
_SERVICE_RULE: Final = "at most 63 of a-z, 0-9 and -, beginning with a letter, not ending with -"
_SUBDOMAIN_RULE: Final = "labels of a-z, 0-9 and - joined by dots, at most 253 characters"
