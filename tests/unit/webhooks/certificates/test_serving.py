"""The certificate that is served follows its files, and no handshake fails while it changes."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from support.loglines import capture_logs
from support.waiting import until

from lws.runtime.clock import FakeClock
from lws.runtime.serving import HttpServer
from lws.webhooks.certificates.issuing import LOCAL, Bundle, CertificateStore, new_server_certificate, renewed
from lws.webhooks.certificates.serving import (
    CertificateError,
    ServingCertificate,
    serving_check,
    throwaway_context,
)
from lws.webhooks.server import WebhookApp


@pytest.fixture(scope="module")
def bundles() -> list[Bundle]:
    """Three server certificates of one authority."""
    now = datetime.now(UTC)
    first = renewed(Bundle(), LOCAL, now)
    pairs = [new_server_certificate(first.ca_certificate, first.ca_key, LOCAL, now) for _ in range(2)]
    return [first, *(Bundle(first.ca_certificate, first.ca_key, *pair) for pair in pairs)]


@pytest.fixture
def store(tmp_path: Path, bundles: list[Bundle]) -> CertificateStore:
    store = CertificateStore(tmp_path, LOCAL)
    store.save(bundles[0])
    return store


def serving_of(store: CertificateStore, **options: Any) -> ServingCertificate:
    return ServingCertificate(store.certificate_path, store.key_path, **options)


def der(bundle: Bundle) -> bytes:
    return ssl.PEM_cert_to_DER_cert(bundle.certificate.decode())


@pytest.fixture
def server(store: CertificateStore) -> Iterator[tuple[HttpServer, ServingCertificate]]:
    serving = serving_of(store)
    serving.start()
    server = HttpServer(
        WebhookApp({}),
        host="127.0.0.1",
        port=0,
        ssl_context=serving.context,
        threads=2,
        name="webhook server",
    )
    server.start()
    yield server, serving
    server.stop()
    serving.stop()


def presented(
    port: int, trusted: bytes, *, name: str = "127.0.0.1", version: str = "TLSv1_3"
) -> bytes | None:
    """The certificate a verifying client sees. IP addresses are sent no SNI, as Go's clients do."""
    context = ssl.create_default_context(cadata=trusted.decode())
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        context.wrap_socket(plain, server_hostname=name) as secure,
    ):
        return secure.getpeercert(binary_form=True)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_loaded_certificate_is_served(
    server: tuple[HttpServer, ServingCertificate], bundles: list[Bundle], name: str, version: str
) -> None:
    assert presented(server[0].port, bundles[0].ca_certificate, name=name, version=version) == der(bundles[0])


def test_a_new_certificate_is_served_after_a_reload(
    server: tuple[HttpServer, ServingCertificate], store: CertificateStore, bundles: list[Bundle]
) -> None:
    http, serving = server
    assert serving.reload() is False
    store.save(bundles[1])
    assert presented(http.port, store.ca_bundle) == der(bundles[0])
    assert serving.reload() is True
    assert presented(http.port, store.ca_bundle) == der(bundles[1]) == serving.certificate
    expires = x509.load_pem_x509_certificate(bundles[1].certificate).not_valid_after_utc
    assert serving.expiration() == expires.timestamp()


def test_no_handshake_fails_while_certificates_change(
    server: tuple[HttpServer, ServingCertificate], store: CertificateStore, bundles: list[Bundle]
) -> None:
    http, serving = server
    seen: set[bytes | None] = set()
    failures: list[Exception] = []
    over = threading.Event()

    def shake() -> None:
        while not over.is_set():
            try:
                seen.add(presented(http.port, bundles[0].ca_certificate))
            except OSError as error:
                failures.append(error)

    clients = [threading.Thread(target=shake) for _ in range(2)]
    for client in clients:
        client.start()
    for turn in range(60):
        store.save(bundles[turn % 3])
        serving.reload()
    over.set()
    for client in clients:
        client.join()
    assert failures == []
    assert len(seen) > 1


