"""2,000 groups in a real browser: how soon they are there, and how soon a change is seen.

The groups are made up, because what is measured is the page and what works it out; their painter, board and
server are those of the command. Bounds are for a loaded machine; the figures are in docs/decisions/222.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser
from support.browser import window
from support.cli import a_pod, seen_of
from support.groups import a_set
from support.pictures import NOWHERE, Pictures
from support.waiting import until

from lws.cli.dashboard.access import Access
from lws.cli.dashboard.board import Board
from lws.cli.dashboard.pages import Pages
from lws.cli.dashboard.painting import About, Painter
from lws.runtime.serving import HttpServer

pytestmark = pytest.mark.integration

GROUPS = 2000
TOPIC = "lws/default/test-sample"
SECONDS = 10.0  # on an idle machine each of the three takes less than one
# Tells when all tiles are there and painted, and when the class of one changed, by the page's own clock.
WATCH = """
  window.painted = 0;
  window.changed = 0;
  new MutationObserver((changes) => {
    if (!window.painted && document.querySelectorAll(".tile").length === 2000) {
      requestAnimationFrame(() => requestAnimationFrame(() => { window.painted = performance.now(); }));
    }
    if (window.painted && changes.some((x) => x.attributeName === "class" && x.target.matches(".tile"))) {
      requestAnimationFrame(() => { window.changed = Date.now(); });
    }
  }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] });
"""


class Large:
    """The page of one set."""

    def __init__(self) -> None:
        self.pictures = Pictures(seen_of(a_set(replicas=GROUPS), down=tuple(range(0, GROUPS, 50))))
        self.access, board = Access(), Board()
        self.painter = Painter(board, About("made up", "default", "", True, [], ""))
        pages = Pages(self.access, board, self.painter, lambda order: pytest.fail(f"nobody orders {order}"))
        self.server = HttpServer(pages, host="127.0.0.1", port=0, threads=2, name="dashboard", drain=0.5)

    def start(self) -> None:
        self.painter.start(self.pictures)  # type: ignore[arg-type]
        self.server.start()
        self.access.port = self.server.port

    def stop(self) -> None:
        self.server.stop()
        self.painter.stop()

    def lose_a_pod(self) -> None:
        seen = self.pictures.seen_now
        assert seen is not None
        lost = a_pod(seen.pods[-2], status=NOWHERE, node="")
        self.pictures.seen_now = seen._replace(pods=(*seen.pods[:-2], lost, seen.pods[-1]))
        self.painter.touch(TOPIC)


@pytest.fixture
def large() -> Iterator[Large]:
    large = Large()
    large.start()
    try:
        yield large
    finally:
        large.stop()


def test_two_thousand_groups(
    browser: Browser, large: Large, record_property: Callable[[str, object], None]
) -> None:
    with window(browser, 1400) as page:
        page.add_init_script(WATCH)
        page.goto(f"{large.access.address}#{TOPIC}")
        painted = until("all tiles", lambda: float(page.evaluate("window.painted"))) / 1000
        large.lose_a_pod()
        began = time.time()
        changed = until("the change", lambda: float(page.evaluate("window.changed"))) / 1000 - began
        page.locator(".tile").first.focus()
        began = time.time()
        for _ in range(20):
            page.keyboard.press("ArrowRight")
        moved = (time.time() - began) / 20
    for name, seconds in (("painted", painted), ("changed", changed), ("moved", moved)):
        record_property(name, f"{seconds:.2f} s")
        assert 0 < seconds < SECONDS, name
