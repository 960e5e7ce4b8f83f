from __future__ import annotations

import socket
import ssl

import pytest
import urllib3.exceptions as u
from urllib3.connection import HTTPConnection

from lws.kube.faults import transport_error

HERE = HTTPConnection("host", 1)


def caused(error: u.HTTPError, cause: BaseException) -> u.HTTPError:
    error.__cause__ = cause
    return error


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = 19, "self-signed certificate in chain."
    return error


@pytest.mark.parametrize(
    ("error", "text", "refused", "permanent"),
    [
        pytest.param(
            caused(u.NewConnectionError(HERE, "x"), ConnectionRefusedError(111, "Connection refused")),
            "connection refused; is the API server running, and is this its address?",
            True,
            False,
            id="refused",
        ),
        pytest.param(
            u.NameResolutionError("host", HERE, socket.gaierror(-2, "Name or service not known")),
            "the host name does not resolve; check the address and DNS",
            True,
            False,
            id="name",
        ),
        pytest.param(
            caused(u.NewConnectionError(HERE, "x"), OSError(113, "No route to host")),
            "unreachable (no route to host); check the address and the network",
            True,
            False,
            id="no route",
        ),
        pytest.param(
            u.ConnectTimeoutError(HERE, "x"),
            "no connection in time; check the address, firewalls and network policies",
            True,
            False,
            id="connect timeout",
        ),
        pytest.param(
            u.ReadTimeoutError(None, None, "x"),  # type: ignore[arg-type]
            "no answer in time: the server is silent",
            False,
            False,
            id="read timeout",
        ),
        pytest.param(
            u.SSLError(untrusted()),
            "the server's certificate is not trusted (self-signed certificate in chain); "
            "check the certificate authority, the server's name, and both clocks",
            True,
            True,
            id="untrusted",
        ),
        pytest.param(
            u.SSLError(ssl.SSLError(1, "[SSL: X] odd")),
            "TLS failed ([ssl: x] odd); is this the API server's secure port?",
            False,
            False,
            id="TLS",
        ),
        pytest.param(
            u.ProxyError("Unable to connect to proxy", OSError("Tunnel connection failed: 403 Forbidden")),
            "the proxy in between fails (Tunnel connection failed: 403 Forbidden); "
            "check proxy-url and HTTPS_PROXY",
            True,
            False,
            id="proxy",
        ),
        pytest.param(
            u.ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer")),
            "the connection broke before the whole answer had come (connection reset by peer)",
            False,
            False,
            id="reset",
        ),
        pytest.param(
            u.ProtocolError("odd\nlines"),
            "the connection broke before the whole answer had come (odd lines)",
            False,
            False,
            id="anything else",
        ),
    ],
)
def test_one_line_with_cause_and_remedy(
    error: u.HTTPError, text: str, refused: bool, permanent: bool
) -> None:
    found = transport_error(error, "GET https://host:1/x")
    assert str(found) == f"GET https://host:1/x: {text}"
    assert (found.refused, found.permanent) == (refused, permanent)


def test_causes_in_a_circle_end() -> None:
    error = u.ProtocolError("outer")
    error.__cause__ = ValueError("inner")
    error.__cause__.__cause__ = error
    assert "inner" in str(transport_error(error, "GET x"))
