"""The documentation's site in a real browser: everything fits, and the search finds what people type."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from support.browser import chromium, window
from support.cluster import ROOT

pytestmark = pytest.mark.integration

DESKTOP = 1400
HEIGHT = 100  # what is not in the window need not be drawn
WIDTHS = (390, 820, DESKTOP)  # a telephone's, a tablet's, a screen's
# What stands beyond the window, or beyond a box that cuts it off or scrolls.
BEYOND = """() => {
  const beyond = e => e.scrollWidth - e.clientWidth;
  const cut = e => e.clientWidth > 0 && beyond(e) > 1 && getComputedStyle(e).overflowX != "visible";
  const boxes = [...document.querySelectorAll("article *")].filter(cut);
  const found = boxes.map(e => e.textContent.trim().slice(0, 60));
  const page = beyond(document.documentElement);
  return page > 0 ? [`the page, by ${page} px`, ...found] : found;
}"""
# Of each result that is no name from an index, which has a text of its own.
SHOWN = """() => {
  const all = [...document.querySelectorAll("ul.search > li")];
  const found = all.filter(e => !e.querySelector(":scope > span"));
  return found.length && found.every(e => e.querySelector("p.context"));
}"""
BY_FIRST_RESULTS = 3
SEARCHES = {
    "rollback": "docs/guides/rollouts",
    "revert": "docs/guides/rollouts",
    "rolling update": "docs/guides/rollouts",
    "quickstart": "docs/guides/kind",
    "minikube": "docs/guides/kind",
    "kind": "docs/guides/kind",
    "install": "docs/guides/installation",
    "helm": "docs/guides/installation",
    "architecture": "docs/guides/concepts",
    "FAQ": "docs/guides/faq",
    "changelog": "CHANGELOG",
    "OpenShift": "docs/guides/platforms",
    "EKS": "docs/guides/platforms",
    "GKE": "docs/guides/platforms",
    "arm64": "docs/guides/platforms",
    "air-gapped": "docs/guides/platforms",
    "mirror": "docs/guides/platforms",
    "imagePullSecrets": "docs/guides/platforms",
    "hostNetwork": "docs/guides/platforms",
    "Argo CD": "docs/guides/gitops",
    "Flux": "docs/guides/gitops",
    "node drain": "docs/guides/faq",
    "blue green": "docs/guides/faq",
    "RDMA": "docs/guides/faq",
    "backup": "docs/guides/faq",
    "pprof": "docs/guides/faq",
    "log level": "docs/guides/configuration",
    "progressDeadlineSeconds": "docs/guides/rollouts",
    "validation": "docs/guides/admission",
    "fix": "docs/guides/troubleshooting",
    "scale": "docs/guides/autoscaling",
    "reconcile": "docs/guides/metrics",
    "queue": "docs/guides/metrics",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chromium()  # without one nothing needs to be built
    if built_before := os.environ.get("LWS_SITE"):  # by `make test`
        return ROOT / built_before
    built = tmp_path_factory.mktemp("site") / "html"
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    subprocess.run(["make", "--silent", "docs", f"SITE={built}"], cwd=ROOT, env=environment, check=True)
    return built


def pages(site: Path) -> list[Path]:
    return sorted(x for x in site.rglob("*.html") if x.name != "search.html")


@pytest.fixture(scope="module")
def desktop(browser: Browser) -> Iterator[Page]:
    """One for all: whoever makes it narrower makes it as wide again."""
    with window(browser, DESKTOP, height=HEIGHT) as page:
        yield page


@pytest.mark.timeout(1200)  # hundreds of pages, three times each, beside whatever else is tested
def test_nothing_stands_outside_its_column(site: Path, desktop: Page) -> None:
    wrong: dict[str, list[str]] = {}
    for each in pages(site):
        desktop.goto(each.as_uri())
        for width in WIDTHS:
            desktop.set_viewport_size({"width": width, "height": HEIGHT})
            if found := desktop.evaluate(BEYOND):
                wrong[f"{each.relative_to(site)} at {width} px"] = found
    assert wrong == {}


def test_what_stands_outside_is_noticed(tmp_path: Path, desktop: Page) -> None:
    wide = '<article><div style="width: 2000px">a</div><pre style="overflow: auto">%s</pre></article>'
    (tmp_path / "wide.html").write_text(wide % ("code " * 300))
    desktop.goto((tmp_path / "wide.html").as_uri())
    assert [re.sub(r"\d+", "N", x).split(" code")[0] for x in desktop.evaluate(BEYOND)] == [
        "the page, by N px",
        "code",
    ]


def test_no_page_asks_anybody_else(site: Path, desktop: Page) -> None:
    asked: list[str] = []
    desktop.on("request", lambda request: asked.append(request.url))
    for each in pages(site)[:20]:
        desktop.goto(each.as_uri())
    assert {x.partition(":")[0] for x in asked} <= {"file", "data"}


@pytest.mark.parametrize("words", SEARCHES)
def test_the_search_finds(site: Path, desktop: Page, words: str) -> None:
    """Among the first results."""
    desktop.goto(f"{(site / 'search.html').as_uri()}?q={words}")
    desktop.wait_for_selector("#search-results .search-summary:has-text('finished')")
    found = [x.get_attribute("href") or "" for x in desktop.query_selector_all("ul.search > li > a")]
    first = list(dict.fromkeys(re.sub(r"\.html.*", "", x) for x in found))[:BY_FIRST_RESULTS]
    assert SEARCHES[words] in first


def test_what_the_search_finds_is_shown_from_files_too(site: Path, desktop: Page) -> None:
    """A browser lets no page read another one there; a place within a page has its own text."""
    desktop.goto(f"{(site / 'search.html').as_uri()}?q=rollback")
    desktop.wait_for_selector("#search-results .search-summary:has-text('finished')")
    desktop.wait_for_function(SHOWN)
    texts = [x.inner_text() for x in desktop.query_selector_all("ul.search p.context")]
    assert any("rollback" in x.lower() for x in texts)


def test_a_newcomer_finds_the_ways_on_and_can_copy(site: Path, desktop: Page) -> None:
    desktop.goto((site / "index.html").as_uri())
    for text in ("Try it", "Install it", "Guides"):
        box = desktop.get_by_role("link", name=text, exact=True).first.bounding_box()
        assert box is not None
        assert box["y"] < 400
    assert desktop.locator("button.copybtn").count() == desktop.locator("div.highlight pre").count() > 0
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert version[1] in desktop.locator(".sidebar-brand").inner_text()


def test_what_is_for_developers_is_out_of_the_way(site: Path, desktop: Page) -> None:
    """One entry of the sidebar, closed until it is opened."""
    desktop.goto((site / "README.html").as_uri())
    for hidden in ("docs/decisions/001-hack-cluster.html", "tests/SCENARIOS.html"):
        assert not desktop.locator(f'.sidebar-tree a[href="{hidden}"]').is_visible()
    assert desktop.locator('.sidebar-tree a[href="docs/decisions/README.html"]').count() == 1
