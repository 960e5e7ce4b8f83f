"""Who is let in: one browser, by one use of a token, and no other page."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lws.cli.dashboard.access import COOKIE, ELSEWHERE, FOREIGN, UNKNOWN, USED, Access

PORT = 4321
HERE = f"127.0.0.1:{PORT}"
OWN = f"http://{HERE}"


@pytest.fixture
def access() -> Access:
    return Access(PORT)


def token_of(access: Access) -> str:
    return parse_qs(urlsplit(access.address).query)["token"][0]


def request(method: str = "GET", host: str = HERE, **headers: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": method,
        "HTTP_HOST": host,
        **{f"HTTP_{k.upper()}": v for k, v in headers.items()},
    }


def test_a_token_is_good_for_one_use(access: Access) -> None:
    token = token_of(access)
    assert [access.redeem(token) for _ in range(3)] == ["", USED, USED]


@pytest.mark.parametrize("guess", ["", "x", "ä", "A" * 43])
def test_a_guess_is_refused_and_does_not_use_the_token_up(access: Access, guess: str) -> None:
    assert access.redeem(guess) == UNKNOWN
    assert access.redeem(token_of(access)) == ""


def test_secrets_are_of_one_run() -> None:
    one, other = Access(PORT), Access(PORT)
    assert other.redeem(token_of(one)) == UNKNOWN
    assert one.room != other.room


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (request(), ""),
        (request(host=f"localhost:{PORT}"), ""),
        (request(host="evil.example"), ELSEWHERE),
        (request(host=f"evil.example:{PORT}"), ELSEWHERE),
        (request(host="127.0.0.1"), ELSEWHERE),
        (request(host="127.0.0.1:80"), ELSEWHERE),
        (request(host=f"{HERE}, evil.example"), ELSEWHERE),
        ({"REQUEST_METHOD": "GET"}, ELSEWHERE),
        (request(origin=OWN), ""),
        (request(origin="http://evil.example"), FOREIGN),
        (request(origin="null"), FOREIGN),
        (request(origin=f"https://{HERE}"), FOREIGN),
        (request("POST", origin=OWN), ""),
        (request("POST"), FOREIGN),
        (request("POST", origin="http://127.0.0.1:1"), FOREIGN),
        (request(sec_fetch_site="none"), ""),
        (request(sec_fetch_site="same-origin"), ""),
        (request(sec_fetch_site="same-site"), FOREIGN),
        (request(sec_fetch_site="cross-site"), FOREIGN),
    ],
)
def test_whose_request_it_is(access: Access, asked: dict[str, Any], wanted: str) -> None:
    assert access.stranger(asked) == wanted


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.1:80"])
def test_on_port_80_a_browser_names_none(host: str) -> None:
    access = Access(80)
    assert access.stranger(request(host=host)) == ""
    assert access.stranger(request("POST", host=host, origin=f"http://{host}")) == ""
    assert access.stranger(request(host="evil.example")) == ELSEWHERE


def test_nobody_is_let_in_before_the_port_is_known() -> None:
    assert Access().stranger(request()) == ELSEWHERE


def test_the_cookie_is_for_this_page_alone(access: Access) -> None:
    value, *attributes = access.cookie.split("; ")
    assert value.startswith(f"{COOKIE}=")
    assert attributes == [f"Path={access.room}", "HttpOnly", "SameSite=Strict"]
    assert access.knows(request(cookie=f"other=1; {value}"))


@pytest.mark.parametrize("cookie", ["", f"{COOKIE}=", f"{COOKIE}=x", f"{COOKIE}=ä", 'x="', "=;=;"])
def test_any_other_cookie_is_none(access: Access, cookie: str) -> None:
    assert not access.knows(request(cookie=cookie))
