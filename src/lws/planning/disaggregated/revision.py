"""The revision of a DisaggregatedSet: a hash of all its roles' templates (section 5).

Equal to upstream's, byte for byte, so that changing from one controller to the other rolls nothing.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from typing import Final

from lws.api.disaggregatedset import Role
from lws.planning.revisions.encoding import EncodingError, Form, encoder_of
from lws.planning.revisions.tokens import quote, read_json

_LENGTH: Final = 8
# Some 20 kB for each role; sets made from one chart share theirs.
_REMEMBERED: Final = 512
_encode_template: Final = encoder_of("LeaderWorkerTemplate", Form.DECLARED)


def revision_of(roles: Iterable[Role]) -> str:
    """Eight hex digits. Raises ValueError with the path of a value that Kubernetes' types cannot hold."""
    return _hash(tuple((x.name, bytes(x.read_spec().leader_worker_template)) for x in roles))


@functools.lru_cache(maxsize=_REMEMBERED)
def _hash(templates: tuple[tuple[str, bytes], ...]) -> str:
    return hashlib.sha256(encoded(templates).encode()).hexdigest()[:_LENGTH]


def encoded(templates: Iterable[tuple[str, bytes]]) -> str:
    """What is hashed, of (role, JSON text of its leaderWorkerTemplate) in the order of the spec."""
    entries = (f'{{"name":{quote(name)},"template":{_template(name, text)}}}' for name, text in templates)
    return "[" + ",".join(entries) + "]"


@functools.lru_cache(maxsize=_REMEMBERED)
def _template(role: str, text: bytes) -> str:
    path = f"spec.roles[{role}].spec.leaderWorkerTemplate"
    try:
        return _encode_template(read_json(text))
    except EncodingError as error:
        raise error.within(path) from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    except RecursionError:
        raise ValueError(f"{path}: JSON nested too deeply") from None