def test_the_versions_and_ciphers_asked_for_are_those_offered(store: CertificateStore) -> None:
    assert serving_of(store).context.minimum_version is ssl.TLSVersion.TLSv1_2
    only_13 = serving_of(store, minimum_version=ssl.TLSVersion.TLSv1_3)
    assert only_13.context.minimum_version is ssl.TLSVersion.TLSv1_3
    one = serving_of(store, ciphers="ECDHE-RSA-AES128-GCM-SHA256")
    names = {cipher["name"] for cipher in one.context.get_ciphers()}
    assert "ECDHE-RSA-AES128-GCM-SHA256" in names
    assert "ECDHE-RSA-AES256-GCM-SHA384" not in names


@pytest.mark.parametrize("damage", ["missing", "no PEM", "other key"])
def test_a_pair_that_does_not_load_changes_nothing(
    server: tuple[HttpServer, ServingCertificate], store: CertificateStore, bundles: list[Bundle], damage: str
) -> None:
    http, serving = server
    match damage:
        case "missing":
            store.key_path.unlink()
        case "no PEM":
            store.certificate_path.write_text("x")
        case "other key":
            store.key_path.write_bytes(bundles[1].key)
    with pytest.raises(CertificateError, match=r"cannot load .*tls.crt and .*tls.key: ") as caught:
        serving.reload()
    assert "\n" not in str(caught.value)
    assert presented(http.port, bundles[0].ca_certificate) == der(bundles[0])
    store.save(bundles[1])
    assert serving.reload() is True


def test_files_that_change_while_they_are_read_are_left_for_the_next_look(
    store: CertificateStore, bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = serving_of(store)
    load = ssl.SSLContext.load_cert_chain

    def load_and_change(context: ssl.SSLContext, *args: Any, **kwargs: Any) -> None:
        load(context, *args, **kwargs)
        store.save(bundles[1])

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load_and_change)
    with pytest.raises(CertificateError, match="changed while they were read"):
        serving.reload()
    assert serving.reload() is True
    assert serving.certificate == der(bundles[1])


WRONG_TIMES = [
    pytest.param(timedelta(days=3), id="not valid yet"),
    pytest.param(timedelta(days=-400), id="expired"),
]


def issued(bundle: Bundle, shift: timedelta) -> Bundle:
    """A certificate of the same authority, made by a clock that was off by ``shift``."""
    made = datetime.now(UTC) + shift
    pair = new_server_certificate(bundle.ca_certificate, bundle.ca_key, LOCAL, made)
    return Bundle(bundle.ca_certificate, bundle.ca_key, *pair)


@pytest.mark.parametrize("shift", WRONG_TIMES)
def test_one_that_is_not_valid_now_does_not_replace_one_that_is(
    store: CertificateStore, bundles: list[Bundle], shift: timedelta
) -> None:
    serving = serving_of(store)
    serving.reload()
    store.save(issued(bundles[0], shift))
    with pytest.raises(CertificateError, match=r"tls.key: valid from 20.*, and now is 20.*clock"):
        serving.reload()
    assert serving.certificate == der(bundles[0])
    store.save(bundles[1])
    assert serving.reload()
    assert serving.certificate == der(bundles[1])


@pytest.mark.parametrize("shift", WRONG_TIMES)
def test_one_that_is_not_valid_now_is_better_than_none(
    store: CertificateStore, bundles: list[Bundle], shift: timedelta
) -> None:
    future = issued(bundles[0], shift)
    store.save(future)
    serving = serving_of(store)
    with capture_logs() as log:
        serving.reload()
    assert serving.certificate == der(future)
    (line,) = [line for line in log if line["log_level"] == "error"]
    assert (line["certificate"], "valid from" in line["error"]) == (str(store.certificate_path), True)


def test_starting_without_a_certificate_is_an_error(tmp_path: Path) -> None:
    serving = ServingCertificate(tmp_path / "tls.crt", tmp_path / "tls.key")
    with pytest.raises(CertificateError, match="No such file"):
        serving.start()
    with pytest.raises(CertificateError, match="no certificate loaded"):
        _ = serving.certificate
    assert serving.expiration() is None
    serving.stop()


