"""The webhooks' certificate authority and serving certificate: making, judging, renewing, keeping.

Pure but for :class:`CertificateStore`, which keeps the four PEM files in a directory. What they look like is
``profile``'s, serving them ``serving``'s, writing them into a Secret or
a webhook configuration a controller's. The rules are operations.md, 2.2, with one deliberate
difference: a renewed authority is put before its predecessors in ``ca.crt`` instead of replacing them, so
that certificates of the old one stay trusted until they are gone.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from msgspec import Struct

from lws.webhooks.certificates.profile import (
    LOCAL,
    ServerNames,
    general_names,
    new_authority,
    new_server_certificate,
    service_names,
    to_pem,
)

E = TypeVar("E", bound=x509.ExtensionType)

__all__ = [
    "LOCAL",
    "Bundle",
    "CertificateStore",
    "ServerNames",
    "new_authority",
    "new_server_certificate",
    "readable",
    "renewed",
    "service_names",
    "valid",
]

RENEW_BEFORE = timedelta(days=90)

CA_CERTIFICATE, CA_KEY, CERTIFICATE, KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"


class Bundle(Struct, frozen=True):
    """Authority and server certificate with their keys, PEM; empty bytes for what does not exist.

    ``ca_certificate`` holds the present authority first, then its predecessors that are still trusted.
    """

    ca_certificate: bytes = b""
    ca_key: bytes = b""
    certificate: bytes = b""
    key: bytes = b""

    @classmethod
    def of_files(cls, files: dict[str, bytes]) -> Bundle:
        """From contents by file name (also the keys of the Secret); missing ones count as empty."""
        return cls(*(files.get(name, b"") for name in (CA_CERTIFICATE, CA_KEY, CERTIFICATE, KEY)))

    def files(self) -> dict[str, bytes]:
        """Contents by file name, in an order in which a reader in between sees a trusted certificate."""
        return {
            CA_CERTIFICATE: self.ca_certificate,
            CA_KEY: self.ca_key,
            KEY: self.key,
            CERTIFICATE: self.certificate,
        }


def renewed(bundle: Bundle, names: ServerNames, now: datetime) -> Bundle:
    """``bundle`` itself while it is good, now and in 90 days, else one with what had to be made anew.

    An authority that is missing, broken, near its end or not valid yet (the clock of whoever made it was
    ahead) takes the server certificate with it.
    """
    times = now, now + RENEW_BEFORE
    if not all(_authority_valid(bundle, at) for at in times):
        ca_certificate, ca_key = new_authority(now)
        trusted = b"".join([ca_certificate, *_still_trusted(bundle.ca_certificate, now)])
        certificate, key = new_server_certificate(ca_certificate, ca_key, names, now)
        return Bundle(trusted, ca_key, certificate, key)
    if not all(_server_valid(bundle, names, at) for at in times):
        certificate, key = new_server_certificate(bundle.ca_certificate, bundle.ca_key, names, now)
        return Bundle(bundle.ca_certificate, bundle.ca_key, certificate, key)
    return bundle


def readable(pem: bytes) -> bool:
    """Whether a certificate is in it."""
    return _certificate(pem) is not None


def valid(bundle: Bundle, names: ServerNames, at: datetime) -> bool:
    """Whether a client that trusts ``ca.crt`` and calls any of ``names`` accepts the server at that time."""
    return _authority_valid(bundle, at) and _server_valid(bundle, names, at)


class CertificateStore:
    """Keeps a :class:`Bundle` for ``names`` in ``directory``, made and renewed as needed.

    Files are written whole (a reader sees the old or the new one) and readable by their owner only.
    """

    def __init__(self, directory: Path, names: ServerNames) -> None:
        self.directory = directory
        self.names = names
        self.certificate_path = directory / CERTIFICATE
        self.key_path = directory / KEY

    @property
    def ca_bundle(self) -> bytes:
        """What a client must trust, PEM: for ``caBundle`` in the webhook configurations."""
        return (self.directory / CA_CERTIFICATE).read_bytes()

    def load(self) -> Bundle:
        """What the directory holds; missing files count as empty."""
        paths = {name: self.directory / name for name in (CA_CERTIFICATE, CA_KEY, CERTIFICATE, KEY)}
        return Bundle.of_files({name: path.read_bytes() for name, path in paths.items() if path.exists()})

    def save(self, bundle: Bundle) -> None:
        """Write the files that differ."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        present = self.load().files()
        for name, content in bundle.files().items():
            if content != present[name]:
                _write(self.directory / name, content)

    def renew(self, now: datetime | None = None) -> bool:
        """Make or renew what has less than 90 days left; whether anything changed."""
        bundle = self.load()
        fresh = renewed(bundle, self.names, now or datetime.now(UTC))
        if fresh is not bundle:
            self.save(fresh)
        return fresh is not bundle


def _write(path: Path, content: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _authority_valid(bundle: Bundle, at: datetime) -> bool:
    authority = _certificate(bundle.ca_certificate)
    if authority is None or not _covers(authority, at) or not _matches(authority, bundle.ca_key):
        return False
    constraints = _extension(authority, x509.BasicConstraints)
    return constraints is not None and constraints.ca and _issued_by(authority, authority)


def _server_valid(bundle: Bundle, names: ServerNames, at: datetime) -> bool:
    authority, server = _certificate(bundle.ca_certificate), _certificate(bundle.certificate)
    if authority is None or server is None:
        return False
    alternatives = _extension(server, x509.SubjectAlternativeName)
    usage = _extension(server, x509.ExtendedKeyUsage)
    return (
        _covers(server, at)
        and _matches(server, bundle.key)
        and _issued_by(server, authority)
        and usage is not None
        and ExtendedKeyUsageOID.SERVER_AUTH in usage
        and alternatives is not None
        and set(general_names(names)) <= set(alternatives)
    )


def _still_trusted(pem: bytes, now: datetime) -> Iterable[bytes]:
    """The authorities of an old ``ca.crt`` that have not expired, each as PEM.

    Those from the future, too: by the clock of an API server they may be valid, and be served still.
    """
    try:
        authorities = x509.load_pem_x509_certificates(pem)
    except ValueError:
        return []
    return [to_pem(authority) for authority in authorities if now <= authority.not_valid_after_utc]


def _certificate(pem: bytes) -> x509.Certificate | None:
    """The first certificate, or None when there is none that decodes."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        return None


def _covers(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _matches(certificate: x509.Certificate, key_pem: bytes) -> bool:
    public = _public_of(key_pem)
    return public is not None and public == certificate.public_key()


# Of the authority's key and the server's, before and after a renewal: to check one for soundness takes 40 ms.
@lru_cache(maxsize=4)
def _public_of(key_pem: bytes) -> rsa.RSAPublicKey | None:
    """The public half, or None when this is no private RSA key."""
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError):
        return None
    return key.public_key() if isinstance(key, rsa.RSAPrivateKey) else None


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _extension(certificate: x509.Certificate, type_: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(type_).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return None
