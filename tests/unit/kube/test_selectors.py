from __future__ import annotations

import pytest

from lws.kube.selectors import absent, all_of, equals, exists


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        pytest.param(exists("a/b"), "a/b", id="exists"),
        pytest.param(absent("a/b"), "!a/b", id="absent"),
        pytest.param(equals("a", "x"), "a=x", id="equals"),
        pytest.param(all_of(exists("a"), equals("b", "x")), "a,b=x", id="all"),
        pytest.param(all_of("", exists("a")), "a", id="an empty requirement demands nothing"),
        pytest.param(all_of(), "", id="nothing demanded"),
    ],
)
def test_text(selector: str, text: str) -> None:
    assert selector == text
