"""``make pictures``: the pictures of the dashboard that the guides show, from a cluster made for them.

Brings up a control plane and the controller, makes the sets of ``scene`` and lets one roll, opens the page in
the installed Chromium and writes ``docs/guides/dashboard-*.png``. ``--kubeconfig`` takes a cluster with a
controller instead.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from hack.dashboard import scene
from lws.cli.kinds import LEADERWORKERSETS
from lws.kube.client import Client
from lws.kube.connection import connect

ROOT: Final = Path(__file__).parents[2]
GUIDES: Final = ROOT / "docs" / "guides"
LARGEST: Final = 150_000  # bytes of a picture
PATIENCE: Final = 120.0  # seconds
FLAGS: Final = ("--no-sandbox", "--disable-dev-shm-usage")
ROLLING: Final = f"lws/{scene.NAMESPACE}/{scene.ROLLING}"
ROLES: Final = f"ds/{scene.NAMESPACE}/{scene.ROLES}"


class Picture(NamedTuple):
    """``shows``: what must be there first; ``before``: what is done to the page then."""

    name: str
    topic: str
    width: int
    height: int
    dark: bool = False
    shows: tuple[str, ...] = (".t-ok", ".t-old", ".t-busy")
    before: Callable[[Page], None] = lambda page: None


def _open_stuck(page: Page) -> None:
    page.locator(".tile.t-bad").first.click()
    page.mouse.move(0, 0)


# The roll of the DisaggregatedSet first, which comes to an end; the other one waits half way for a rack.
PICTURES: Final = (
    Picture("dark", ROLES, 1280, 800, dark=True),
    Picture("desktop", ROLLING, 1280, 780, shows=(".t-ok", ".t-old", ".t-bad")),
    Picture("phone", ROLLING, 390, 844, shows=(".t-ok", ".t-old", ".t-bad")),
    Picture("group", ROLLING, 1280, 800, shows=(".t-ok", ".t-old", ".t-bad"), before=_open_stuck),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kubeconfig", help="of a cluster whose controller runs")
    given = parser.parse_args().kubeconfig
    with contextlib.ExitStack() as stack:
        kubeconfig = given or stack.enter_context(_cluster())
        client = Client(connect(kubeconfig=kubeconfig, user_agent="pictures"))
        scene.make(client)
        _await_ready(client)
        address = stack.enter_context(_dashboard(kubeconfig))
        playwright = stack.enter_context(sync_playwright())
        chromium = shutil.which("chromium")
        if chromium is None:
            print("error: no browser here: install the Debian package chromium", file=sys.stderr)
            return 1
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        stack.callback(browser.close)
        scene.roll(client)
        _take_all(browser, address)
    return 0


def _take_all(browser: Browser, address: str) -> None:
    """In one session: the address is good for one."""
    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(address)
    page.wait_for_selector("nav a")
    home = page.url.partition("#")[0]
    for one in PICTURES:
        page.set_viewport_size({"width": one.width, "height": one.height})
        page.emulate_media(color_scheme="dark" if one.dark else "light", reduced_motion="reduce")
        page.goto(f"{home}#{one.topic}")
        page.reload()
        for tone in one.shows:
            page.wait_for_selector(f".tile{tone}")
        page.wait_for_selector("#panel .told li")
        one.before(page)
        target = GUIDES / f"dashboard-{one.name}.png"
        page.screenshot(path=target)
        page.keyboard.press("Escape")
        size = target.stat().st_size
        print(f"{target.relative_to(ROOT)}: {size} bytes")
        if size > LARGEST:
            raise SystemExit(f"error: {target.name} is larger than {LARGEST} bytes")


def _await_ready(client: Client) -> None:
    """What rolls has to be there first: as many groups as there are racks."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = client.get(LEADERWORKERSETS, dict, scene.ROLLING, scene.NAMESPACE)
        if found.get("status", {}).get("readyReplicas", 0) >= 3:
            return
        time.sleep(0.5)
    raise SystemExit(f"error: {scene.ROLLING} did not come up within {PATIENCE:g} s")


@contextlib.contextmanager
def _cluster() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="lws-pictures-") as directory:
        nodes = ["--nodes", str(scene.NODES), "--start-delay", "1s"]
        up = [str(ROOT / "hack" / "cluster"), "up", "--dir", directory, *nodes]
        try:
            done = subprocess.run(up, stdout=subprocess.PIPE, text=True, check=True)
            kubeconfig = done.stdout.strip().splitlines()[-1]
            run = ("-m", "hack.tools.run", "--kubeconfig", kubeconfig)
            with _running(*run, stdout=subprocess.PIPE) as controller:
                if not any(x.startswith("ready") for x in controller.stdout or ()):
                    raise SystemExit("error: the controller ended before it was ready")
                yield kubeconfig
        finally:
            subprocess.run([*up[:1], "down", "--dir", directory], stdout=subprocess.DEVNULL, check=False)


@contextlib.contextmanager
def _dashboard(kubeconfig: str) -> Iterator[str]:
    words = ("--no-browser", "-o", "json", "-n", scene.NAMESPACE, "--kubeconfig", kubeconfig)
    with _running("-m", "lws.cli", "dashboard", *words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")["address"]


@contextlib.contextmanager
def _running(*words: str, stdout: int) -> Iterator[subprocess.Popen[str]]:
    """Python with these words, until the end of the context."""
    command = [sys.executable, *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=stdout, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
