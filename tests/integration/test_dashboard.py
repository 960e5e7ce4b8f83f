"""The page of ``kubectl lws dashboard`` in a real browser; sets are those of a scripted API server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, expect
from support.apiserver import ApiServer, write_kubeconfig
from support.browser import window
from support.cli import seen_of
from support.clichat import DEFAULT, serve_watched
from support.cluster import ROOT
from support.dashboards import Dashboard, Seen, looking, looking_closely, running_dashboard
from support.groups import a_set
from support.legibility import CLIPPED, FAINT
from support.pictures import NOWHERE
from support.waiting import until

from lws.api import constants as c

pytestmark = pytest.mark.integration

NODES = "/api/v1/nodes"
NAME = "test-sample"
RACKED = {"annotations": {c.EXCLUSIVE_TOPOLOGY_ANNOTATION: "example.com/rack"}}
FORMER = a_set(replicas=4, template={"restartPolicy": "None"})


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[str]:
    """Of a server with one set in the middle of a roll: old, new, and one group without a place."""
    seen = seen_of(
        a_set(replicas=4, metadata=RACKED),
        former=FORMER,
        outdated=(0, 1),
        down=(3,),
        statuses={f"{NAME}-3": NOWHERE, f"{NAME}-3-1": NOWHERE},
        nodes={f"{NAME}-3": "", f"{NAME}-3-1": ""},
    )
    with ApiServer() as server:
        for path in (*DEFAULT, NODES):
            serve_watched(server, path)
        serve_watched(server, DEFAULT.sets, seen.lws)
        serve_watched(server, DEFAULT.stateful_sets, *seen.stateful_sets)
        serve_watched(server, DEFAULT.pods, *seen.pods)
        serve_watched(server, DEFAULT.revisions, *seen.revisions)
        yield write_kubeconfig(tmp_path, server.url)


@pytest.fixture
def dashboard(kubeconfig: str) -> Iterator[Dashboard]:
    with running_dashboard(kubeconfig) as dashboard:
        yield dashboard


@pytest.fixture
def seen(browser: Browser, dashboard: Dashboard) -> Iterator[Seen]:
    """The page, which must neither complain nor ask anybody else, whatever a test does with it."""
    with looking_closely(browser, dashboard.address) as seen:
        yield seen


def test_a_roll_half_way_is_shown(seen: Seen) -> None:
    for tone, count in (("ok", 1), ("old", 2), ("bad", 1)):
        expect(seen.page.locator(f".tile.t-{tone}")).to_have_count(count)
    expect(seen.page.locator(".facts")).to_contain_text("3/4")
    expect(seen.page.locator("#panel")).to_contain_text("no rack is free")
    seen.page.get_by_role("tab", name="Revisions").click()
    expect(seen.page.locator("#panel li")).to_have_count(2)


def test_nothing_is_done_without_a_question_and_a_refusal_is_told(seen: Seen) -> None:
    """The scripted server knows no writes."""
    ask = seen.page.locator("dialog.ask")
    for answer in ("Cancel", "Pause"):
        seen.page.get_by_role("button", name="Pause").first.click()
        expect(ask).to_contain_text("No group is replaced from now on")
        ask.get_by_role("button", name=answer, exact=True).click()
        expect(ask).to_be_hidden()
    expect(seen.page.locator(".said p.t-bad")).to_be_visible()
    seen.complaints.clear()  # the browser's, about the answer 409


def test_it_is_worked_by_keys_alone(seen: Seen) -> None:
    expect(seen.page.locator(".tile")).to_have_count(4)
    by_index = seen.page.get_by_role("button", name="index", exact=True)
    by_index.press("Enter")
    expect(by_index).to_have_attribute("aria-pressed", "true")
    seen.tile(NAME, 0).focus()
    seen.page.keyboard.press("ArrowRight")
    expect(seen.tile(NAME, 1)).to_be_focused()
    seen.page.keyboard.press("Enter")
    expect(seen.page.locator("#closer-title")).to_have_text("Group 1")
    seen.page.keyboard.press("Escape")
    expect(seen.tile(NAME, 1)).to_be_focused()
    seen.page.get_by_role("tab", name="Why").focus()
    seen.page.keyboard.press("ArrowRight")
    expect(seen.page.get_by_role("tab", name="Steps")).to_have_attribute("aria-selected", "true")


def test_whoever_is_on_a_tile_stays_there_when_it_is_laid_out_elsewhere(seen: Seen) -> None:
    """Laid out by a click that takes no focus, as by a change that the stream brings."""
    expect(seen.page.locator(".tile")).to_have_count(4)
    seen.tile(NAME, 1).focus()
    before = seen.tile(NAME, 1).element_handle()
    seen.page.get_by_role("button", name="index", exact=True).evaluate("each => each.click()")
    expect(seen.page.locator(".lanes.single")).to_be_visible()
    assert not before.evaluate("each => each.isConnected"), "it was laid out anew"
    expect(seen.tile(NAME, 1)).to_be_focused()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1400])
def test_it_fits_and_can_be_read(browser: Browser, dashboard: Dashboard, width: int, dark: bool) -> None:
    with looking(browser, dashboard.address, width=width, dark=dark) as seen:
        expect(seen.page.locator(".tile.t-bad").first).to_be_visible()
        expect(seen.page.locator("#panel")).to_contain_text("no rack is free")
        for look in (lambda: None, seen.page.locator(".tile.t-bad").first.click):
            look()
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
            assert seen.page.evaluate(FAINT) == []
            assert seen.page.evaluate(CLIPPED) == []


def test_a_stolen_address_opens_nothing(browser: Browser, dashboard: Dashboard, seen: Seen) -> None:
    expect(seen.page.locator("h1")).to_be_visible()
    for address in (dashboard.address, seen.page.url):
        with window(browser, 800) as stranger:
            answer = stranger.goto(address)
            assert answer is not None
            assert answer.status == 403
            assert stranger.inner_text("body").strip().count("\n") == 0
    for address in (dashboard.address.partition("?")[0], dashboard.address.partition("?")[0] + "?token=x"):
        with pytest.raises(HTTPError, match="403") as caught:
            urlopen(address)
        caught.value.close()


def test_another_page_can_do_nothing(browser: Browser, dashboard: Dashboard, seen: Seen) -> None:
    """A page of another origin in the very browser that has the session."""
    expect(seen.page.locator("h1")).to_be_visible()
    other = seen.page.context.new_page()
    other.route("http://evil.example/", lambda route: route.fulfill(body="<p>", content_type="text/html"))
    other.goto("http://evil.example/")
    room = seen.page.url.partition("#")[0]
    tried = other.evaluate(
        """async (room) => {
          const shot = async (path, options) => {
            try { return (await fetch(room + path, {credentials: "include", ...options})).status; }
            catch { return "refused"; }
          };
          const order = {method: "POST", mode: "no-cors", body: '{"action":"pause"}'};
          return [await shot("stream"), await shot("act", order), await shot("", {mode: "no-cors"})];
        }""",
        room,
    )
    other.close()
    assert tried[0] == "refused"
    assert set(tried[1:]) <= {"refused", 0}  # 0: an answer that the page may not read
    assert "paused" not in seen.page.inner_text("main").lower()


def test_a_browser_that_goes_away_leaves_nothing(browser: Browser, dashboard: Dashboard) -> None:
    with looking(browser, dashboard.address) as seen:
        expect(seen.page.locator(".tile")).to_have_count(4)
        before, sockets = dashboard.threads, _connections(dashboard)
        assert sockets
    until("its connections to end", lambda: _connections(dashboard), lambda x: not x)
    assert dashboard.threads <= before
    assert dashboard.interrupt() == 0


def _connections(dashboard: Dashboard) -> int:
    """Established ones to the page's port, of the side that listens."""
    port = urlsplit(dashboard.address).port or 0
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(x.split()[1].endswith(f":{port:04X}") and x.split()[3] == "01" for x in lines)


def test_the_end_of_the_command_is_told(browser: Browser, dashboard: Dashboard) -> None:
    with looking(browser, dashboard.address) as seen:
        expect(seen.page.locator(".live")).to_have_text("live")
        assert dashboard.interrupt() == 0
        expect(seen.page.locator(".live")).to_have_text("not connected")
        expect(seen.page.locator(".warnings")).to_contain_text("run “kubectl lws dashboard” again")


def test_a_closed_pipe_ends_it(kubeconfig: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "lws.cli", "dashboard", "--no-browser"]
    try:
        done = subprocess.run(
            [*command, "--kubeconfig", kubeconfig],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_the_library_is_the_package_that_is_locked() -> None:
    """As npm fetches and checks it."""
    if shutil.which("npm") is None:
        pytest.skip("no npm here: install the Debian package npm")
    done = subprocess.run(
        [sys.executable, "-m", "hack.dashboard.vendor", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "as locked"), done.stderr
