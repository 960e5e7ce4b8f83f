"""The configuration file: what is read, what is refused, and that every mistake is told at once."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import msgspec
import pytest

from lws.config import (
    Configuration,
    GangSchedulingManagement,
    InvalidConfiguration,
    LeaderElection,
    Tls,
    decode_configuration,
    document_of,
    read_configuration,
    validate,
)
from lws.config.addresses import Address, format_address, parse_address
from lws.config.durations import format_duration, parse_duration
from lws.config.tls import BROKEN, RECOMMENDED, WEAK, tls_settings, weak_suites

WHOLE = """
apiVersion: config.lws.x-k8s.io/v1alpha1
kind: Configuration
webhook:
  port: 9444
  host: 10.0.0.1
  certDir: /certs
metrics:
  bindAddress: 127.0.0.1:8444
  maxSets: 0
health:
  healthProbeBindAddress: "[::1]:8082"
  readinessEndpointName: /ready
  livenessEndpointName: /live
leaderElection:
  leaderElect: false
  leaseDuration: 1m30s
  renewDeadline: 1m
  retryPeriod: 500ms
  resourceLock: leases
  resourceName: mine
  resourceNamespace: here
tls:
  minVersion: VersionTLS12
  cipherSuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
internalCertManagement:
  enable: false
  webhookServiceName: a
  webhookSecretName: b
gangSchedulingManagement:
  schedulerProvider: volcano
clientConnection:
  qps: 20
  burst: 30
