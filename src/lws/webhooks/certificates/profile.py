"""What the certificates of the webhooks are: the profile of operations.md, 2.2.

Two deliberate differences: serial numbers are random (RFC 5280 4.1.2.2 wants positive and unique ones),
and key identifiers are there (RFC 5280 4.2.1.1; strict verifiers ask for them). When to make certificates,
and where to keep them, may not live here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

CA_NAME = "lws-ca"
ORGANIZATION = "lws"
CA_LIFETIME = timedelta(days=10 * 365)
SERVER_LIFETIME = timedelta(days=365)
BACKDATE = timedelta(hours=1)  # clocks of others may be behind


class ServerNames(Struct, frozen=True):
    """What clients call the server: DNS names and IP addresses. The first DNS name is the common name."""

    dns: tuple[str, ...]
    ips: tuple[str, ...] = ()


LOCAL = ServerNames(("localhost",), ("127.0.0.1",))


def service_names(service: str, namespace: str) -> ServerNames:
    """The one name by which the API server calls a webhook behind a Service."""
    return ServerNames((f"{service}.{namespace}.svc",))


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
    return to_pem(builder.sign(key, hashes.SHA256())), _key_pem(key)


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
        .add_extension(x509.SubjectAlternativeName(general_names(names)), critical=False)
    )
    return to_pem(builder.sign(issuer_key, hashes.SHA256())), _key_pem(key)


def general_names(names: ServerNames) -> list[x509.GeneralName]:
    """The subject alternative names that cover ``names``."""
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


def to_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: rsa.RSAPrivateKey) -> bytes:
    """PKCS#1, as the upstream rotator writes it: either controller can take over from the other."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
