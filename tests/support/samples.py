"""The files of ``manifests/samples``, applied as a user would."""

from __future__ import annotations

from collections.abc import Callable

import yaml

from lws.api import constants as c
from lws.kube.resources import SERVICES, Resource
from support.cluster import ROOT
from support.sets import Document, LiveSet, Sets

SAMPLES = ROOT / "manifests" / "samples"
AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
OTHERS = {kind.kind: kind for kind in (SERVICES, AUTOSCALERS)}


def load_sample(file: str) -> list[Document]:
    """Its documents."""
    return list(yaml.safe_load_all((SAMPLES / file).read_text()))


def apply_sample(
    sets: Sets, file: str, change: Callable[[Document], object] = lambda _document: None
) -> LiveSet:
    """Create everything in a sample file, the set after ``change`` has been made to it; the set."""
    documents = load_sample(file)
    [lws] = [x for x in documents if x["kind"] == c.KIND]
    change(lws)
    made = sets.add(lws)
    for other in documents:
        if other["kind"] in OTHERS:
            sets.client.create(OTHERS[other["kind"]], dict, other, namespace=sets.namespace)
    return made
