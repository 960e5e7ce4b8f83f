"""Keys, certificates and kubeconfigs of one cluster, all below its directory.

One authority signs a serving certificate for the loopback address, which every component presents, and one
client certificate for each identity. Elliptic curve keys: making them takes milliseconds.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hack.controlplane.layout import CONTROLLER_MANAGER, KUBELET, SCHEDULER, Settings, kubeconfig

SERVICE_ADDRESS = "10.0.0.1"  # the first address of the service range: the Service `kubernetes`
ADMIN = ""
# Client name -> (user, groups). The hollow kubelet acts for many nodes at once, which no node identity may.
IDENTITIES = {
    ADMIN: ("kubernetes-admin", ("system:masters",)),
    CONTROLLER_MANAGER: ("system:kube-controller-manager", ()),
    SCHEDULER: ("system:kube-scheduler", ()),
    KUBELET: ("hollow-kubelet", ("system:masters",)),
}


class Pair(NamedTuple):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return _key_pem(self.key)


def write_all(settings: Settings) -> None:
    """Write ``pki/`` and the kubeconfigs of everyone who talks to the API server."""
    pki = settings.path / "pki"
    pki.mkdir(mode=0o700)
    authority = make_authority()
    _write_pair(pki / "ca", authority)
    _write_pair(pki / "serving", make_serving(authority))
    accounts = ec.generate_private_key(ec.SECP256R1())
    _write_secret(pki / "service-account.key", _key_pem(accounts))
    (pki / "service-account.pub").write_bytes(_public_pem(accounts.public_key()))
    for client, (user, groups) in IDENTITIES.items():
        pair = make_client(authority, user, groups)
        if client == ADMIN:
            _write_pair(pki / "admin", pair)
        document = kubeconfig_document(settings.server, authority, pair)
        _write_secret(kubeconfig(settings.path, client), yaml.safe_dump(document, sort_keys=False).encode())


def make_authority() -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("lws-local-cluster")
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    builder = _builder(name, name, key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    return Pair(builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()), key)


def make_serving(authority: Pair) -> Pair:
    names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    addresses = [ipaddress.ip_address(text) for text in ("127.0.0.1", SERVICE_ADDRESS)]
    alternatives = [*map(x509.DNSName, names), *map(x509.IPAddress, addresses)]
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _leaf(authority, _name("localhost"), key, ExtendedKeyUsageOID.SERVER_AUTH)
    builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def make_client(authority: Pair, user: str, groups: Iterable[str]) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _leaf(authority, _name(user, groups), key, ExtendedKeyUsageOID.CLIENT_AUTH)
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def kubeconfig_document(server: str, authority: Pair, client: Pair) -> dict[str, object]:
    cluster = {"server": server, "certificate-authority-data": _base64(authority.certificate_pem)}
    user = {
        "client-certificate-data": _base64(client.certificate_pem),
        "client-key-data": _base64(client.key_pem),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": cluster}],
        "users": [{"name": "client", "user": user}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "client"}}],
        "current-context": "local",
    }


def _leaf(
    authority: Pair, name: x509.Name, key: ec.EllipticCurvePrivateKey, usage: x509.ObjectIdentifier
) -> x509.CertificateBuilder:
    builder = _builder(name, authority.certificate.subject, key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = builder.add_extension(issuer, critical=False)
    return builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365))
    )


def _name(user: str, groups: Iterable[str] = ()) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _write_pair(stem: Path, pair: Pair) -> None:
    stem.with_suffix(".crt").write_bytes(pair.certificate_pem)
    _write_secret(stem.with_suffix(".key"), pair.key_pem)


def _write_secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public_pem(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
