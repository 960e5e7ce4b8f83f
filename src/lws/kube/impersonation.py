"""Acting as somebody else: ``as`` and its companions of a kubeconfig's user, as headers of every request.

Whoever writes them means to have fewer rights than the credentials; so what cannot be honoured is refused,
never passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from lws.kube.errors import ConfigurationError

Headers = tuple[tuple[str, str], ...]

COMPANIONS = ("as-uid", "as-groups", "as-user-extra")
_sendable = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")  # others would be refused or trimmed
_TOKEN = "!#$&'*+^`|"  # what a header's name may hold beside letters, digits and -._~ (RFC 9110, 5.6.2)


def impersonation(user: Mapping[str, Any], where: str) -> Headers:
    """The headers for this user entry, some names several times; none where it acts as itself.

    Raises ConfigurationError, one line that names the field; ``where`` precedes it.
    """
    name = user.get("as")
    if name in (None, ""):
        for companion in COMPANIONS:
            if user.get(companion):
                raise ConfigurationError(f"{where}: {companion} without as: name the user to act as")
        return ()
    headers = [("Impersonate-User", _text(name, f"{where}: as"))]
    if uid := user.get("as-uid"):
        headers.append(("Impersonate-Uid", _text(uid, f"{where}: as-uid")))
    for group in _texts(user.get("as-groups"), f"{where}: as-groups"):
        headers.append(("Impersonate-Group", group))  # noqa: PERF401 - as the others
    headers += _extra(user.get("as-user-extra"), f"{where}: as-user-extra")
    return tuple(headers)


def _extra(extra: Any, where: str) -> Iterator[tuple[str, str]]:
    if not isinstance(extra or {}, Mapping):
        raise ConfigurationError(f"{where}: must be a mapping of names to lists of strings")
    for key, values in (extra or {}).items():
        name = quote(_text(key, where), safe=_TOKEN)
        for value in _texts(values, f"{where}.{key}"):
            yield f"Impersonate-Extra-{name}", value


def _texts(values: Any, where: str) -> list[str]:
    if not isinstance(values or [], list):
        raise ConfigurationError(f"{where}: must be a list of strings")
    return [_text(value, where) for value in values or []]


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{where}: must be a string, not {value!r}")
    if not _sendable.fullmatch(value):
        raise ConfigurationError(f"{where}: {value!r} cannot be sent in a header; only printable ASCII can")
    return value
