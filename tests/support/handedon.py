"""Where the metadata of our StatefulSets differs from upstream's on purpose (docs/decisions/122)."""

from __future__ import annotations

from typing import Any

from lws.api import constants as c


def as_upstream(document: dict[str, Any], *, role: str = "") -> dict[str, Any]:
    """Without what is ours alone, and without what only upstream hands on.

    Ours has a label that tells leaders' StatefulSets from workers', of this ``role``. Upstream hands on
    kubectl's last-applied-configuration, the text of another object.
    """
    metadata = dict(document["metadata"])
    labels, annotations = dict(metadata.get("labels", {})), dict(metadata.get("annotations", {}))
    if role:
        assert labels.pop(c.ROLE_LABEL) == role
        assert c.LAST_APPLIED_ANNOTATION not in annotations
    annotations.pop(c.LAST_APPLIED_ANNOTATION, None)
    metadata |= {"labels": labels, "annotations": annotations}
    return {**document, "metadata": {name: x for name, x in metadata.items() if x != {}}}
