"""The cluster's certificates and kubeconfigs."""

from __future__ import annotations

import base64
import ipaddress
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import NameOID

from hack.controlplane import certs
from hack.controlplane.layout import CLIENTS, Settings, kubeconfig
from hack.controlplane.ports import numbered


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cluster")
    certs.write_all(Settings(directory=str(path), ports=numbered(20000)))
    return path


def authority(directory: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((directory / "pki" / "ca.crt").read_bytes())


def client(directory: Path, name: str) -> tuple[dict[str, Any], x509.Certificate]:
    document = yaml.safe_load(kubeconfig(directory, name).read_text())
    data = document["users"][0]["user"]["client-certificate-data"]
    return document, x509.load_pem_x509_certificate(base64.b64decode(data))


@pytest.mark.parametrize(
    ("name", "user", "groups"),
    [
        ("", "kubernetes-admin", ["system:masters"]),
        ("kube-controller-manager", "system:kube-controller-manager", []),
        ("kube-scheduler", "system:kube-scheduler", []),
        ("hollow-kubelet", "hollow-kubelet", ["system:masters"]),
    ],
)
def test_each_client_has_its_own_identity(directory: Path, name: str, user: str, groups: list[str]) -> None:
    document, certificate = client(directory, name)
    certificate.verify_directly_issued_by(authority(directory))
    subject = certificate.subject
    assert [entry.value for entry in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [user]
    assert [entry.value for entry in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == groups
    assert document["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:20000"


def test_the_serving_certificate_names_the_loopback_address(directory: Path) -> None:
    certificate = x509.load_pem_x509_certificate((directory / "pki" / "serving.crt").read_bytes())
    certificate.verify_directly_issued_by(authority(directory))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ipaddress.ip_address("127.0.0.1") in names.get_values_for_type(x509.IPAddress)
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)


def test_secrets_are_for_their_owner_alone(directory: Path) -> None:
    secrets = [*(directory / "pki").glob("*.key"), *(kubeconfig(directory, name) for name in ("", *CLIENTS))]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
