"""Internal certificate management: one Secret holds the certificates, and all replicas live by it.

A controller of three objects, on every replica, leader or not: it keeps the Secret's content good for
another 90 days, tells both webhook configurations whom to trust, and writes the serving certificate into the
directory that the webhook server reads. Replicas agree through optimistic locking: whoever writes the Secret
first wins, the others take what they then see. Specification: operations.md, 2.2; why files are written here
and not projected by the kubelet: docs/decisions/040-internal-certificates.md. What certificates look like and
when they are due is ``lws.webhooks.certificates``'s.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from lws.kube.client import Client
from lws.kube.errors import Conflict
from lws.kube.resources import MUTATING_WEBHOOKS, SECRETS, VALIDATING_WEBHOOKS, Resource
from lws.kube.selectors import equals
from lws.objects import Key, KubeObject
from lws.runtime.clock import Clock, SystemClock
from lws.runtime.controller import Controller, Result
from lws.runtime.informers import EnqueueRequests, Informer, Selection
from lws.runtime.logs import get_logger, one_line
from lws.runtime.metrics import Metrics
from lws.runtime.queue import WorkQueue, persistent_backoff
from lws.webhooks.certificates.issuing import Bundle, CertificateStore, readable, renewed, service_names

NAME: Final = "cert-rotator"
MUTATING_CONFIGURATION: Final = "lws-mutating-webhook-configuration"
VALIDATING_CONFIGURATION: Final = "lws-validating-webhook-configuration"

INTERVAL: Final = 12 * 3600.0
"""Seconds between two looks when nothing happens."""
PROPAGATION: Final = 10.0
"""Seconds that every API server is given to learn of a new authority before its certificate is served."""

_log = get_logger(NAME)


class Secret(KubeObject, frozen=True):
    """``data`` decoded from base64."""

    data: dict[str, bytes] | None = None


class WebhookConfiguration(KubeObject, frozen=True):
    """Of either kind; entries as they are, for they are written back."""

    webhooks: list[dict[str, Any]] | None = None


class Rotation:
    """Keeps certificates for ``service`` in the Secret ``secret`` of ``namespace``, and serves from them.

    A part for the manager, to be ready before the webhook server loads ``directory``: ready means that the
    Secret is good, both configurations carry its authority, and the files are written. ``on_written`` is
    called after each change of the files. The Secret must exist, empty or not.
    """

    name = NAME

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        service: str,
        secret: str,
        directory: Path,
        on_written: Callable[[], object] = lambda: None,
        metrics: Metrics | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._client = client
        self._clock = clock or SystemClock()
        self._key = Key(namespace, secret)
        self._names = service_names(service, namespace)
        self._store = CertificateStore(directory, self._names)
        self._on_written = on_written
        self._ready = threading.Event()
        self._trouble = ""
        self._authority, self._since = b"", 0.0  # what the configurations carry, as we know, since when
        measured = metrics.queue(NAME) if metrics else None
        queue = WorkQueue[Key](NAME, limiter=persistent_backoff(clock), clock=clock, metrics=measured)
        self._controller = Controller(
            NAME,
            self._reconcile,
            queue=queue,
            metrics=metrics.controller(NAME) if metrics else None,
            clock=clock,
            quiet=lambda error: isinstance(error, Conflict),
        )
        self._secrets = Informer(
            client.connection,
            Selection(SECRETS, namespace, field_selector=equals("metadata.name", secret)),
            Secret,
            clock=clock,
        )
        self._configurations = {
            name: Informer(
                client.connection,
                Selection(resource, field_selector=equals("metadata.name", name)),
                WebhookConfiguration,
                clock=clock,
            )
            for resource, name in (
                (MUTATING_WEBHOOKS, MUTATING_CONFIGURATION),
                (VALIDATING_WEBHOOKS, VALIDATING_CONFIGURATION),
            )
        }
        for informer in self._informers:
            informer.add_handler(EnqueueRequests(queue, lambda _obj: (self._key,)))

    def start(self) -> None:
        """Begin to watch and to act."""
        for informer in self._informers:
            informer.start()
        self._controller.start()

    def wait_ready(self, timeout: float) -> bool:
        """Block until the certificates are agreed on, trusted and written, at most ``timeout`` seconds."""
        return self._ready.wait(timeout)

    def why_not_ready(self) -> str:
        """What is missing, in one line."""
        troubles = [*(informer.trouble for informer in self._informers), self._trouble]
        if not any(troubles):
            troubles += [f"{name} does not exist (apply the manifests)" for name in self._missing()]
        return "; ".join(dict.fromkeys(filter(None, troubles)))

    def stop(self, timeout: float) -> bool:
        """Whether all ended in time."""
        deadline = time.monotonic() + timeout
        stopped = self._controller.stop(timeout)
        for informer in self._informers:
            informer.begin_stop()
        for informer in self._informers:
            informer.stop(max(0.0, deadline - time.monotonic()))
        return stopped

    @property
    def _informers(self) -> list[Informer[Any]]:
        return [self._secrets, *self._configurations.values()]

    def _missing(self) -> list[str]:
        """What does not exist, among what is known."""
        missing = [] if self._secrets.get(self._key) else [f"Secret {self._key}"]
        return missing + [
            name for name, informer in self._configurations.items() if informer.get(Key("", name)) is None
        ]

    def _reconcile(self, _key: Key) -> Result:
        try:
            result = self._advance()
        except Exception as error:
            self._trouble = one_line(error)
            raise
        self._trouble = ""
        return result

    def _advance(self) -> Result:
        """Secret, trust, files, in this order: nobody is shown a certificate before it is trusted."""
        secret = self._secrets.get(self._key)
        if secret is None or secret.deleting:
            return Result()  # what is served stays; the Secret's event brings the next pass
        bundle = self._agree(secret)
        for name, informer in self._configurations.items():
            self._inject(informer, informer.get(Key("", name)), bundle.ca_certificate)
        wait = self._propagating(bundle)
        if wait > 0:
            return Result(requeue_after=wait)
        self._write(bundle)
        if not self._missing():
            self._ready.set()
        return Result(requeue_after=INTERVAL)

    def _agree(self, secret: Secret) -> Bundle:
        """What the Secret holds, renewed where that is due. Raises Conflict when another replica did so."""
        found = Bundle.of_files(secret.data or {})
        held = found
        if not readable(held.ca_certificate):  # emptied, or spoilt: what replicas serve must stay trusted
            held = msgspec.structs.replace(held, ca_certificate=self._store.load().ca_certificate)
        bundle = renewed(held, self._names, self._clock.now())
        if bundle != found:
            patch = {
                "metadata": {"resourceVersion": secret.metadata.resource_version},
                "data": bundle.files(),
            }
            answer = self._client.merge_patch(
                SECRETS, Secret, self._key.name, patch, namespace=self._key.namespace
            )
            self._secrets.observe_write(answer)
            _log.info("Renewed webhook certificate")
        return bundle

    def _inject(
        self,
        informer: Informer[WebhookConfiguration],
        configuration: WebhookConfiguration | None,
        authority: bytes,
    ) -> None:
        """Let the API server trust ``authority``, PEM; a write only where something differs."""
        if configuration is None or configuration.deleting:
            return
        webhooks = configuration.webhooks or []
        wanted = [_trusting(webhook, base64.b64encode(authority).decode()) for webhook in webhooks]
        if wanted == webhooks:
            return
        patch = {
            "metadata": {"resourceVersion": configuration.metadata.resource_version},
            "webhooks": wanted,
        }
        resource: Resource = informer.resource
        answer = self._client.merge_patch(resource, WebhookConfiguration, configuration.name, patch)
        informer.observe_write(answer)
        _log.info("Updated CA bundle", kind=resource.kind, name=configuration.name)

    def _propagating(self, bundle: Bundle) -> float:
        """Seconds for which the certificate served so far must stay, the one that is trusted everywhere."""
        now = self._clock.monotonic()
        if bundle.ca_certificate != self._authority:
            self._authority, self._since = bundle.ca_certificate, now
        served = self._store.load()
        if not served.certificate or served.ca_certificate == bundle.ca_certificate:
            return 0.0
        return self._since + PROPAGATION - now

    def _write(self, bundle: Bundle) -> None:
        """The files of the server, which has no use for the authority's key."""
        wanted = msgspec.structs.replace(bundle, ca_key=b"")
        if self._store.load() == wanted:
            return
        self._store.save(wanted)
        _log.info("Wrote webhook certificate", directory=str(self._store.directory))
        self._on_written()


def _trusting(webhook: dict[str, Any], ca_bundle: str) -> dict[str, Any]:
    """The entry with that ``caBundle``. One that calls a URL is somebody else's (``hack/run``)."""
    client = webhook.get("clientConfig", {})
    if "url" in client:
        return webhook
    return {**webhook, "clientConfig": {**client, "caBundle": ca_bundle}}