def test_the_files_are_followed(store: CertificateStore, bundles: list[Bundle]) -> None:
    clock = FakeClock()
    reads, errors = threading.Semaphore(0), threading.Semaphore(0)
    serving = serving_of(store, clock=clock, on_read=reads.release, on_error=errors.release)
    serving.start()
    assert reads.acquire(timeout=10)
    try:
        assert clock.await_waiters(1)
        store.certificate_path.write_text("x")
        clock.advance(10)
        assert reads.acquire(timeout=10)
        assert errors.acquire(timeout=10)
        assert clock.await_waiters(1)
        store.save(bundles[1])
        clock.advance(10)
        assert reads.acquire(timeout=10)
        assert clock.await_waiters(1)
        assert serving.certificate == der(bundles[1])
        clock.advance(10)
        assert clock.await_waiters(1)
        assert not reads.acquire(blocking=False)  # unchanged: not loaded again
        assert not errors.acquire(blocking=False)
    finally:
        serving.stop()


def test_the_check_passes_when_the_loaded_certificate_is_served(
    server: tuple[HttpServer, ServingCertificate],
) -> None:
    serving_check("127.0.0.1", server[0].port, server[1])()


def test_the_check_does_not_queue_behind_strangers(
    server: tuple[HttpServer, ServingCertificate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under siege the newest strangers are served first, and there is always a newer one."""
    http, serving = server
    monkeypatch.setattr(http._loop, "_shake_one", lambda: None)
    with pytest.raises(TimeoutError):
        serving_check("127.0.0.1", http.port, serving, timeout=0.2)()
    serving_check("127.0.0.1", http.port, serving, announce=http.let_pass)()


def test_the_check_fails_when_another_certificate_is_served(
    server: tuple[HttpServer, ServingCertificate], bundles: list[Bundle], tmp_path: Path
) -> None:
    other = CertificateStore(tmp_path / "other", LOCAL)
    other.save(bundles[1])
    serving = serving_of(other)
    serving.reload()
    with pytest.raises(CertificateError, match="another certificate"):
        serving_check("127.0.0.1", server[0].port, serving)()


def test_the_check_fails_when_nothing_listens(server: tuple[HttpServer, ServingCertificate]) -> None:
    http, serving = server
    http.stop()
    with pytest.raises(ConnectionRefusedError):
        serving_check("127.0.0.1", http.port, serving)()


def test_the_check_fails_when_the_handshake_hangs(store: CertificateStore) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        check = serving_check("127.0.0.1", silent.getsockname()[1], serving_of(store), timeout=0.1)
        with pytest.raises(TimeoutError):
            check()


def test_an_encrypted_key_is_an_error_and_does_not_ask_for_a_password(
    store: CertificateStore, bundles: list[Bundle]
) -> None:
    key = serialization.load_pem_private_key(bundles[0].key, password=None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(b"secret"),
    )
    store.key_path.write_bytes(encrypted)
    with pytest.raises(CertificateError, match="cannot load"):
        serving_of(store).reload()


@pytest.mark.parametrize("in_memory", [True, False], ids=["in memory", "through a file"])
def test_a_throwaway_certificate_encrypts(monkeypatch: pytest.MonkeyPatch, in_memory: bool) -> None:
    if not in_memory:
        monkeypatch.delattr("os.memfd_create", raising=False)
    context = throwaway_context(ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256")
    server = HttpServer(
        WebhookApp({}), host="127.0.0.1", port=0, ssl_context=context, threads=1, name="metrics server"
    )
    server.start()
    try:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        client.maximum_version = ssl.TLSVersion.TLSv1_2
        with (
            socket.create_connection(("127.0.0.1", server.port), 10) as plain,
            client.wrap_socket(plain) as secure,
        ):
            shown = secure.getpeercert(binary_form=True)
            assert secure.cipher() == ("ECDHE-RSA-AES128-GCM-SHA256", "TLSv1.2", 128)
    finally:
        server.stop()
    assert shown
    names = x509.load_der_x509_certificate(shown).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]


def test_following_goes_on_whatever_a_look_raises(store: CertificateStore, bundles: list[Bundle]) -> None:
    clock, faults = FakeClock(), [RuntimeError("a defect")]

    def fail_once() -> None:
        if serving.expiration() is not None and faults:
            raise faults.pop()

    serving = serving_of(store, clock=clock, on_read=fail_once)
    serving.start()
    store.save(bundles[1])
    assert clock.await_waiters(1)
    clock.advance(10)
    until("the defect", lambda: not faults)
    assert clock.await_waiters(1)
    clock.advance(10)
    until("the next look", lambda: serving.certificate == der(bundles[1]))
    assert serving.alive
    serving.stop()
