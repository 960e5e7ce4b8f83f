from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest
import yaml

from lws.kube.errors import ConfigurationError
from lws.kube.kubeconfig import read_kubeconfig


def document(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "current-context": "one",
        "contexts": [
            {"name": "one", "context": {"cluster": "c1", "user": "u1"}},
            {"name": "two", "context": {"cluster": "c2"}},
        ],
        "clusters": [
            {"name": "c1", "cluster": {"server": "https://one:6443"}},
            {"name": "c2", "cluster": {"server": "https://two:6443"}},
        ],
        "users": [{"name": "u1", "user": {"token": "t"}}],
    }
    return whole | changes


def write(path: Path, content: dict[str, Any] | str) -> str:
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(path)


def test_the_current_context(tmp_path: Path) -> None:
    chosen = read_kubeconfig(write(tmp_path / "config", document()))
    assert (chosen.context, chosen.cluster["server"], chosen.user["token"]) == (
        "one",
        "https://one:6443",
        "t",
    )


def test_a_context_by_name_without_a_user(tmp_path: Path) -> None:
    chosen = read_kubeconfig(write(tmp_path / "config", document()), "two")
    assert (chosen.cluster["server"], dict(chosen.user)) == ("https://two:6443", {})


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        pytest.param({"tokenFile": "token"}, "dir/token", id="beside the kubeconfig"),
        pytest.param({"tokenFile": "/run/token"}, "/run/token", id="absolute"),
    ],
)
def test_token_file(tmp_path: Path, user: dict[str, str], expected: str) -> None:
    (tmp_path / "dir").mkdir()
    path = write(tmp_path / "dir" / "config", document(users=[{"name": "u1", "user": user}]))
    assert read_kubeconfig(path).user["tokenFile"] == str(tmp_path / expected)


def test_of_several_files_the_first_that_says_something_counts(tmp_path: Path) -> None:
    first = write(tmp_path / "first", {"clusters": [{"name": "c1", "cluster": {"server": "https://mine"}}]})
    second = write(tmp_path / "second", document())
    third = write(tmp_path / "third", document(**{"current-context": "two"}))
    chosen = read_kubeconfig(os.pathsep.join([first, str(tmp_path / "missing"), second, third]))
    assert (chosen.context, chosen.cluster["server"]) == ("one", "https://mine")


@pytest.mark.parametrize(
    ("content", "context", "message"),
    [
        pytest.param("a: [", None, r"is not YAML: line 1, column 5: .+", id="bad YAML"),
        pytest.param(
            "a: b: c", None, r"is not YAML: line 1, column 5: mapping values are not", id="bad mapping"
        ),
        pytest.param("at: 2026-13-40", None, r"no current-context is set", id="looks like a date"),
        pytest.param("a: 1\n---\nb: 2", None, r"no mapping with clusters", id="two documents"),
        pytest.param("[" * 5000, None, r"is not YAML: ", id="deep"),
        pytest.param("\x00", None, r"is not YAML: ", id="binary"),
        pytest.param("", None, r"no mapping with clusters, contexts and users", id="empty"),
        pytest.param("- a", None, r"no mapping with clusters", id="a list"),
        pytest.param(
            {"contexts": "x"}, None, r"contexts is not a list of name and context", id="odd section"
        ),
        pytest.param({"users": [{"user": {}}]}, None, r"users is not a list of name and user", id="no name"),
        pytest.param({"clusters": [{"name": "c", "cluster": 1}]}, None, r"clusters is not", id="odd entry"),
        pytest.param(
            document(**{"current-context": ""}),
            None,
            r"no current-context is set; contexts in it: one, two$",
            id="none",
        ),
        pytest.param(
            document(),
            "three",
            r"there is no context 'three'; contexts in it: one, two$",
            id="unknown context",
        ),
        pytest.param(
            document(clusters=[]),
            None,
            r"context 'one': there is no cluster 'c1'; clusters in it: none$",
            id="cluster",
        ),
        pytest.param(
            document(users=None), None, r"context 'one': there is no user 'u1'; users in it: none$", id="user"
        ),
        pytest.param(
            document(contexts=[{"name": "one", "context": None}]),
            None,
            r"there is no cluster ''; ",
            id="empty context",
        ),
        pytest.param(
            document(clusters=[{"name": "c1", "cluster": {}}]),
            None,
            r"cluster 'c1': server '' is not a URL",
            id="server",
        ),
        pytest.param(
            document(clusters=[{"name": "c1", "cluster": {"server": "one:6443"}}]),
            None,
            r"server 'one:6443' is not a URL like https://host:6443$",
            id="server without scheme",
        ),
    ],
)
def test_mistakes_are_named_in_one_line(
    tmp_path: Path, content: dict[str, Any] | str, context: str | None, message: str
) -> None:
    path = write(tmp_path / "config", content)
    with pytest.raises(ConfigurationError, match=message) as caught:
        read_kubeconfig(path, context)
    assert len(str(caught.value).splitlines()) == 1
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("value", [5, True, 1.5, ["a"], {"a": "b"}], ids=str)
@pytest.mark.parametrize(
    ("section", "member", "field"),
    [
        *(("clusters", "cluster", x) for x in ("server", "proxy-url", "tls-server-name")),
        *(("clusters", "cluster", f"certificate-authority{x}") for x in ("", "-data")),
        *(("users", "user", x) for x in ("token", "tokenFile", "username", "password")),
        *(("users", "user", f"client-{x}") for x in ("certificate", "certificate-data", "key", "key-data")),
        *(("contexts", "context", x) for x in ("cluster", "user", "namespace")),
    ],
)
def test_what_is_no_string_is_named(
    tmp_path: Path, section: str, member: str, field: str, value: object
) -> None:
    """And its value is not: it may be a secret."""
    whole = document()
    whole[section][0][member][field] = value
    path = write(tmp_path / "config", whole)
    with pytest.raises(ConfigurationError) as caught:
        read_kubeconfig(path)
    name = whole[section][0]["name"]
    assert str(caught.value).startswith(f"kubeconfig {path}")
    assert str(caught.value).endswith(f"{member} {name!r}: {field} must be a string; put it in quotes")


