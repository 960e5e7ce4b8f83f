"""What all lists of an API server have in common: pages, metadata alone, and what a list says of itself."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

PAGE: Final = 500
"""Objects in a page, where a list comes from etcd anyway."""

PARTIAL_METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""What to accept where nothing but the metadata is read."""


def list_accept(accept: str) -> str:
    """What to accept of a list, where ``accept`` is it of each object."""
    return accept.replace("as=PartialObjectMetadata;", "as=PartialObjectMetadataList;")


class ListMeta(Struct, frozen=True, rename={"continue_": "continue", "resource_version": "resourceVersion"}):
    """``metav1.ListMeta``. ``continue_``: the token of the next page, empty at the last."""

    resource_version: str = ""
    continue_: str = ""
