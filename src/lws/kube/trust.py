"""Whom a connection trusts and as whom it speaks: TLS contexts from files, made anew when the files change.

Made here and not by urllib3, which on Python 3.13 and later refuses authorities without key identifiers
(RFC 5280 asks for them, client-go does not, and those of EKS up to 1.16, of MicroK8s and many made by hand
lack them), and which loads every file for every connection. See docs/decisions/141-older-authorities.md.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from lws.kube.errors import ConfigurationError

Source = str | bytes
"""The path of a file, or what it would hold."""

_PLACE = re.compile(r" \(_ssl\.c:\d+\)$")
_PLAINER = {
    "no start line: cadata does not contain a certificate": "no certificate found",
    "[ssl] pem lib": "not a certificate and its key in PEM",
    "[x509] pem lib": "not certificates in PEM",
    "[pem] asn1 lib": "not certificates in PEM",
}
"""What OpenSSL says in its own names."""


class Files(NamedTuple):
    """``authority``: None for the system's. ``certificate`` and ``key``: the client's, if any."""

    authority: Source | None = None
    certificate: Source | None = None
    key: Source | None = None


class Trust:
    """Contexts for one API server; ``where`` names their configuration in errors.

    ``verify`` False takes any server. Raises ConfigurationError, one line, when the files cannot be used now;
    later, those that were good last stay in use. ``current``: the context in use, without looking at files.
    """

    def __init__(self, files: Files, *, verify: bool, where: str) -> None:
        self._files, self._verify, self._where = files, verify, where
        self._lock = threading.Lock()
        self._content = _contents(files)
        self.current = self._load()

    def context(self) -> ssl.SSLContext:
        """For a new connection: the same one for as long as the files hold the same."""
        with self._lock:
            self._look()
            return self.current

    def follow(self, files: Files) -> None:
        """From now on these. The context stays the same if they hold the same."""
        with self._lock:
            self._files = files
            self._look()

    def _look(self) -> None:
        content = _contents(self._files)
        if content != self._content:
            # Half of a pair may have been replaced so far: the next connection looks again.
            with contextlib.suppress(ConfigurationError):
                self.current, self._content = self._load(), content

    def _load(self) -> ssl.SSLContext:
        context = _Context(ssl.PROTOCOL_TLS_CLIENT)
        if not self._verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        files = self._files
        if authority := files.authority:
            what = f"{self._where}: certificate authority"
            _try(lambda: _load_authority(context, authority), what)
        else:
            context.load_default_certs()
        if certificate := files.certificate:
            what = f"{self._where}: client certificate and key"
            _try(lambda: _load_pair(context, certificate, files.key), what)
        return context


class _Context(ssl.SSLContext):
    """As Go's verifier has it: any certificate in the file is an anchor, and needs no key identifiers."""

    def __init__(self, protocol: int) -> None:
        del protocol  # ``__new__`` has taken it
        self.minimum_version = ssl.TLSVersion.TLSv1_2
        self.hostname_checks_common_name = False
        self.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        self.verify_flags &= ~ssl.VERIFY_X509_STRICT
        super().set_alpn_protocols(["http/1.1"])

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """Nothing: urllib3 calls this for each connection, and it frees what other threads may be reading."""


def _load_authority(context: ssl.SSLContext, authority: Source) -> None:
    if isinstance(authority, bytes):  # PEM: whatever is no ASCII is remarks
        context.load_verify_locations(cadata=authority.decode("ascii", "ignore"))
    else:
        context.load_verify_locations(authority)


def _load_pair(context: ssl.SSLContext, certificate: Source, key: Source | None) -> None:
    """TLS takes these from files alone: then they are there for that long, for nobody else to read."""
    with contextlib.ExitStack() as files:
        paths = _path(certificate, files), None if key is None else _path(key, files)
        context.load_cert_chain(*paths, password=b"")


def _path(source: Source, files: contextlib.ExitStack) -> str:
    if isinstance(source, str):
        return source
    file = files.enter_context(tempfile.NamedTemporaryFile(prefix="lws-"))  # noqa: SIM115 - entered
    file.write(source)
    file.flush()
    return file.name


def _contents(files: Files) -> tuple[bytes | None, ...]:
    return tuple(_content(path) for path in files)


def _content(source: Source | None) -> bytes | None:
    try:
        return Path(source).read_bytes() if isinstance(source, str) else source
    except OSError:
        return None


def _try(load: Callable[[], object], what: str) -> None:
    try:
        load()
    except ssl.SSLError as error:
        detail = (getattr(error, "reason", None) or _PLACE.sub("", str(error))).lower().replace("_", " ")
        detail = _PLAINER.get(detail, detail)
        raise ConfigurationError(f"{what} cannot be used: {detail}") from error
    except (OSError, ValueError) as error:
        detail = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"{what} cannot be read: {detail}") from error
