"""What the site has beyond its pages: links to their files, and the texts that the search shows."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest
from support.pages import ROOT


def loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of ``docs``, which is no package."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("address", "view", "edit"),
    [
        ("", None, None),
        ("https://a.example/o/lws/blob/main", "o/lws/blob/main/{filename}", "o/lws/edit/main/{filename}"),
        (
            "https://a.example/o/lws/-/blob/main/",
            "o/lws/-/blob/main/{filename}",
            "o/lws/-/edit/main/{filename}",
        ),
        (
            "https://a.example/o/lws/src/branch/main",
            "o/lws/src/branch/main/{filename}",
            "o/lws/_edit/main/{filename}",
        ),
        ("https://a.example/lws", "lws/{filename}", None),
    ],
    ids=["nowhere", "github", "gitlab", "gitea", "another"],
)
def test_each_page_leads_to_its_file(
    monkeypatch: pytest.MonkeyPatch, address: str, view: str | None, edit: str | None
) -> None:
    host = "https://a.example/"
    wanted = {"source_view_link": view, "source_edit_link": edit}
    links = loaded("conf", monkeypatch).links_to_files(address)
    assert links == {name: host + x for name, x in wanted.items() if x is not None}


def test_the_text_of_a_page_is_that_of_its_main_part(monkeypatch: pytest.MonkeyPatch) -> None:
    page = """<nav>Menu</nav><article role="main"><section id="a"><h1>One &amp; two
      <a class="headerlink" href="#a">¶</a></h1><script>no()</script><p>See <a href="b">there</a>.</p>
      <section id="b"><button>Copy</button>3 &lt; 4</section></section></article><footer>End</footer>"""
    text = loaded("excerpts", monkeypatch).main_of(page)
    assert " ".join(text.split()) == (
        '<div role="main"><section id="a">One &amp; two See there.'
        ' <section id="b">3 &lt; 4</section></section></div>'
    )