@pytest.mark.parametrize(
    ("section", "member", "entry", "message"),
    [
        (
            "clusters",
            "cluster",
            {"insecure-skip-tls-verify": "false"},
            "insecure-skip-tls-verify must be true or",
        ),
        (
            "clusters",
            "cluster",
            {"insecure-skip-tls-verify": 1},
            "insecure-skip-tls-verify must be true or false",
        ),
        (
            "clusters",
            "cluster",
            {"insecure-skip-tls-verify": True, "certificate-authority-data": "eA=="},
            "insecure-skip-tls-verify leaves no use for a certificate authority",
        ),
        (
            "clusters",
            "cluster",
            {"proxy-url": "proxy:1"},
            "proxy-url 'proxy:1' is not a URL of http, https or",
        ),
        ("users", "user", {"exec": "aws"}, "exec must be a mapping"),
        ("users", "user", {"auth-provider": []}, "auth-provider must be a mapping"),
    ],
)
def test_mistakes_in_an_entry(
    tmp_path: Path, section: str, member: str, entry: dict[str, Any], message: str
) -> None:
    whole = document()
    whole[section][0][member] |= entry
    with pytest.raises(ConfigurationError, match=message):
        read_kubeconfig(write(tmp_path / "config", whole))


def test_entries_that_are_null_are_none(tmp_path: Path) -> None:
    empty = {"proxy-url": None, "tls-server-name": None, "certificate-authority": None}
    users = [{"name": "u1", "user": None}]
    whole = document(clusters=[{"name": "c1", "cluster": {"server": "https://one", **empty}}], users=users)
    chosen = read_kubeconfig(write(tmp_path / "config", whole))
    assert (chosen.cluster["server"], dict(chosen.user)) == ("https://one", {})


def test_of_several_files_one_may_be_empty(tmp_path: Path) -> None:
    files = [write(tmp_path / "empty", "\n"), write(tmp_path / "config", document())]
    assert read_kubeconfig(os.pathsep.join(files)).context == "one"


def test_a_home_that_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user by a number, as OpenShift gives to pods."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(ConfigurationError, match=r"^kubeconfig ~/.kube/config does not exist; "):
        read_kubeconfig("~/.kube/config")


def nobody(_uid: int) -> Any:
    raise KeyError


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"nothing does not exist; give --kubeconfig or set KUBECONFIG$"
    ):
        read_kubeconfig(str(tmp_path / "nothing"))


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read: Is a directory$"):
        read_kubeconfig(str(tmp_path))


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"as-groups": ["g"]}, "as-groups without as: name the user to act as"),
        ({"as": "", "as-uid": "1"}, "as-uid without as: name the user to act as"),
        ({"as-user-extra": {"a": ["b"]}}, "as-user-extra without as: name the user to act as"),
        ({"as": 7}, "as: must be a string, not 7"),
        ({"as": ["a"]}, "as: must be a string, not ['a']"),
        ({"as": "a\nX: y"}, "as: 'a\\nX: y' cannot be sent in a header; only printable ASCII can"),
        ({"as": " a"}, "as: ' a' cannot be sent in a header; only printable ASCII can"),
        ({"as": "j\u00fcrgen"}, "as: 'j\u00fcrgen' cannot be sent in a header; only printable ASCII can"),
        ({"as": "a", "as-groups": "g"}, "as-groups: must be a list of strings"),
        ({"as": "a", "as-groups": [{}]}, "as-groups: must be a string, not {}"),
        ({"as": "a", "as-uid": 12}, "as-uid: must be a string, not 12"),
        (
            {"as": "a", "as-user-extra": ["b"]},
            "as-user-extra: must be a mapping of names to lists of strings",
        ),
        ({"as": "a", "as-user-extra": {"b": "c"}}, "as-user-extra.b: must be a list of strings"),
        ({"as": "a", "as-user-extra": {"b": ["\r"]}}, "as-user-extra.b: '\\r' cannot be sent in a header"),
    ],
)
def test_acting_as_somebody_is_refused_where_it_cannot_be_honoured(
    tmp_path: Path, user: dict[str, Any], message: str
) -> None:
    """Never passed over: the request would go out with the rights of the user itself."""
    path = write(tmp_path / "config", document(users=[{"name": "u1", "user": {"token": "t", **user}}]))
    with pytest.raises(ConfigurationError) as caught:
        read_kubeconfig(path)
    assert str(caught.value).startswith(f"kubeconfig {path}, user 'u1': {message}")
    assert "\n" not in str(caught.value)
