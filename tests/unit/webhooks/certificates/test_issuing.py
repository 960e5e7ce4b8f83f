"""The profile of the certificates, when they are renewed, and how they are kept."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lws.webhooks.certificates import issuing as certificates
from lws.webhooks.certificates.issuing import (
    LOCAL,
    Bundle,
    CertificateStore,
    ServerNames,
    new_authority,
    new_server_certificate,
    renewed,
    service_names,
    valid,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
NAMES = service_names("lws-webhook-service", "lws-system")
NAME = "lws-webhook-service.lws-system.svc"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return renewed(Bundle(), NAMES, NOW)


def load(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def common_name(name: x509.Name) -> str:
    return str(name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def extension(certificate: x509.Certificate, type_: type[x509.ExtensionType]) -> x509.Extension:
    return certificate.extensions.get_extension_for_class(type_)


def test_profile_of_the_authority(bundle: Bundle) -> None:
    ca = load(bundle.ca_certificate)
    assert common_name(ca.subject) == "lws-ca"
    assert ca.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "lws"
    assert ca.issuer == ca.subject
    assert ca.not_valid_before_utc == NOW - timedelta(hours=1)
    assert ca.not_valid_after_utc == NOW + timedelta(days=3650)
    assert extension(ca, x509.BasicConstraints).value == x509.BasicConstraints(ca=True, path_length=None)
    assert extension(ca, x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == ["lws-ca"]
    usage = extension(ca, x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True, True, True)
    assert usage.crl_sign is False


def test_profile_of_the_server_certificate(bundle: Bundle) -> None:
    server = load(bundle.certificate)
    assert common_name(server.subject) == NAME
    assert common_name(server.issuer) == "lws-ca"
    assert server.not_valid_before_utc == NOW - timedelta(hours=1)
    assert server.not_valid_after_utc == NOW + timedelta(days=365)
    names = extension(server, x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName(NAME)]
    assert list(extension(server, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    usage = extension(server, x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True, True, False)
    assert server.serial_number != load(bundle.ca_certificate).serial_number


@pytest.mark.parametrize("which", ["ca_key", "key"])
def test_keys_are_rsa_2048_in_pkcs1(bundle: Bundle, which: str) -> None:
    pem: bytes = getattr(bundle, which)
    assert pem.startswith(b"-----BEGIN RSA PRIVATE KEY-----\n")
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048


def test_local_names_cover_the_loopback_address() -> None:
    ca_certificate, ca_key = new_authority(NOW)
    certificate, _ = new_server_certificate(ca_certificate, ca_key, LOCAL, NOW)
    names = extension(load(certificate), x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command here")
def test_openssl_accepts_the_chain(bundle: Bundle, tmp_path: Path) -> None:
    for name, content in bundle.files().items():
        (tmp_path / name).write_bytes(content)
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", NAME]
    moment = str(int(NOW.timestamp()))
    done = subprocess.run(
        [*command, "-attime", moment, "-CAfile", "ca.crt", "tls.crt"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def other_pair(bundle: Bundle) -> bytes:
    return renewed(Bundle(), NAMES, NOW).key


def ec_key(_bundle: Bundle) -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def changed(bundle: Bundle, **members: bytes) -> Bundle:
    old = {name: getattr(bundle, name) for name in ("ca_certificate", "ca_key", "certificate", "key")}
    return Bundle(**{**old, **members})


DAYS = timedelta(days=1)
CA, SERVER = "both", "server"


@pytest.mark.parametrize(
    ("damage", "names", "now", "made"),
    [
        pytest.param({}, NAMES, NOW, "", id="good"),
        pytest.param({}, NAMES, NOW + 275 * DAYS, "", id="91 days left"),
        pytest.param({}, NAMES, NOW + 276 * DAYS, SERVER, id="89 days left"),
        pytest.param({}, NAMES, NOW + 400 * DAYS, SERVER, id="expired"),
        pytest.param({}, NAMES, NOW + (3650 - 89) * DAYS, CA, id="authority ends"),
        pytest.param({}, NAMES, NOW - 200 * DAYS, CA, id="not valid yet"),
        pytest.param({}, service_names("other", "lws-system"), NOW, SERVER, id="another name"),
        pytest.param({}, ServerNames((NAME,), ("127.0.0.1",)), NOW, SERVER, id="one name more"),
        pytest.param({"ca_certificate": b""}, NAMES, NOW, CA, id="no authority"),
        pytest.param({"ca_certificate": b"x"}, NAMES, NOW, CA, id="authority is no PEM"),
        pytest.param({"ca_key": b""}, NAMES, NOW, CA, id="no authority key"),
        pytest.param({"ca_key": other_pair}, NAMES, NOW, CA, id="another authority key"),
        pytest.param({"ca_key": ec_key}, NAMES, NOW, CA, id="authority key of another kind"),
        pytest.param({"certificate": b""}, NAMES, NOW, SERVER, id="no certificate"),
        pytest.param({"certificate": b"x"}, NAMES, NOW, SERVER, id="certificate is no PEM"),
        pytest.param({"key": b""}, NAMES, NOW, SERVER, id="no key"),
        pytest.param({"key": b"x"}, NAMES, NOW, SERVER, id="key is no PEM"),
        pytest.param({"key": other_pair}, NAMES, NOW, SERVER, id="another key"),
        pytest.param(
            {"certificate": lambda b: b.ca_certificate, "key": lambda b: b.ca_key},
            NAMES,
            NOW,
            SERVER,
            id="the authority serves itself",
        ),
    ],
)
def test_renewal(
    bundle: Bundle,
    damage: dict[str, bytes | Callable[[Bundle], bytes]],
    names: ServerNames,
    now: datetime,
    made: str,
) -> None:
    members = {name: what(bundle) if callable(what) else what for name, what in damage.items()}
    before = changed(bundle, **members)
    after = renewed(before, names, now)
    assert valid(before, names, now + 90 * DAYS) == (made == "")
    if not made:
        assert after is before
        return
    assert valid(after, names, now + 90 * DAYS)
    assert (after.ca_key != before.ca_key) == (made == CA)
    assert after.certificate != before.certificate
    assert renewed(after, names, now) is after


@pytest.mark.parametrize("days", [1 / 12, 3, 80], ids=["two hours", "three days", "most of the 90 days"])
def test_what_a_clock_that_was_ahead_has_made_is_made_anew(bundle: Bundle, days: float) -> None:
    """The bundle was made at NOW by a clock that was ahead; this is the right time."""
    right = NOW - days * DAYS
    after = renewed(bundle, NAMES, right)
    assert valid(after, NAMES, right)
    assert renewed(after, NAMES, right) is after
    assert renewed(after, NAMES, NOW) is after  # whoever's clock is ahead still agrees
    trusted = [a.serial_number for a in x509.load_pem_x509_certificates(after.ca_certificate)]
    assert trusted[1:] == [load(bundle.ca_certificate).serial_number]  # served until the change is everywhere


def test_a_server_certificate_from_the_future_is_made_anew_alone(bundle: Bundle) -> None:
    pair = new_server_certificate(bundle.ca_certificate, bundle.ca_key, NAMES, NOW + 3 * DAYS)
    after = renewed(Bundle(bundle.ca_certificate, bundle.ca_key, *pair), NAMES, NOW)
    assert after.ca_certificate == bundle.ca_certificate
    assert valid(after, NAMES, NOW)


def test_a_certificate_of_another_authority_is_replaced(bundle: Bundle) -> None:
    stranger = renewed(Bundle(), NAMES, NOW)
    mixed = changed(bundle, certificate=stranger.certificate, key=stranger.key)
    after = renewed(mixed, NAMES, NOW)
    assert after.ca_certificate == bundle.ca_certificate
    assert valid(after, NAMES, NOW)


def test_an_authority_without_the_right_to_sign_is_replaced(bundle: Bundle) -> None:
    wrong = changed(bundle, ca_certificate=bundle.certificate, ca_key=bundle.key)
    after = renewed(wrong, NAMES, NOW)
    assert after.ca_key not in (bundle.ca_key, bundle.key)


def test_the_old_authority_stays_trusted_until_it_ends(bundle: Bundle) -> None:
    later = NOW + (3650 - 60) * DAYS
    after = renewed(bundle, NAMES, later)
    authorities = x509.load_pem_x509_certificates(after.ca_certificate)
    assert [a.serial_number for a in authorities[1:]] == [load(bundle.ca_certificate).serial_number]
    assert load(after.certificate).issuer == authorities[0].subject
    last = renewed(after, NAMES, later + (3650 - 60) * DAYS)
    assert len(x509.load_pem_x509_certificates(last.ca_certificate)) == 2  # the first has ended


def test_clients_of_the_old_and_of_the_new_certificate_both_verify(bundle: Bundle) -> None:
    """While replicas change over, both certificates are presented, and one caBundle must do for both."""
    after = renewed(changed(bundle, ca_key=b""), NAMES, NOW)
    authorities = x509.load_pem_x509_certificates(after.ca_certificate)
    load(after.certificate).verify_directly_issued_by(authorities[0])
    load(bundle.certificate).verify_directly_issued_by(authorities[1])


def test_files_and_bundle_are_two_forms_of_the_same(bundle: Bundle) -> None:
    assert list(bundle.files()) == ["ca.crt", "ca.key", "tls.key", "tls.crt"]
    assert Bundle.of_files(bundle.files()) == bundle
    assert Bundle.of_files({}) == Bundle()


@pytest.fixture
def store(tmp_path: Path, bundle: Bundle) -> CertificateStore:
    store = CertificateStore(tmp_path / "deep" / "certs", NAMES)
    store.save(bundle)
    return store


def test_the_store_gives_back_what_it_got(store: CertificateStore, bundle: Bundle) -> None:
    assert store.load() == bundle
    assert store.ca_bundle == bundle.ca_certificate


def test_only_the_owner_can_read(store: CertificateStore) -> None:
    files = list(store.directory.iterdir())
    assert sorted(file.name for file in files) == ["ca.crt", "ca.key", "tls.crt", "tls.key"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert store.directory.stat().st_mode & 0o777 == 0o700


def test_the_store_renews_when_needed(store: CertificateStore) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in store.directory.iterdir()}
    assert store.renew(NOW) is False
    assert {file.name: file.stat().st_mtime_ns for file in store.directory.iterdir()} == before
    authority = store.ca_bundle
    assert store.renew(NOW + 300 * DAYS) is True
    assert store.ca_bundle == authority
    assert store.renew(NOW + 300 * DAYS) is False


def test_an_empty_directory_is_filled(tmp_path: Path) -> None:
    store = CertificateStore(tmp_path, LOCAL)
    assert store.load() == Bundle()
    assert store.renew() is True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(store.certificate_path, store.key_path)
    assert valid(store.load(), LOCAL, datetime.now(UTC))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    store: CertificateStore, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_from: str, _to: Path) -> None:
        raise OSError("disk is gone")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk is gone"):
        store.save(changed(bundle, ca_certificate=b"new"))
    assert store.load() == bundle
    assert len(list(store.directory.iterdir())) == 4


def test_a_crash_between_two_writes_is_repaired(
    store: CertificateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    write = certificates._write

    def die_after_two(path: Path, content: bytes) -> None:
        if len(written) == 1:
            raise KeyboardInterrupt
        written.append(path)
        write(path, content)

    monkeypatch.setattr(certificates, "_write", die_after_two)
    with pytest.raises(KeyboardInterrupt):
        store.renew(NOW + 300 * DAYS)
    monkeypatch.undo()
    assert not valid(store.load(), NAMES, NOW + 300 * DAYS)
    assert store.renew(NOW + 300 * DAYS) is True
    assert valid(store.load(), NAMES, NOW + 300 * DAYS)