revisionHistoryLimit: 7
"""
BLOCKS = (
    "webhook, metrics, health, leaderElection, tls, internalCertManagement, gangSchedulingManagement, "
    "clientConnection, revisionHistoryLimit"
)
DURATION = "a duration with its unit, such as 15s, 500ms or 1m30s"
SUBDOMAIN = "labels of a-z, 0-9 and - joined by dots, at most 253 characters"
PROVIDER = "gangSchedulingManagement.schedulerProvider"


def problems(text: str | bytes) -> list[str]:
    """What decoding or validating the text finds."""
    try:
        validate(decode_configuration(text if isinstance(text, bytes) else text.encode()))
    except InvalidConfiguration as error:
        return error.problems
    return []


class TestDecoding:
    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("", id="nothing"),
            pytest.param("# only a comment\n", id="a comment"),
            pytest.param("---\n", id="an empty document"),
            pytest.param("{}", id="an empty mapping"),
            pytest.param("apiVersion: config.lws.x-k8s.io/v1alpha1", id="no kind"),
            pytest.param("kind: Configuration", id="no apiVersion"),
            pytest.param("apiVersion:\nkind:\n", id="null apiVersion and kind"),
            pytest.param("webhook:\ntls: null\ngangSchedulingManagement: ~\n", id="null blocks"),
            pytest.param("webhook: {}\nleaderElection: {}\n", id="empty blocks"),
            pytest.param("webhook: {port: null}\nmetrics: {bindAddress: }\n", id="null fields"),
            pytest.param('leaderElection: {leaseDuration: 0s, renewDeadline: "0"}', id="durations of zero"),
            pytest.param('health: {healthProbeBindAddress: ""}', id="an empty address"),
            pytest.param("{}\n---\nwebhook: [\n", id="a broken second document"),
            pytest.param("\ufeff{}", id="a byte order mark"),
        ],
    )
    def test_defaults(self, text: str) -> None:
        assert decode_configuration(text.encode()) == Configuration()

    def test_every_field(self) -> None:
        read = decode_configuration(WHOLE.encode())
        assert msgspec.to_builtins(read) == {
            "webhook": {"port": 9444, "host": "10.0.0.1", "certDir": "/certs"},
            "metrics": {"bindAddress": "127.0.0.1:8444", "maxSets": 0},
            "health": {
                "healthProbeBindAddress": "[::1]:8082",
                "readinessEndpointName": "/ready",
                "livenessEndpointName": "/live",
            },
            "leaderElection": {
                "leaderElect": False,
                "leaseDuration": 90.0,
                "renewDeadline": 60.0,
                "retryPeriod": 0.5,
                "resourceLock": "leases",
                "resourceName": "mine",
                "resourceNamespace": "here",
            },
            "tls": {
                "minVersion": "VersionTLS12",
                "cipherSuites": ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",),
            },
            "internalCertManagement": {
                "enable": False,
                "webhookServiceName": "a",
                "webhookSecretName": "b",
            },
            "gangSchedulingManagement": {"schedulerProvider": "volcano"},
            "clientConnection": {"qps": 20.0, "burst": 30},
            "revisionHistoryLimit": 7,
        }
        validate(read)

    def test_json_with_tabs(self) -> None:
        assert decode_configuration(b'{\n\t"webhook": {\n\t\t"port": 1\n\t}\n}').webhook.port == 1

    def test_a_written_out_configuration_reads_back(self) -> None:
        whole = decode_configuration(WHOLE.encode())
        for configuration in (whole, Configuration()):
            document = document_of(configuration)
            assert decode_configuration(msgspec.json.encode(document)) == configuration
        assert document_of(whole)["leaderElection"]["leaseDuration"] == "90s"

    def test_anchors_and_merges(self) -> None:
        text = "webhook: &w {port: 1}\nx: &x {}\n"
        assert problems(text) == [f"x: unknown field; allowed: {BLOCKS}"]
        merged = "tls: &t {minVersion: VersionTLS13}\n"
        text = merged + "tls: {<<: *t, minVersion: VersionTLS12}"
        assert problems(text) == ["tls: given twice"]  # the merged key is not

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            pytest.param(
                "webhook: {Port: 1}", ["webhook.Port: unknown field; did you mean port?"], id="wrong case"
            ),
            pytest.param(
                "controllerHealth: {}",
                [f"controllerHealth: unknown field; allowed: {BLOCKS}"],
                id="unknown block",
            ),
            pytest.param(
                "webhook: {port: 1}\nwebhook: {port: 2}", ["webhook: given twice"], id="duplicate block"
            ),
            pytest.param(
                "tls: {minVersion: '', minVersion: ''}", ["tls.minVersion: given twice"], id="duplicate"
            ),
            pytest.param('{"tls": {}, "tls": {}}', ["tls: given twice"], id="duplicate in JSON"),
            pytest.param(
                "apiVersion: lws.x-k8s.io/v1alpha1\nkind: Config",
                [
                    "apiVersion: must be config.lws.x-k8s.io/v1alpha1, not 'lws.x-k8s.io/v1alpha1'",
                    "kind: must be Configuration, not 'Config'",
                ],
                id="wrong type of document",
            ),
            pytest.param("- 1", ["must be a mapping of fields, not a list"], id="a list"),
            pytest.param("hello", ['must be a mapping of fields, not the string "hello"'], id="a text"),
            pytest.param(
                "webhook: 9443", ["webhook: must be a mapping of fields, not the number 9443"], id="block"
            ),
            pytest.param(
                "webhook: {port: '9443'}",
                ['webhook.port: must be a whole number, not the string "9443"'],
                id="quoted number",
            ),
            pytest.param(
                "webhook: {port: true}", ["webhook.port: must be a whole number, not true"], id="bool for int"
            ),
            pytest.param(
                "clientConnection: {qps: many, burst: 1.5}",
                [
                    'clientConnection.qps: must be a number, not the string "many"',
                    "clientConnection.burst: must be a whole number, not the number 1.5",
                ],
                id="numbers",
            ),
            pytest.param(
                "metrics: {bindAddress: 0}",
                ["metrics.bindAddress: must be a string (put it in quotes), not the number 0"],
                id="unquoted zero",
            ),
            pytest.param(
                "leaderElection: {leaderElect: 'true'}",
                ['leaderElection.leaderElect: must be true or false, not the string "true"'],
                id="quoted bool",
            ),
            pytest.param(
                "leaderElection: {leaseDuration: 15, retryPeriod: 2sec}",
                [
                    f"leaderElection.leaseDuration: must be {DURATION}, not the number 15",
                    f'leaderElection.retryPeriod: must be {DURATION}, not the string "2sec"',
                ],
                id="durations",
            ),
            pytest.param(
                "tls: {cipherSuites: A}",
                ['tls.cipherSuites: must be a list of strings, not the string "A"'],
                id="no list",
            ),
            pytest.param(
                "tls: {cipherSuites: [1]}",
                ["tls.cipherSuites: must be a list of strings, not a list"],
                id="list",
            ),
            pytest.param(
                "webhook: [",
                ["is not YAML: line 1, column 11: expected the node content, but found '<stream end>'"],
                id="no YAML",
            ),
            pytest.param(
                "clientConnection: {qps: " + "9" * 400 + "}",
                ["is not YAML: clientConnection.qps: no number may have so many digits"],
                id="a number of 400 digits",
            ),
            pytest.param(
                "webhook: {port: !!int abc}",
                ["is not YAML: line 1, column 17: what stands here is no int"],
                id="no number",
            ),
            pytest.param(
                "metrics: {bindAddress: 2026-02-30}",
                [
                    "metrics.bindAddress: '2026-02-30' is not an address to listen on; allowed: "
                    '":PORT" or "HOST:PORT" with a port from 1 to 65535, or "0" for off'
                ],
                id="looks like a date",
            ),
            pytest.param(b"\xff\xfe", ["is not UTF-8 text: byte 0 cannot be decoded"], id="no text"),
        ],
    )
    def test_refused(self, text: str | bytes, expected: list[str]) -> None:
        assert problems(text) == expected

    def test_values_that_cannot_work_are_told_beside_fields_that_are_unknown(self) -> None:
        text = "webhook: {Port: 1}\nleaderElection: {leaseDuration: 5s}"
        assert problems(text) == [
            "webhook.Port: unknown field; did you mean port?",
            "leaderElection.leaseDuration: must be greater than renewDeadline (10s)",
        ]

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidConfiguration) as caught:
            read_configuration(tmp_path / "none")
        assert caught.value.problems == ["cannot be read: No such file or directory"]


NAMES = ", ".join(RECOMMENDED)
ADDRESSES = 'allowed: ":PORT" or "HOST:PORT" with a port from 1 to 65535, or "0" for off'


class TestValidation:
    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("", id="defaults"),
            pytest.param("metrics: {bindAddress: '0'}\nhealth: {healthProbeBindAddress: '0'}", id="off"),
            pytest.param("metrics: {bindAddress: 'localhost:1'}", id="a named host"),
            pytest.param("metrics: {bindAddress: '[fd00::1]:65535'}", id="IPv6"),
            pytest.param(
                "metrics: {bindAddress: '127.0.0.1:9000'}\nhealth: {healthProbeBindAddress: '10.0.0.1:9000'}",
                id="one port, two addresses",
            ),
            pytest.param("metrics: {maxSets: 0}", id="sums alone"),
            pytest.param("tls: {minVersion: VersionTLS13}", id="TLS 1.3"),
            pytest.param(f"tls: {{cipherSuites: [{NAMES}]}}", id="recommended suites"),
            pytest.param(f"tls: {{cipherSuites: [{', '.join(WEAK)}]}}", id="weak suites"),
            pytest.param(
                "tls: {cipherSuites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}",
                id="a TLS 1.3 suite beside another",
            ),
            pytest.param(
                "internalCertManagement: {enable: false, webhookServiceName: A_, webhookSecretName: A_}",
                id="names nobody uses",
            ),
            pytest.param(
                "leaderElection: {leaderElect: false, leaseDuration: 1s, resourceLock: endpoints}",
                id="an election nobody holds",
            ),
        ],
    )
    def test_accepted(self, text: str) -> None:
        assert problems(text) == []

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            pytest.param(
                "webhook: {port: 0}", ["webhook.port: 0 is no port; allowed: 1 to 65535"], id="port 0"
            ),
            pytest.param(
                "webhook: {port: 65536}", ["webhook.port: 65536 is no port; allowed: 1 to 65535"], id="port"
            ),
            pytest.param(
                "webhook: {host: 'a b'}",
                ["webhook.host: 'a b' is no host; allowed: an IP address, a DNS name, or nothing"],
                id="host",
            ),
            pytest.param(
                "metrics: {bindAddress: '8443'}\nhealth: {healthProbeBindAddress: ':0'}",
                [
                    f"metrics.bindAddress: '8443' is not an address to listen on; {ADDRESSES}",
                    f"health.healthProbeBindAddress: 0 is no port; {ADDRESSES}",
                ],
                id="addresses",
            ),
            pytest.param(
                "metrics: {bindAddress: '1.2.3:80'}",
                [f"metrics.bindAddress: '1.2.3' is no host; {ADDRESSES}"],
                id="address of a broken host",
            ),
            pytest.param(
                "metrics: {bindAddress: ':9443'}\nhealth: {healthProbeBindAddress: '127.0.0.1:9443'}",
                [
                    "metrics.bindAddress: :9443 collides with webhook.port",
                    "health.healthProbeBindAddress: 127.0.0.1:9443 collides with webhook.port",
                    "health.healthProbeBindAddress: 127.0.0.1:9443 collides with metrics.bindAddress",
                ],
                id="one port thrice",
            ),
            pytest.param(
                "metrics: {maxSets: -1}",
                ["metrics.maxSets: -1 is no number of sets; must be at least 0"],
                id="sets with gauges",
            ),
            pytest.param(
                "health: {readinessEndpointName: readyz, livenessEndpointName: /a b}",
                [
                    "health.readinessEndpointName: 'readyz' is no path; allowed: one such as /healthz",
                    "health.livenessEndpointName: '/a b' is no path; allowed: one such as /healthz",
                ],
                id="endpoints",
            ),
            pytest.param(
                "health: {readinessEndpointName: /healthz}",
                ["health.livenessEndpointName: must differ from health.readinessEndpointName"],
                id="one endpoint",
            ),
            pytest.param(
                "leaderElection: {leaseDuration: 10s}",
                ["leaderElection.leaseDuration: must be greater than renewDeadline (10s)"],
                id="lease",
            ),
            pytest.param(
                "leaderElection: {renewDeadline: 2400ms}",
                ["leaderElection.renewDeadline: must be greater than 1.2 x retryPeriod (2.4s)"],
                id="deadline",
            ),
            pytest.param(
                "leaderElection: {retryPeriod: -1s}",
                ["leaderElection.retryPeriod: -1s is too short; must be greater than 0s"],
                id="negative",
            ),
            pytest.param(
                "leaderElection: {resourceLock: endpointsleases, resourceName: A, resourceNamespace: a.b}",
                [
                    "leaderElection.resourceLock: 'endpointsleases' is not supported; allowed: leases",
                    f"leaderElection.resourceName: 'A' is no name; allowed: {SUBDOMAIN}",
                    "leaderElection.resourceNamespace: 'a.b' is no name; allowed: "
                    "at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
                ],
                id="lock",
            ),
            pytest.param(
                "tls: {minVersion: VersionTLS11}",
                ["tls.minVersion: VersionTLS11 is insecure; allowed: VersionTLS12, VersionTLS13"],
                id="old TLS",
            ),
            pytest.param(
                "tls: {minVersion: TLS12}",
                ["tls.minVersion: 'TLS12' is unknown; allowed: VersionTLS12, VersionTLS13"],
                id="unknown TLS",
            ),
            pytest.param(
                "tls: {minVersion: VersionTLS13, cipherSuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}",
                ["tls.cipherSuites: must be left out with minVersion VersionTLS13, whose suites are fixed"],
                id="suites of TLS 1.3",
            ),
            pytest.param(
                "tls: {cipherSuites: [ECDHE-RSA-AES128-SHA, TLS_RSA_WITH_RC4_128_SHA]}",
                [
                    f"tls.cipherSuites[0]: 'ECDHE-RSA-AES128-SHA' is unknown; recommended: {NAMES}",
                    "tls.cipherSuites[1]: TLS_RSA_WITH_RC4_128_SHA is broken and not available; "
                    f"recommended: {NAMES}",
                ],
                id="suites",
            ),
            pytest.param(
                "tls: {cipherSuites: [TLS_AES_128_GCM_SHA256]}",
                [f"tls.cipherSuites: name at least one suite of TLS 1.2, such as {NAMES}"],
                id="only suites of TLS 1.3",
            ),
            pytest.param(
                "internalCertManagement: {webhookServiceName: 1a, webhookSecretName: A}",
                [
                    "internalCertManagement.webhookServiceName: '1a' is no name; allowed: "
                    "at most 63 of a-z, 0-9 and -, beginning with a letter, not ending with -",
                    f"internalCertManagement.webhookSecretName: 'A' is no name; allowed: {SUBDOMAIN}",
                ],
                id="names of certificates",
            ),
            pytest.param(
                "gangSchedulingManagement: {}",
                [f"{PROVIDER}: required when the block is there; allowed: volcano"],
                id="no provider",
            ),
            pytest.param(
                "gangSchedulingManagement: {schedulerProvider: kai}",
                [f"{PROVIDER}: 'kai' is not supported; allowed: volcano"],
                id="another provider",
            ),
            pytest.param(
                "revisionHistoryLimit: 101",
                ["revisionHistoryLimit: 101 is no number of templates; allowed: 0 to 100"],
                id="a long history",
            ),
            pytest.param(
                "clientConnection: {qps: 0, burst: 0}",
                [
                    "clientConnection.qps: 0 is no rate; must be greater than 0",
                    "clientConnection.burst: 0 is no number of requests; must be at least 1",
                ],
                id="rates",
            ),
            pytest.param(
                "clientConnection: {qps: .nan}",
                ["clientConnection.qps: nan is no rate; must be greater than 0"],
                id="not a number",
            ),
        ],
    )
    def test_refused(self, text: str, expected: list[str]) -> None:
        assert problems(text) == expected

    def test_all_at_once(self) -> None:
        configuration = Configuration(
            leader_election=LeaderElection(retry_period=9.0),
            tls=Tls(min_version="1.3"),
            gang_scheduling_management=GangSchedulingManagement(),
        )
        with pytest.raises(InvalidConfiguration) as caught:
            validate(configuration)
        assert [line.split(":")[0] for line in caught.value.problems] == [
            "leaderElection.renewDeadline",
            "tls.minVersion",
            "gangSchedulingManagement.schedulerProvider",
        ]


class TestTls:
    def test_the_default_leaves_the_choice_to_the_library(self) -> None:
        assert tls_settings(Tls()) == (ssl.TLSVersion.TLSv1_2, "")

    def test_an_alias_and_its_name_are_one_suite(self) -> None:
        names = ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256")
        assert tls_settings(Tls(cipher_suites=names)).ciphers == "ECDHE-RSA-CHACHA20-POLY1305"

    @pytest.mark.parametrize("name", [*RECOMMENDED, *WEAK])
    def test_openssl_has_every_suite_that_is_accepted(self, name: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers(tls_settings(Tls(cipher_suites=(name,))).ciphers)
        old = [suite for suite in context.get_ciphers() if suite["protocol"] != "TLSv1.3"]
        assert [suite["name"] for suite in old] == [(RECOMMENDED | WEAK)[name]]

    def test_weak_suites_are_known(self) -> None:
        suites = (*RECOMMENDED, "TLS_RSA_WITH_AES_128_CBC_SHA")
        assert weak_suites(Tls(cipher_suites=suites)) == ["TLS_RSA_WITH_AES_128_CBC_SHA"]

    def test_no_suite_is_in_two_classes(self) -> None:
        assert not BROKEN & (RECOMMENDED.keys() | WEAK.keys())
        assert not RECOMMENDED.keys() & WEAK.keys()


def test_the_guide_has_every_field_with_its_default() -> None:
    guide = (Path(__file__).parents[2] / "docs/guides/configuration.md").read_text()
    told = dict(re.findall(r"^\| `(\w+\.\w+)` \| (.*?) \|", guide, re.MULTILINE))
    blocks = {name: block for name, block in document_of(Configuration()).items() if isinstance(block, dict)}
    fields = {f"{name}.{field}": value for name, block in blocks.items() for field, value in block.items()}
    assert told.keys() == fields.keys() | {"gangSchedulingManagement.schedulerProvider"}
    for field, value in fields.items():
        if value not in ("", ()):  # what an empty text stands for is told in words
            text = str(value).lower() if isinstance(value, bool) else str(value).removesuffix(".0")
            assert told[field] == f"`{text}`"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15s", 15.0), ("1m30s", 90.0), ("1.5h", 5400.0), ("300ms", 0.3), (".5s", 0.5), ("2.s", 2.0), ("0", 0.0),
     ("-1m", -60.0), ("+1s", 1.0), ("1h1ns", 3600.000000001), ("5us", 5e-6), ("5µs", 5e-6)],
)  # fmt: skip
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["", "1", "s", "1 s", "1S", "1s ", "1d", "--1s", ".s", "1_0s", "\u0661s", "1s\n"]
)
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["9" * 400 + "h", "-2600000h"])
def test_no_duration_is_longer_than_go_s(text: str) -> None:
    with pytest.raises(ValueError, match="more than 292 years"):
        parse_duration(text)


@pytest.mark.parametrize("seconds", [15.0, 90.0, 3600.0, 0.3, 0.0, 5400.0])
def test_durations_are_written_as_they_are_read(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0", None),
        (":8443", Address("", 8443)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("[::]:8081", Address("::", 8081)),
        ("name.example:1", Address("name.example", 1)),
    ],
)
def test_addresses(text: str, address: Address | None) -> None:
    assert parse_address(text) == address
    if address is not None:
        assert format_address(address) == text


@pytest.mark.parametrize(
    "text", ["", "8443", "::1:80", ":http", ":65536", ":-1", "host", "[::1]", "00", ":1\n"]
)
def test_no_addresses(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        parse_address(text)
