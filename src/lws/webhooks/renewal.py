"""Renewing the certificate of a :class:`CertificateStore` while the process runs.

What is due, and making it, is ``lws.webhooks.certificates``'s; telling the API server of a new authority is
the caller's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from lws.runtime.clock import Clock, SystemClock
from lws.runtime.logs import get_logger, one_line
from lws.webhooks.certificates import CertificateStore

INTERVAL = 12 * 3600.0  # seconds
RETRY = 60.0  # seconds after a failure

_log = get_logger("cert-rotation")


class Renewal:
    """Looks at ``store`` at once and every 12 hours; ``on_renewed`` is called after each change.

    Something that fails, a full disk or ``on_renewed``, is tried again after a minute: certificates are
    renewed 90 days before their end, so nothing is lost meanwhile.
    """

    def __init__(
        self,
        store: CertificateStore,
        *,
        on_renewed: Callable[[], object] = lambda: None,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._on_renewed = on_renewed
        self._clock = clock or SystemClock()
        self._untold = False

    def run(self, stop: threading.Event) -> None:
        """Block until ``stop``."""
        while not self._clock.sleep(self._look(), stop):
            pass

    def _look(self) -> float:
        """Seconds until the next look."""
        try:
            if self._store.renew(self._clock.now()):
                _log.info("Renewed webhook certificate", directory=str(self._store.directory))
                self._untold = True
            if self._untold:
                self._on_renewed()
                self._untold = False
        except Exception as error:  # noqa: BLE001 - see the docstring of the class
            _log.error("Error renewing webhook certificate", error=one_line(error))
            return RETRY
        return INTERVAL
