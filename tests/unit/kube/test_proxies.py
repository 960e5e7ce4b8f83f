"""Which proxy a server is reached by, and what no URL of one is."""

from __future__ import annotations

import pytest

from lws.kube.errors import ConfigurationError
from lws.kube.proxies import bypassed, proxy_from_environment, proxy_url, server_url, shown

NAME, ADDRESS, SIX = "https://api.example.org:6443", "https://10.0.0.1", "https://[fd00::1]:443"
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("server", "no_proxy", "expected"),
    [
        (NAME, "", False),
        (NAME, " , ", False),
        (NAME, "*", True),
        (NAME, "api.example.org", True),
        (NAME, "API.Example.org", True),
        (NAME, "other, example.org", True),
        (NAME, ".example.org", True),
        (NAME, "*.example.org", True),
        (NAME, "ample.org", False),
        (NAME, ".api.example.org", False),  # subdomains alone
        (NAME, "api.example.org:6443", True),
        (NAME, "api.example.org:443", False),
        (NAME, "10.0.0.0/8", False),
        (ADDRESS, "10.0.0.1", True),
        (ADDRESS, "10.0.0.0/8", True),
        (ADDRESS, "10.1.0.0/16", False),
        (ADDRESS, "10.0.0.1:443", True),
        (ADDRESS, "10.0.0.1:6443", False),
        (ADDRESS, "0.0.1", False),  # no domain
        (SIX, "fd00::1", True),
        (SIX, "fd00::/64", True),
        (SIX, "[fd00::1]:443", True),
        (SIX, "[fd00::1]", True),
        (SIX, "[fd00::2]", False),
        (SIX, "fd00::2", False),
        ("http://10.0.0.1", "10.0.0.1:80", True),
    ],
)
def test_no_proxy_is_read_as_programs_in_go_read_it(server: str, no_proxy: str, expected: bool) -> None:
    assert bypassed(server, no_proxy) is expected


def test_a_proxy_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_from_environment(NAME) == ""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert (proxy_from_environment(NAME), proxy_from_environment("http://plain")) == (
        "http://proxy:3128",
        "",
    )
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8,example.org")
    assert (proxy_from_environment(NAME), proxy_from_environment(ADDRESS)) == ("", "")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"HTTPS_PROXY": "proxy:3128"}, "http://proxy:3128"),
        ({"https_proxy": "http://small"}, "http://small"),
        ({"HTTPS_PROXY": "http://capital", "https_proxy": "http://small"}, "http://capital"),
        ({"HTTPS_PROXY": "", "https_proxy": "http://small"}, "http://small"),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "example.org", "no_proxy": "other"}, ""),
        ({"HTTPS_PROXY": "socks5://proxy:1080"}, "socks5h://proxy:1080"),  # which looks names up itself
        ({"HTTP_PROXY": "http://proxy", "ALL_PROXY": "http://proxy"}, ""),
    ],
)
def test_variables_are_read_as_programs_in_go_read_them(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert proxy_from_environment(NAME) == expected


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_this_machine_is_reached_without_a_proxy(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """As clusters of kind and minikube are."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert proxy_from_environment(f"https://{host}:6443") == ""


def test_a_variable_that_holds_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "ftp://me:secret@proxy")
    with pytest.raises(ConfigurationError) as caught:
        proxy_from_environment(NAME)
    assert str(caught.value) == "HTTPS_PROXY 'ftp://proxy' is not a URL of http, https or socks5"


@pytest.mark.parametrize(
    "proxy", ["proxy:3128", "http://", "http://h:port", "socks4://h", "http://[::1", "x"]
)
def test_no_proxy_at_all(proxy: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^proxy-url '.*' is not a URL of http, https or socks5$"):
        proxy_url(proxy, "proxy-url")


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("https://h/", "https://h"),
        ("HTTPS://h/clusters/c-1//", "https://h/clusters/c-1"),
        ("http://h/?a=b#c", "http://h"),
        ("https://[::1]:6443/", "https://[::1]:6443"),
    ],
)
def test_a_server_as_requests_take_it(server: str, expected: str) -> None:
    assert server_url(server, "here") == expected


@pytest.mark.parametrize(
    "server", ["https://h:port", "https://", "https://[::1", "https://h:99999", "https://a b", "h:6443", ""]
)
def test_no_server_at_all(server: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^here: server '.*' is not a URL like https://host:6443$"):
        server_url(server, "here")


def test_a_server_with_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigurationError, match=r"^here: server holds a user; its place is") as caught:
        server_url("https://me:secret@h", "here")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://me:secret@h:1", "http://me:sec@ret@h:1", "http://h:1"])
def test_a_password_is_not_shown(url: str) -> None:
    assert shown(url) == "http://h:1"
