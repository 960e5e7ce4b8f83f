"""Serving a certificate that changes on disk: the TLS context, its reloading, and proof that it is served.

Making certificates is ``lws.webhooks.certificates``'s; this module only reads the two files, or serves a
certificate that exists nowhere else.
"""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from lws.runtime.clock import Clock, SystemClock
from lws.runtime.logs import get_logger, one_line
from lws.webhooks.certificates.issuing import LOCAL, Bundle, renewed

POLL_INTERVAL = 10.0  # seconds

_log = get_logger("controller-runtime.certwatcher")


class CertificateError(Exception):
    """There is no usable certificate; one line that names the files and the cause."""


class ServingCertificate:
    """A TLS server context whose certificate follows two files.

    ``context`` stays the same object for as long as the server lives. The certificate in use is a second
    context that each handshake is pointed to and that is replaced whole: ``load_cert_chain`` on a live
    context takes two steps (certificate, key) without a lock, and handshakes between them were seen to
    fail, and to corrupt memory. A pair that does not load, that changes while it is read, or that is not
    valid now while the one in use is, is left alone until the next look. ``on_read`` and ``on_error`` count
    changed files and failures. Intervals in seconds.
    """

    def __init__(
        self,
        certificate_path: Path,
        key_path: Path,
        *,
        minimum_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
        ciphers: str = "",
        interval: float = POLL_INTERVAL,
        clock: Clock | None = None,
        on_read: Callable[[], None] = lambda: None,
        on_error: Callable[[], None] = lambda: None,
    ) -> None:
        self._paths = certificate_path, key_path
        self._interval = interval
        self._clock = clock or SystemClock()
        self._on_read, self._on_error = on_read, on_error
        self._loaded: tuple[bytes, bytes] | None = None
        self._current = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.context = server_context(minimum_version, ciphers)
        self.context.sni_callback = self._choose

    @property
    def certificate(self) -> bytes:
        """What new connections are shown, DER. Raises CertificateError before the first load."""
        if self._loaded is None:
            raise CertificateError("no certificate loaded")
        return ssl.PEM_cert_to_DER_cert(_first(self._loaded[0].decode("ascii", "replace")))

    def expiration(self) -> float | None:
        """When what new connections are shown expires, in seconds since 1970; None before the first load."""
        if self._loaded is None:
            return None
        return x509.load_der_x509_certificate(self.certificate).not_valid_after_utc.timestamp()

    def reload(self) -> bool:
        """Look at the files now; whether another certificate is served. Raises CertificateError."""
        try:
            pair = self._read()
            if pair == self._loaded:
                return False
            self._on_read()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._paths, password="")  # an encrypted key must not prompt
            if self._read() != pair:
                raise CertificateError("the files changed while they were read")
            self._judge(pair)
        except (OSError, ValueError, CertificateError) as error:  # ssl.SSLError is an OSError
            self._on_error()
            raise CertificateError(f"cannot load {self._paths[0]} and {self._paths[1]}: {error}") from None
        self._current, self._loaded = context, pair
        return True

    def start(self) -> None:
        """Load, and keep following the files. Raises CertificateError when there is nothing to load."""
        self.reload()
        self._thread = threading.Thread(target=self._follow, name="certificate watcher", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """False when the thread has ended without having been told to."""
        return self._thread is None or self._thread.is_alive() or self._stop.is_set()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _follow(self) -> None:
        while not self._clock.sleep(self._interval, self._stop):
            try:
                if self.reload():
                    _log.info("Updated current TLS certificate")
            except Exception as error:  # noqa: BLE001 - a follower that ended would let it run out
                _log.error("Error re-reading certificate", error=one_line(error))

    def _judge(self, pair: tuple[bytes, bytes]) -> None:
        """Raises CertificateError for a pair worse than the one in use; one that must do is told of."""
        found, now = x509.load_pem_x509_certificate(pair[0]), self._clock.now()
        if _valid(found, now):
            return
        times = f"{found.not_valid_before_utc:%FT%TZ} to {found.not_valid_after_utc:%FT%TZ}"
        why = f"valid from {times}, and now is {now:%FT%TZ}; check this node's clock"
        if self._loaded is not None and _valid(x509.load_pem_x509_certificate(self._loaded[0]), now):
            raise CertificateError(why)
        _log.error("Serving a certificate that clients refuse", certificate=str(self._paths[0]), error=why)

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _front: ssl.SSLContext) -> None:
        connection.context = self._current

    def _read(self) -> tuple[bytes, bytes]:
        certificate, key = self._paths
        return certificate.read_bytes(), key.read_bytes()


def serving_check(
    host: str,
    port: int,
    serving: ServingCertificate,
    *,
    timeout: float = 10.0,
    announce: Callable[[int], object] = lambda _port: None,
) -> Callable[[], None]:
    """A readiness check: a handshake with ourselves must show the certificate now loaded, or it raises.

    Covers what a look at the thread cannot: the port accepts, the handshake ends, the key fits. ``timeout``:
    seconds, as controller-runtime's. ``announce`` is told the check's own port before its handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # equality with the very certificate is asked for below

    def check() -> None:
        with socket.create_connection((host, port), timeout) as plain:
            announce(plain.getsockname()[1])
            with context.wrap_socket(plain) as secure:
                if secure.getpeercert(binary_form=True) != serving.certificate:
                    raise CertificateError("the server shows another certificate than the one loaded")

    return check


def server_context(minimum_version: ssl.TLSVersion, ciphers: str) -> ssl.SSLContext:
    """A context without a certificate yet. ``ciphers``: an OpenSSL list; empty: the library's choice."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = minimum_version
    context.options |= ssl.OP_NO_RENEGOTIATION
    # No session tickets: resuming would show nobody the renewed certificate, and our clients keep
    # connections, not sessions.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    if ciphers:
        context.set_ciphers(ciphers)
    return context


def throwaway_context(minimum_version: ssl.TLSVersion, ciphers: str) -> ssl.SSLContext:
    """A context with a certificate for localhost that nobody trusts: encryption, but no identity."""
    bundle = renewed(Bundle(), LOCAL, datetime.now(UTC))
    context = server_context(minimum_version, ciphers)
    with _as_file(bundle.certificate + bundle.key) as path:
        context.load_cert_chain(path)
    return context


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path that leads to the content: in memory where the system can, since a pod may have no disk."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("certificate")
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            file.write(content)
            yield f"/proc/self/fd/{descriptor}"
    else:
        with tempfile.NamedTemporaryFile(buffering=0) as named:
            named.write(content)
            yield named.name


def _valid(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _first(pem: str) -> str:
    end = "-----END CERTIFICATE-----"
    return pem[pem.index("-----BEGIN CERTIFICATE-----") : pem.index(end) + len(end)] + "\n"
