"""A real headless browser, Chromium, for tests of pages: the one that is installed, driven by Playwright.

Nothing is downloaded: Playwright's own browsers are not used. ``chromium()`` skips the test, with the reason,
on a machine that has none.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from functools import cache

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")  # Debian, older Ubuntu, and CI's machines
HEIGHT = 900
# As root, and in containers, Chromium has no sandbox of its own and little shared memory.
FLAGS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run")


@cache
def chromium() -> str:
    """Its path."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    pytest.skip("no browser here: install the Debian package chromium")


@contextlib.contextmanager
def running_browser() -> Iterator[Browser]:
    """Started, and ended whatever happens."""
    executable = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def window(browser: Browser, width: int, *, height: int = HEIGHT, dark: bool = False) -> Iterator[Page]:
    """An empty window of this size, without anything that other windows have stored."""
    scheme = "dark" if dark else "light"
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    try:
        yield context.new_page()
    finally:
        context.close()
