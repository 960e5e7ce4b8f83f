"""Whatever stands in a file: it is read as JSON, or refused with one kind of error."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from lws.cli.kinds import DISAGGREGATEDSETS, LEADERWORKERSETS
from lws.cli.manifest import as_applied, find_set, name_of_only_set, read_documents
from lws.cli.session import CommandError
from lws.config.decoding import decode_configuration
from lws.config.types import InvalidConfiguration
from lws.documents import Unreadable
from lws.documents import read_documents as read
from lws.kube.errors import ConfigurationError
from lws.kube.kubeconfig import read_kubeconfig

_SCALARS: Final = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["2026-02-30", "2026-02-03 20:00:00 +99:00", "1:99", "0b_", "0x", "._", "=", "<<", "~", "yes", ".nan"]
    ),
    st.sampled_from(
        ["9" * 400, "9" * 5000, "1e999", '"\\ud800"', '"\\UFFFFFFFF"', '"\\0"', "*x", "&x y", "? "]
    ),
    st.tuples(
        st.sampled_from(
            [
                "int",
                "float",
                "bool",
                "null",
                "binary",
                "timestamp",
                "set",
                "omap",
                "pairs",
                "merge",
                "map",
                "seq",
            ]
        ),
        st.sampled_from(["abc", "maybe", "", "[a]", "{a: b}", "'@@'", "[[a, b]]"]),
    ).map(lambda x: f"!!{x[0]} {x[1]}"),
)
_MANIFEST: Final = ("metadata", "name", "annotations", "labels", "namespace", "spec", "?")
_CONFIGURATION: Final = ("webhook", "port", "clientConnection", "qps", "metrics", "bindAddress")
_KUBECONFIG: Final = ("clusters", "users", "contexts", "cluster", "user", "current-context")
_FIELDS: Final = st.sampled_from((*_MANIFEST, *_CONFIGURATION, *_KUBECONFIG))
_VALUES: Final = st.recursive(
    _SCALARS,
    lambda below: (
        st.lists(below, max_size=3).map(lambda x: f"[{', '.join(x)}]")
        | st.lists(st.tuples(_FIELDS, below), max_size=3).map(
            lambda x: "{" + ", ".join(f"{name}: {value}" for name, value in x) + "}"
        )
        | st.tuples(below, st.sampled_from([1, 2, 110])).map(lambda x: "[" * x[1] + x[0] + "]" * x[1])
    ),
    max_leaves=6,
)
KINDS: Final = (LEADERWORKERSETS, DISAGGREGATEDSETS)
_HEAD: Final = "apiVersion: leaderworkerset.x-k8s.io/v1\nkind: LeaderWorkerSet\n"
_DOCUMENTS: Final = st.lists(st.tuples(_FIELDS, _VALUES), max_size=4).map(
    lambda x: "\n".join(f"{name}: {value}" for name, value in x)
)
HOSTILE: Final = st.one_of(_DOCUMENTS, _DOCUMENTS.map(_HEAD.__add__), _VALUES, st.text(max_size=40))


@given(HOSTILE)
@settings(deadline=None, max_examples=100)
def test_a_text_is_json_or_unreadable(text: str) -> None:
    with suppress(Unreadable):
        json.dumps(read(text), ensure_ascii=False).encode()


@given(HOSTILE)
@settings(deadline=None, max_examples=100)
def test_each_file_of_a_user_is_read_or_refused_by_its_own_error(text: str) -> None:
    with suppress(InvalidConfiguration):
        decode_configuration(text.encode(errors="surrogatepass"))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "file")
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        with suppress(ConfigurationError):
            read_kubeconfig(str(path))
        with suppress(CommandError):
            found = read_documents(str(path))
            target = name_of_only_set(str(path), found)
            kind = next(x for x in KINDS if x.kind == target.kind)
            as_applied(find_set(str(path), found, kind, target.name), "ns")
