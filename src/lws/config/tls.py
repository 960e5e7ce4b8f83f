"""TLS versions and cipher suites: from the names that Go and IANA use to Python's ``ssl``.

The suites are those that Go knows by name (``crypto/tls``). OpenSSL is built without RC4, and refuses triple
DES at its default security level; both are broken, and are refused here by name.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Final, NamedTuple

from lws.config.types import Tls

VERSIONS: Final = {"VersionTLS12": ssl.TLSVersion.TLSv1_2, "VersionTLS13": ssl.TLSVersion.TLSv1_3}
OLD_VERSIONS: Final = frozenset({"VersionTLS10", "VersionTLS11"})

RECOMMENDED: Final = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
}
# Without forward secrecy, or with CBC: accepted, since files written for upstream may name them.
WEAK: Final = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": "ECDHE-ECDSA-AES128-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": "ECDHE-RSA-AES128-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256": "AES128-SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
}
ALIASES: Final = {  # older names that Go keeps
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305": "ECDHE-RSA-CHACHA20-POLY1305",
}
BROKEN: Final = frozenset(
    {
        "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
        "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
        "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
        "TLS_RSA_WITH_RC4_128_SHA",
    }
)
# Always offered and not configurable; naming them changes nothing, as upstream.
TLS13: Final = frozenset({"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})

_KNOWN: Final = RECOMMENDED | WEAK | ALIASES


class TlsSettings(NamedTuple):
    """For ``ssl.SSLContext``. ``ciphers``: an OpenSSL list; empty: the library's own choice."""

    minimum_version: ssl.TLSVersion
    ciphers: str


def tls_settings(tls: Tls) -> TlsSettings:
    """Of a block without problems. Upstream's default minimum, Go's, is TLS 1.2."""
    names = [_KNOWN[name] for name in tls.cipher_suites if name in _KNOWN]
    version = VERSIONS[tls.min_version] if tls.min_version else ssl.TLSVersion.TLSv1_2
    return TlsSettings(version, ":".join(dict.fromkeys(names)))


def tls_problems(tls: Tls) -> Iterator[str]:
    """What is wrong with the block, a line each."""
    allowed = f"allowed: {', '.join(VERSIONS)}"
    if tls.min_version in OLD_VERSIONS:
        yield f"tls.minVersion: {tls.min_version} is insecure; {allowed}"
    elif tls.min_version and tls.min_version not in VERSIONS:
        yield f"tls.minVersion: {tls.min_version!r} is unknown; {allowed}"
    if tls.min_version == "VersionTLS13" and tls.cipher_suites:
        yield "tls.cipherSuites: must be left out with minVersion VersionTLS13, whose suites are fixed"
        return
    recommended = ", ".join(RECOMMENDED)
    for position, name in enumerate(tls.cipher_suites):
        where = f"tls.cipherSuites[{position}]"
        if name in BROKEN:
            yield f"{where}: {name} is broken and not available; recommended: {recommended}"
        elif name not in _KNOWN and name not in TLS13:
            yield f"{where}: {name!r} is unknown; recommended: {recommended}"
    if tls.cipher_suites and TLS13.issuperset(tls.cipher_suites):
        yield f"tls.cipherSuites: name at least one suite of TLS 1.2, such as {recommended}"


def weak_suites(tls: Tls) -> list[str]:
    """Those that work and should not be used."""
    return [name for name in tls.cipher_suites if name in WEAK]
