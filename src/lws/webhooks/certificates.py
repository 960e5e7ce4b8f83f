"""The webhooks' certificate authority and serving certificate: making, judging, renewing, keeping.

Pure but for :class:`CertificateStore`, which keeps the four PEM files in a directory. Serving them is
``lws.webhooks.serving``'s; writing them into a Secret or a webhook configuration is a controller's. The
profile is specification operations.md 2.2, with two deliberate differences: serial numbers are random
(RFC 5280 4.1.2.2 wants positive and unique ones), and a renewed authority is put before its predecessors
in ``ca.crt`` instead of replacing them, so that certificates of the old one stay trusted until they are gone.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

E = TypeVar("E", bound=x509.ExtensionType)

CA_NAME = "lws-ca"
ORGANIZATION = "lws"
CA_LIFETIME = timedelta(days=10 * 365)
SERVER_LIFETIME = timedelta(days=365)
BACKDATE = timedelta(hours=1)  # clocks of others may be behind
RENEW_BEFORE = timedelta(days=90)

CA_CERTIFICATE, CA_KEY, CERTIFICATE, KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"


class ServerNames(Struct, frozen=True):
    """What clients call the server: DNS names and IP addresses. The first DNS name is the common name."""

    dns: tuple[str, ...]
    ips: tuple[str, ...] = ()


LOCAL = ServerNames(("localhost",), ("127.0.0.1",))


def service_names(service: str, namespace: str) -> ServerNames:
    """The one name by which the API server calls a webhook behind a Service."""
    return ServerNames((f"{service}.{namespace}.svc",))


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
    """``bundle`` itself while it is good for another 90 days, else one with what had to be made anew.

    An authority that is missing, broken or near its end takes the server certificate with it.
    """
    at = now + RENEW_BEFORE
    if not _authority_valid(bundle, at):
        ca_certificate, ca_key = new_authority(now)
        trusted = b"".join([ca_certificate, *_still_trusted(bundle.ca_certificate, now)])
        certificate, key = new_server_certificate(ca_certificate, ca_key, names, now)
        return Bundle(trusted, ca_key, certificate, key)
    if not _server_valid(bundle, names, at):
        certificate, key = new_server_certificate(bundle.ca_certificate, bundle.ca_key, names, now)
        return Bundle(bundle.ca_certificate, bundle.ca_key, certificate, key)
    return bundle


def valid(bundle: Bundle, names: ServerNames, at: datetime) -> bool:
    """Whether a client that trusts ``ca.crt`` and calls any of ``names`` accepts the server at that time."""
    return _authority_valid(bundle, at) and _server_valid(bundle, names, at)


def new_authority(now: datetime) -> tuple[bytes, bytes]:
    """A self-signed authority: certificate and key, PEM."""
    key = _new_key()
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, CA_NAME),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
        ]
    )
    builder = (
        _builder(subject, subject, key.public_key(), now, CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(CA_NAME)]), critical=False)
    )
    return _pem(builder.sign(key, hashes.SHA256())), _key_pem(key)


def new_server_certificate(
    ca_certificate: bytes, ca_key: bytes, names: ServerNames, now: datetime
) -> tuple[bytes, bytes]:
    """A server certificate of the (first) authority: certificate and key, PEM."""
    issuer = x509.load_pem_x509_certificate(ca_certificate)
    issuer_key = serialization.load_pem_private_key(ca_key, password=None)
    assert isinstance(issuer_key, rsa.RSAPrivateKey)  # _authority_valid let nothing else through
    key = _new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names.dns[0])])
    builder = (
        _builder(subject, issuer.subject, key.public_key(), now, SERVER_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
    )
    return _pem(builder.sign(issuer_key, hashes.SHA256())), _key_pem(key)


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
        and set(_general_names(names)) <= set(alternatives)
    )


def _still_trusted(pem: bytes, now: datetime) -> Iterable[bytes]:
    """The authorities of an old ``ca.crt`` that have not expired, each as PEM."""
    try:
        authorities = x509.load_pem_x509_certificates(pem)
    except ValueError:
        return []
    return [_pem(authority) for authority in authorities if _covers(authority, now)]


def _certificate(pem: bytes) -> x509.Certificate | None:
    """The first certificate, or None when there is none that decodes."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        return None


def _covers(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _matches(certificate: x509.Certificate, key_pem: bytes) -> bool:
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError):
        return False
    return isinstance(key, rsa.RSAPrivateKey) and key.public_key() == certificate.public_key()


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


def _general_names(names: ServerNames) -> list[x509.GeneralName]:
    return [*map(x509.DNSName, names.dns), *(x509.IPAddress(ip_address(ip)) for ip in names.ips)]


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        key_cert_sign=signs_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: rsa.RSAPrivateKey) -> bytes:
    """PKCS#1, as the upstream rotator writes it: either controller can take over from the other."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
