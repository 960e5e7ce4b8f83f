"""Waiting for the serving certificate's files, which somebody else puts there: the kubelet, as a rule.

Nothing is read here but whether the files hold anything; ``lws.webhooks.certificates.serving`` loads them.
"""

from __future__ import annotations

import threading
from pathlib import Path

from lws.runtime.logs import get_logger
from lws.webhooks.certificates.issuing import CERTIFICATE, KEY

_log = get_logger("controller-runtime.webhook")


class CertificateFiles:
    """A part of the manager that is ready once ``tls.crt`` and ``tls.key`` are in ``directory``.

    Whoever makes the certificate is another part of the same phase; no later phase starts before.
    """

    def __init__(self, directory: Path) -> None:
        self.certificate, self.key = directory / CERTIFICATE, directory / KEY
        self._waited = False
        self._stop = threading.Event()

    def start(self) -> None:
        """Say what is waited for."""
        if self._missing():
            self._waited = True
            _log.info("Waiting for the webhook certificate", missing=self._missing())

    def wait_ready(self, timeout: float) -> bool:
        """Wait, at most ``timeout`` seconds; whether both files are there. Looks again at the end only."""
        if self._missing():
            self._stop.wait(timeout)
        ready = not self._missing()
        if ready and self._waited:
            self._waited = False
            _log.info("The webhook certificate is there", directory=str(self.certificate.parent))
        return ready

    def why_not_ready(self) -> str:
        """What is missing, and what to do about it."""
        return (
            f"missing or empty: {', '.join(self._missing())}; mount the Secret with the webhooks' "
            "certificate there, or name its directory in webhook.certDir"
        )

    def stop(self) -> None:
        self._stop.set()

    def _missing(self) -> list[str]:
        return [str(path) for path in (self.certificate, self.key) if not _holds_anything(path)]


def _holds_anything(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
