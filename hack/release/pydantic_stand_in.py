"""In ``kubectl-lws`` as one file, what the official client takes from pydantic while it is imported.

It derives classes of its API calls and answers from these names; reading a kubeconfig and making connections
use none of them. A test looks that no other name is wanted.
"""

from __future__ import annotations

from typing import Any

StrictInt = int
StrictBytes = bytes


class BaseModel:
    """Of the client's answers, of which none is ever made."""


class SecretStr(str):
    """Of the client's requests, of which none is ever sent."""


def Field(*_default: Any, **_members: Any) -> Any:  # noqa: N802 - pydantic's name
    """Describes a member of such an answer."""
    return None
