"""Every authority that client-go accepts, on every Python; contexts follow their files."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support.apiserver import ApiServer, json_answer, write_kubeconfig
from support.pki import Authority, Pair

from lws.kube.connection import Connection, connect
from lws.kube.credentials import Credentials
from lws.kube.errors import ConfigurationError, TransportError
from lws.kube.trust import Files, Trust

PATH = "/api/v1/pods"
ADDRESS = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))

Extension = tuple[x509.ExtensionType, bool]  # and whether it is critical


class Issuer:
    """An authority with the given extensions and no others, signed by itself or by another."""

    def __init__(self, name: str, extensions: Iterable[Extension], parent: Issuer | None = None) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (parent or self).sign(self.name, self.key.public_key(), extensions)

    @property
    def identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())

    def sign(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, extensions: Iterable[Extension]
    ) -> x509.Certificate:
        now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
        builder = x509.CertificateBuilder(self.name, subject, key, x509.random_serial_number())
        builder = builder.not_valid_before(now - day).not_valid_after(now + day)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())

    def serve(self, directory: Path, *extensions: Extension) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        names: Extension = (x509.SubjectAlternativeName([ADDRESS]), False)
        leaf = self.sign(name, key.public_key(), [names, *extensions])
        (directory / "leaf.crt").write_bytes(pem(leaf))
        (directory / "leaf.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "leaf.crt", directory / "leaf.key")
        return context


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


CA: Extension = (x509.BasicConstraints(ca=True, path_length=None), True)
LAX_CA: Extension = (x509.BasicConstraints(ca=True, path_length=None), False)
SIGNS: Extension = (
    x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        key_cert_sign=True,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    ),
    True,
)


def kubeadm() -> tuple[Issuer, list[Extension]]:
    issuer = Issuer("kubernetes", [CA, SIGNS])
    return issuer, [(issuer.identifier, False), (x509.BasicConstraints(ca=False, path_length=None), True)]


def old_eks() -> tuple[Issuer, list[Extension]]:
    return Issuer("kubernetes", [CA, SIGNS]), []


def bare() -> tuple[Issuer, list[Extension]]:
    return Issuer("by hand", [CA]), []


def lax() -> tuple[Issuer, list[Extension]]:
    return Issuer("by hand", [LAX_CA]), []


def below_another() -> tuple[Issuer, list[Extension]]:
    """The file holds what signed the server's certificate, and not the root above it."""
    return Issuer("intermediate", [CA, SIGNS], parent=Issuer("root", [CA, SIGNS])), []


@pytest.mark.parametrize("make", [kubeadm, old_eks, bare, lax, below_another])
def test_authorities(tmp_path: Path, make: Callable[[], tuple[Issuer, list[Extension]]]) -> None:
    issuer, extensions = make()
    (tmp_path / "ca.crt").write_bytes(pem(issuer.certificate))
    with ApiServer(ssl_context=issuer.serve(tmp_path, *extensions)) as server:
        server.on("GET", PATH, json_answer({}))
        connection = to(server, tmp_path)
        connection.request("GET", PATH)
        connection.close()


def test_nobody_else_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(pem(bare()[0].certificate))
    with ApiServer(ssl_context=bare()[0].serve(tmp_path)) as server:
        connection = to(server, tmp_path)
        with pytest.raises(TransportError, match="not trusted"):
            connection.request("GET", PATH)
        connection.close()


def to(server: ApiServer, directory: Path) -> Connection:
    cluster = {"certificate-authority": str(directory / "ca.crt")}
    return connect(kubeconfig=write_kubeconfig(directory, server.url, **cluster), user_agent="x")


class TestFollowing:
    """The files may be replaced while the process lives; a mounted one is."""

    @pytest.fixture
    def pair(self, tmp_path: Path, authority: Authority) -> Pair:
        issued = authority.issue("client")
        pair = Pair(tmp_path / "tls.crt", tmp_path / "tls.key")
        replace(pair.certificate, issued.certificate)
        replace(pair.key, issued.key)
        return pair

    @pytest.fixture
    def trust(self, tmp_path: Path, authority: Authority, pair: Pair) -> Trust:
        replace(tmp_path / "ca.crt", authority.path)
        files = Files(str(tmp_path / "ca.crt"), str(pair.certificate), str(pair.key))
        return Trust(files, verify=True, where="here")

    def test_one_context_for_one_content(self, tmp_path: Path, trust: Trust, authority: Authority) -> None:
        first = trust.context()
        replace(tmp_path / "ca.crt", authority.path)
        assert trust.context() is first

    @pytest.mark.parametrize("content", [None, b"", b"junk"], ids=["gone", "empty", "junk"])
    def test_the_last_good_one_stays(self, tmp_path: Path, trust: Trust, content: bytes | None) -> None:
        first = trust.context()
        (tmp_path / "ca.crt").unlink()
        if content is not None:
            (tmp_path / "ca.crt").write_bytes(content)
        assert trust.context() is first

    def test_a_pair_is_taken_when_it_is_whole(self, trust: Trust, pair: Pair, authority: Authority) -> None:
        first, renewed = trust.context(), authority.issue("renewed")
        replace(pair.certificate, renewed.certificate)
        assert trust.context() is first
        replace(pair.key, renewed.key)
        assert trust.context() is not first

    def test_a_login_is_another_one_within_a_minute(
        self, trust: Trust, pair: Pair, authority: Authority
    ) -> None:
        """Without a new connection, so that idle ones are not used in the old name for ever."""
        now = [0.0]
        credentials = Credentials(lambda _: None, trust=trust, clock=lambda: now[0])
        first, renewed = credentials.login(), authority.issue("renewed")
        replace(pair.certificate, renewed.certificate)
        replace(pair.key, renewed.key)
        assert credentials.login() == first
        now[0] = 60.0
        assert credentials.login() != first

    def test_a_new_authority_is_trusted_by_the_next_connection(
        self, tmp_path: Path, authority: Authority, stranger: Authority
    ) -> None:
        replace(tmp_path / "ca.crt", stranger.path)
        with ApiServer(ssl_context=authority.server_context()) as server:
            server.on("GET", PATH, json_answer({}))
            connection = to(server, tmp_path)
            with pytest.raises(TransportError, match="not trusted"):
                connection.request("GET", PATH)
            replace(tmp_path / "ca.crt", authority.path)
            connection.request("GET", PATH)
            connection.close()


def replace(path: Path, source: Path) -> None:
    """As the kubelet does: another file in its place."""
    other = path.with_suffix(".new")
    other.write_bytes(source.read_bytes())
    os.replace(other, path)


def test_urllib3_changes_nothing_that_handshakes_read(authority: Authority) -> None:
    """It sets the protocols of a context anew for each connection, and frees those of before."""
    context = Trust(Files(str(authority.path)), verify=True, where="here").context()
    ours, theirs = context.wrap_bio(ssl.MemoryBIO(), out := ssl.MemoryBIO()), ["h2"]
    context.set_alpn_protocols(theirs)
    with pytest.raises(ssl.SSLWantReadError):
        ours.do_handshake()
    assert b"http/1.1" in out.read()
    again = context.wrap_bio(ssl.MemoryBIO(), out)
    with pytest.raises(ssl.SSLWantReadError):
        again.do_handshake()
    assert b"http/1.1" in out.read()


def test_mistakes_name_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^kubeconfig x: certificate authority cannot be read: No such"
    ):
        Trust(Files(str(tmp_path / "none")), verify=True, where="kubeconfig x")
