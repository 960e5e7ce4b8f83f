"""When a server-side apply would change nothing, so that it need not be sent.

Two questions, both answered from observed state: does every member of the document hold in the object,
and does our field manager own nothing that the document gives up? After a write the answer is remembered
by UID as (document hash, generation); ``metadata.generation`` moves with any change of the spec, so while
it stands still only metadata has to be compared (runtime.md, B3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from lws.controllers.byuid import ByUid
from lws.objects import KubeObject, canonical_json


class Memo(NamedTuple):
    """The document last known to hold, and the generation it was seen at."""

    digest: bytes
    generation: int


def digest(document: Mapping[str, Any]) -> bytes:
    """Equal documents, whatever the order of their members, have equal digests."""
    return hashlib.blake2b(canonical_json(document), digest_size=16).digest()


class AppliedMemory:
    """Remembers which document holds; what is forgotten costs one read, never a write."""

    def __init__(self) -> None:
        self._memos = ByUid[Memo]()
        self.forget = self._memos.forget

    def holds(self, document: Mapping[str, Any], observed: KubeObject) -> bool | None:
        """Whether ``document`` holds in ``observed`` as the cache shows it; None: not known yet."""
        memo = self._memos.get(observed.uid)
        if memo is None:
            return None
        return (
            memo.digest == digest(document)
            and observed.metadata.generation <= memo.generation
            and metadata_holds(document["metadata"], observed)
        )

    def remember(self, document: Mapping[str, Any], written: KubeObject) -> None:
        """Note that ``document`` holds in ``written``, the answer of a write or of a read."""
        self._memos.put(written.uid, Memo(digest(document), written.metadata.generation))


def metadata_holds(wanted: Mapping[str, Any], observed: KubeObject) -> bool:
    """Whether wanted labels, annotations and owners are all on the object; others may be there too."""
    owners = {ref.uid for ref in observed.metadata.owner_references}
    return (
        wanted.get("labels", {}).items() <= observed.labels.items()
        and wanted.get("annotations", {}).items() <= observed.annotations.items()
        and all(ref["uid"] in owners for ref in wanted.get("ownerReferences", ()))
    )


def apply_changes_nothing(document: Mapping[str, Any], live: Mapping[str, Any], field_manager: str) -> bool:
    """Whether applying ``document`` over ``live`` (whole, with managedFields) would be a no-op."""
    return _covers(live, document) and not _gives_up(document, live, field_manager)


def _covers(live: Any, wanted: Any) -> bool:
    """Every member of ``wanted`` holds in ``live``; the server's own defaults may stand beside it."""
    if wanted in ("", {}, []):
        return True  # an empty member asks for the server's default
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            _covers(live.get(key), value) for key, value in wanted.items() if key in live or key not in _GATED
        )
    if isinstance(wanted, list):
        if not isinstance(live, list) or len(live) != len(wanted):
            return False
        return all(_covers(have, want) for have, want in zip(live, wanted, strict=True))
    return bool(live == wanted)


# Dropped by a server whose feature gate is off (MaxUnavailableStatefulSet), so its absence is no difference.
_GATED = frozenset({"maxUnavailable"})
_MAPS = (("metadata",), ("spec", "template", "metadata"))


def _gives_up(document: Mapping[str, Any], live: Mapping[str, Any], field_manager: str) -> bool:
    """Our manager owns a label or annotation that the document lacks: the apply would remove it.

    Everything else a document may give up is part of the revision, whose hash is itself a label.
    """
    for entry in live.get("metadata", {}).get("managedFields", ()):
        if entry.get("manager") != field_manager or entry.get("operation") != "Apply":
            continue
        for path in _MAPS:
            owned, wanted = entry.get("fieldsV1", {}), document
            for step in path:
                owned, wanted = owned.get(f"f:{step}", {}), wanted.get(step, {})
            for member in ("labels", "annotations"):
                if _names(owned.get(f"f:{member}", {})) - wanted.get(member, {}).keys():
                    return True
    return False


def _names(owned: Mapping[str, Any]) -> set[str]:
    return {name.removeprefix("f:") for name in owned if name != "."}
