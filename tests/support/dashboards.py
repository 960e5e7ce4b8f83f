"""``kubectl lws dashboard`` at work, and its page in a real browser."""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Locator, Page, Request, expect

from support.browser import window

PATIENCE = 30_000  # milliseconds; a loaded machine may need a good part of it
expect.set_options(timeout=PATIENCE)  # of each expectation that names no other; by default 5 s


class Dashboard:
    """The command, running. ``address`` is good for one browser."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        lines = list(itertools.takewhile(lambda line: line != "}\n", process.stdout))
        assert process.poll() is None, f"it ended with {process.returncode}"
        self.address = str(json.loads("".join([*lines, "}"]))["address"])

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)

    @property
    def threads(self) -> int:
        tasks = Path(f"/proc/{self.process.pid}/task")
        return len(list(tasks.iterdir()))


@contextlib.contextmanager
def running_dashboard(kubeconfig: str, *words: str) -> Iterator[Dashboard]:
    """Ended whatever happens."""
    # What a shell starts in the background ignores Ctrl-C, and so would what the tests start there.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "lws.cli", "dashboard"]
    command += ["--no-browser", "-o", "json", *words]
    process = subprocess.Popen([*command, "--kubeconfig", kubeconfig], stdout=subprocess.PIPE, text=True)
    alarm = threading.Timer(60, process.kill)  # so that nobody reads for ever
    alarm.start()
    try:
        dashboard = Dashboard(process)
        alarm.cancel()
        yield dashboard
    finally:
        alarm.cancel()
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


class Seen(NamedTuple):
    """A page, with every request that it made and everything that it complained of."""

    page: Page
    requests: list[str]
    complaints: list[str]

    def tile(self, set_: str, index: int) -> Locator:
        return self.page.locator(f'.tile[data-key="{set_}/{index}"]')

    def tab(self, name: str) -> str:
        """What a tab holds, once it is chosen."""
        self.page.get_by_role("tab", name=name).click()
        return self.page.locator("#panel").inner_text()

    def confirm(self, button: str) -> None:
        self.page.locator("dialog.ask").get_by_role("button", name=button, exact=True).click()

    @property
    def told(self) -> Locator:
        """What came of the last order."""
        return self.page.locator(".said p")


@contextlib.contextmanager
def looking(browser: Browser, address: str, *, width: int = 1400, dark: bool = False) -> Iterator[Seen]:
    with window(browser, width, dark=dark) as page:
        page.set_default_timeout(PATIENCE)
        seen = Seen(page, [], [])

        def note(request: Request) -> None:
            seen.requests.append(request.url)

        page.on("request", note)
        page.on("console", lambda x: seen.complaints.append(x.text) if x.type == "error" else None)
        page.on("pageerror", lambda x: seen.complaints.append(str(x)))
        page.goto(address)
        yield seen


@contextlib.contextmanager
def looking_closely(browser: Browser, address: str) -> Iterator[Seen]:
    """The page must neither complain nor ask anybody else, whatever is done with it meanwhile."""
    with looking(browser, address) as seen:
        yield seen
    assert {urlsplit(x).netloc for x in seen.requests} == {urlsplit(address).netloc}
    assert seen.complaints == []
